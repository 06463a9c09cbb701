/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/retention.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* FNV-1a, 64 bits: small, the same everywhere, and nobody attacks it here. */
static const uint64_t hash_begin = UINT64_C(0xCBF29CE484222325);
static const uint64_t hash_prime = UINT64_C(0x100000001B3);

void lr_retention_init(struct lr_retention *retention, uint32_t session, lr_time at) {
    *retention = (struct lr_retention){.session = session, .at = at};
}

void lr_retention_set_root(struct lr_retention *retention, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(retention->root, sizeof retention->root, format, arguments);
    va_end(arguments);
}

void lr_retention_add(struct lr_retention *retention, const char *via, const char *name,
                      enum lr_hop_state state, bool in_cycle) {
    if (retention->hop_count == LR_RETENTION_HOPS_MAX) {
        /* The root's side and the session's tell most: the oldest of the second half gives way. */
        const size_t half = LR_RETENTION_HOPS_MAX / 2;
        memmove(&retention->hops[half], &retention->hops[half + 1],
                (LR_RETENTION_HOPS_MAX - half - 1) * sizeof retention->hops[0]);
        retention->hop_count--;
        retention->hops_left_out++;
        retention->gap_at = half;
    }
    struct lr_hop *hop = &retention->hops[retention->hop_count++];
    *hop = (struct lr_hop){.state = state, .in_cycle = in_cycle};
    (void)snprintf(hop->via, sizeof hop->via, "%s", via == NULL ? "" : via);
    (void)snprintf(hop->name, sizeof hop->name, "%s", name);
}

void lr_retention_leave_out(struct lr_retention *retention, size_t count) {
    retention->hops_left_out += count;
    retention->gap_at = retention->hop_count;
}

void lr_retention_suspect(struct lr_retention *retention) {
    if (retention->hop_count > 0) {
        retention->hops[retention->hop_count - 1].suspect = true;
    }
}

void lr_retention_way(struct lr_retention *retention, const char *format, ...) {
    if (retention->way_count == LR_RETENTION_WAYS_MAX) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    char *way = retention->ways[retention->way_count++];
    (void)vsnprintf(way, sizeof retention->ways[0], format, arguments);
    va_end(arguments);
}

void lr_retention_way_of_server(struct lr_retention *retention, const struct lr_account *account,
                                lr_time now) {
    if (account->accepted_at == LR_TIME_NEVER || account->timeout_ns == LR_TIME_NEVER) {
        return;
    }
    char left[32];
    lr_time end = lr_time_add(account->accepted_at, account->timeout_ns);
    if (end > now) {
        lr_retention_way(retention, "the server's timeout in %s",
                         lr_text_duration(left, sizeof left, end - now));
    }
}

static void mark_cycle(struct lr_retention *retention) {
    for (size_t i = 0; i < retention->hop_count; i++) {
        retention->hops[i].suspect = retention->hops[i].in_cycle;
    }
}

/* From behind the last hop in use to the first whose time has passed, or to the session. */
static void mark_stretch(struct lr_retention *retention) {
    size_t begin = 0;
    for (size_t i = 0; i < retention->hop_count; i++) {
        retention->hops[i].suspect = false;
        if (retention->hops[i].state == LR_HOP_IN_USE && i + 1 < retention->hop_count) {
            begin = i + 1;
        }
    }
    for (size_t i = begin; i < retention->hop_count; i++) {
        retention->hops[i].suspect = true;
        if (retention->hops[i].state == LR_HOP_OVER) {
            return;
        }
    }
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_word(char c) {
    return is_digit(c) || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static uint64_t hash_byte(uint64_t hash, char byte) {
    return (hash ^ (uint8_t)byte) * hash_prime;
}

/* Numbers count as one '#' each, whatever they are: addresses (0x7f..), lines, indices, ports. */
static uint64_t hash_text(uint64_t hash, const char *text) {
    const char *c = text;
    while (*c != '\0') {
        if (!is_digit(*c)) {
            hash = hash_byte(hash, *c++);
            continue;
        }
        bool address = c[0] == '0' && (c[1] == 'x' || c[1] == 'X');
        for (c += address ? 2 : 1; address ? is_word(*c) : is_digit(*c); c++) {}
        hash = hash_byte(hash, '#');
    }
    return hash_byte(hash, '\n');
}

/* Each stretch of suspect hops with what it begins at: the name of a local alone says little. */
static uint64_t hash_owner(uint64_t hash, const struct lr_retention *retention, size_t hop) {
    if (hop == 0 || retention->hops[hop - 1].suspect) {
        return hash;
    }
    return hash_text(hash, retention->hops[hop - 1].name);
}

/* Of hops that repeat (the nodes of a chain, the tracebacks of a stack) one is counted: a longer
 * chain is the same leak. */
static uint64_t fingerprint_of(const struct lr_retention *retention) {
    uint64_t hash = hash_text(hash_begin, retention->root);
    uint64_t before = 0;
    for (size_t i = 0; i < retention->hop_count; i++) {
        const struct lr_hop *hop = &retention->hops[i];
        if (!hop->suspect) {
            continue;
        }
        uint64_t own = hash_text(hash_text(hash_begin, hop->via), hop->name);
        hash = hash_owner(hash, retention, i);
        if (own != before) {
            hash = hash_text(hash_text(hash, hop->via), hop->name);
        }
        before = own;
    }
    return hash;
}

void lr_retention_conclude(struct lr_retention *retention) {
    bool marked = false;
    bool cycle = false;
    for (size_t i = 0; i < retention->hop_count; i++) {
        marked = marked || retention->hops[i].suspect;
        cycle = cycle || retention->hops[i].in_cycle;
    }
    if (cycle && !marked) {
        mark_cycle(retention);
    } else if (!marked) {
        mark_stretch(retention);
    }
    retention->fingerprint = fingerprint_of(retention);
    if (retention->advice[0] == '\0') {
        (void)snprintf(retention->advice, sizeof retention->advice,
                       "close it explicitly, or hold it in a scope");
    }
}

/* |word| stands in |text|, and is no part of a longer name there. */
static bool meets(const char *text, const char *word) {
    size_t size = strlen(word);
    for (const char *at = strstr(text, word); size > 0 && at != NULL; at = strstr(at + 1, word)) {
        bool begins = at == text || !is_word(at[-1]) || !is_word(word[0]);
        bool ends = !is_word(at[size]) || !is_word(word[size - 1]);
        if (begins && ends) {
            return true;
        }
    }
    return false;
}

/* What a path reads as, in order: the root, then for each hop how it is referred to and what it is.
 * NULL behind the end. */
static const char *step_of(const struct lr_retention *retention, size_t step) {
    if (step == 0) {
        return retention->root;
    }
    size_t hop = (step - 1) / 2;
    if (hop >= retention->hop_count) {
        return NULL;
    }
    return (step - 1) % 2 == 0 ? retention->hops[hop].via : retention->hops[hop].name;
}

bool lr_retention_matches(const struct lr_retention *retention, const char *const *words,
                          size_t count, const char **missing) {
    size_t step = 0;
    for (size_t i = 0; i < count; i++) {
        const char *text = step_of(retention, step);
        while (text != NULL && !meets(text, words[i])) {
            text = step_of(retention, ++step);
        }
        if (text == NULL) {
            *missing = words[i];
            return false;
        }
        step++;
    }
    return true;
}

/* Text that grows and is cut where its room ends. */
struct page {
    char *out;
    size_t size;
    size_t used;
};

static void add(struct page *page, const char *format, ...) LR_PRINTF(2, 3);

static void add(struct page *page, const char *format, ...) {
    size_t room = page->size - page->used;
    if (room <= 1) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(page->out + page->used, room, format, arguments);
    va_end(arguments);
    page->used += length < 0 ? 0 : (size_t)length < room ? (size_t)length : room - 1;
}

static struct page page_begin(char *out, size_t size) {
    if (size > 0) {
        out[0] = '\0';
    }
    return (struct page){.out = out, .size = size};
}

static bool gap_before(const struct lr_retention *retention, size_t hop) {
    return retention->hops_left_out > 0 && hop == retention->gap_at;
}

const char *lr_retention_line(char *out, size_t size, const struct lr_retention *retention) {
    struct page page = page_begin(out, size);
    add(&page, "%s: ", retention->root);
    for (size_t i = 0; i < retention->hop_count; i++) {
        const struct lr_hop *hop = &retention->hops[i];
        bool last = i + 1 == retention->hop_count;
        if (gap_before(retention, i)) {
            add(&page, "(%zu more) -> ", retention->hops_left_out);
        }
        /* The session goes without saying; how it is referred to does not. */
        add(&page, "%s%s", last && hop->via[0] != '\0' ? hop->via : hop->name, last ? "" : " -> ");
    }
    return out;
}

const char *lr_retention_suspects(char *out, size_t size, const struct lr_retention *retention) {
    struct page page = page_begin(out, size);
    const char *before = ": ";
    add(&page, "%s", retention->root);
    for (size_t i = 0; i < retention->hop_count; i++) {
        const struct lr_hop *hop = &retention->hops[i];
        if (!hop->suspect) {
            continue;
        }
        if (i > 0 && !retention->hops[i - 1].suspect) { /* what the reference is in */
            add(&page, "%s%s", before, retention->hops[i - 1].name);
            before = ", ";
        }
        add(&page, "%s%s%s%s", before, hop->via, hop->via[0] == '\0' ? "" : " -> ", hop->name);
        before = ", ";
    }
    return out;
}

const char *lr_retention_text(char *out, size_t size, const struct lr_retention *retention) {
    struct page page = page_begin(out, size);
    char digits[17];
    add(&page, "session %u is held%s: %s\n", retention->session,
        retention->expected ? ", as expected" : "", retention->root);
    for (size_t i = 0; i < retention->hop_count; i++) {
        const struct lr_hop *hop = &retention->hops[i];
        if (gap_before(retention, i)) {
            add(&page, "    (%zu more)\n", retention->hops_left_out);
        }
        add(&page, "  %c %s%s%s\n", hop->suspect ? '~' : ' ', hop->via,
            hop->via[0] == '\0' ? "" : " -> ", hop->name);
    }
    add(&page, "  would release it: ");
    for (size_t i = 0; i < retention->way_count; i++) {
        add(&page, "%s%s", i == 0 ? "" : "; ", retention->ways[i]);
    }
    add(&page, "%s\n", retention->way_count == 0 ? "close() alone" : "");
    add(&page, "  advice: %s\n  fingerprint of the suspect part (~): %s\n", retention->advice,
        lr_retention_fingerprint(digits, retention));
    return out;
}

const char *lr_retention_fingerprint(char *out, const struct lr_retention *retention) {
    (void)snprintf(out, 17, "%016" PRIx64, retention->fingerprint);
    return out;
}
