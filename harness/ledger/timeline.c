/* SPDX-License-Identifier: Apache-2.0 */
/* The timeline: a ring of the last lines, as what matters of a failure is its end. */
#include "ledger/ledger_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

/* ---- words ---- */

/* A text that is cut where its room ends. */
struct sentence {
    char *out;
    size_t used;
};

static void add(struct sentence *sentence, const char *text, size_t size) {
    size_t room = LR_TIMELINE_TEXT_MAX - 1 - sentence->used;
    size = size < room ? size : room;
    if (size > 0) {
        memcpy(sentence->out + sentence->used, text, size);
        sentence->used += size;
    }
}

/* A word as the letter of its place says. */
static void add_word(struct sentence *sentence, char letter, union lr_ledger_word word) {
    char text[32];
    switch (letter) {
    case 's':
        add(sentence, word.text, strlen(word.text));
        return;
    case 'u':
        (void)snprintf(text, sizeof text, "%" PRIu64, word.number);
        break;
    case 'd':
        (void)snprintf(text, sizeof text, "%" PRId64, (int64_t)word.number);
        break;
    case 't':
        (void)lr_text_duration(text, sizeof text, word.number);
        break;
    default:
        LR_UNREACHABLE();
    }
    add(sentence, text, strlen(text));
}

static void put_into_words(const struct lr_ledger_line *line, char out[LR_TIMELINE_TEXT_MAX]) {
    struct sentence sentence = {.out = out};
    const union lr_ledger_word *word = line->words;
    const char *at = line->form;
    for (const char *place = strchr(at, '%'); place != NULL; place = strchr(at, '%')) {
        add(&sentence, at, (size_t)(place - at));
        add_word(&sentence, place[1], *word++);
        at = place + 2;
    }
    add(&sentence, at, strlen(at));
    add(&sentence, line->rest, line->rest_size);
    out[sentence.used] = '\0';
}

/* ---- lines ---- */

/* The place for one more line, the oldest one's where the ring is full; NULL: out of memory. */
static struct lr_ledger_line *next_line(struct lr_ledger *ledger) {
    if (ledger->line_count == LR_LEDGER_TIMELINE_MAX) {
        struct lr_ledger_line *line = &ledger->lines[ledger->line_first];
        ledger->line_first = (ledger->line_first + 1) % LR_LEDGER_TIMELINE_MAX;
        ledger->lines_dropped++;
        return line;
    }
    struct lr_ledger_line *lines = lr_ledger_grow(ledger, ledger->lines, &ledger->line_capacity,
                                                  ledger->line_count, sizeof *ledger->lines);
    if (lines == NULL) {
        return NULL;
    }
    ledger->lines = lines;
    lines[ledger->line_count] = (struct lr_ledger_line){.rest = NULL};
    return &ledger->lines[ledger->line_count++];
}

/* Room for |size| bytes of |line|'s rest. */
static bool make_room(struct lr_ledger *ledger, struct lr_ledger_line *line, size_t size) {
    if (line->rest_capacity >= size) {
        return true;
    }
    size_t capacity = (size + 63) / 64 * 64;
    char *rest = lr_alloc_resize(ledger->alloc, line->rest, line->rest_capacity, capacity);
    if (rest == NULL) {
        lr_ledger_fail(ledger);
        return false;
    }
    line->rest = rest;
    line->rest_capacity = capacity;
    return true;
}

void lr_ledger_say_more(struct lr_ledger *ledger, const struct lr_ledger_said *said,
                        const char *rest, size_t rest_size) {
    struct lr_ledger_line *line = next_line(ledger);
    if (line == NULL) {
        return;
    }
    line->at = said->at;
    line->session = said->session;
    line->link = said->link;
    line->form = said->form;
    memcpy(line->words, said->words, sizeof line->words);
    line->rest_size = 0;
    if (rest_size > 0 && make_room(ledger, line, rest_size)) {
        memcpy(line->rest, rest, rest_size);
        line->rest_size = rest_size;
    }
    if (lr_trace_wanted(&ledger->trace, LR_TRACE_NOTE)) {
        char text[LR_TIMELINE_TEXT_MAX];
        put_into_words(line, text);
        lr_trace_emit(&ledger->trace, said->at, LR_TRACE_NOTE, said->link, "%s", text);
    }
}

void lr_ledger_say(struct lr_ledger *ledger, const struct lr_ledger_said *said) {
    lr_ledger_say_more(ledger, said, NULL, 0);
}

static void tell(struct lr_ledger *ledger, lr_time at, uint32_t session, uint32_t link,
                 const char *format, va_list arguments) LR_PRINTF(5, 0);
static void tell(struct lr_ledger *ledger, lr_time at, uint32_t session, uint32_t link,
                 const char *format, va_list arguments) {
    char text[LR_TIMELINE_TEXT_MAX];
    int size = vsnprintf(text, sizeof text, format, arguments);
    size_t used = size < 0 ? 0 : (size_t)size;
    lr_ledger_say_more(
        ledger, &(struct lr_ledger_said){.at = at, .session = session, .link = link, .form = ""},
        text, used < sizeof text ? used : sizeof text - 1);
}

void lr_ledger_tell(struct lr_ledger *ledger, lr_time at, uint32_t session, uint32_t link,
                    const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    tell(ledger, at, session, link, format, arguments);
    va_end(arguments);
}

void lr_ledger_note(struct lr_ledger *ledger, lr_time at, uint32_t session, const char *format,
                    ...) {
    va_list arguments;
    va_start(arguments, format);
    tell(ledger, at, session, 0, format, arguments);
    va_end(arguments);
}

size_t lr_ledger_timeline_count(const struct lr_ledger *ledger) {
    return ledger->line_count;
}

uint64_t lr_ledger_timeline_dropped(const struct lr_ledger *ledger) {
    return ledger->lines_dropped;
}

struct lr_timeline_entry lr_ledger_timeline(const struct lr_ledger *ledger, size_t index) {
    const struct lr_ledger_line *line =
        &ledger->lines[(ledger->line_first + index) % LR_LEDGER_TIMELINE_MAX];
    struct lr_timeline_entry entry = {.at = line->at, .session = line->session, .link = line->link};
    put_into_words(line, entry.text);
    return entry;
}

void lr_ledger_timeline_deinit(struct lr_ledger *ledger) {
    for (size_t i = 0; i < ledger->line_count; i++) {
        lr_alloc_free(ledger->alloc, ledger->lines[i].rest, ledger->lines[i].rest_capacity);
    }
    lr_alloc_free(ledger->alloc, ledger->lines, ledger->line_capacity * sizeof *ledger->lines);
}
