/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/held.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A sentence that grows and is cut where its room ends. */
struct sentence {
    char *out;
    size_t size;
    size_t used;
};

static void add(struct sentence *sentence, const char *format, ...) LR_PRINTF(2, 3);

static void add(struct sentence *sentence, const char *format, ...) {
    if (sentence->used + 1 >= sentence->size) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(sentence->out + sentence->used, sentence->size - sentence->used, format,
                           arguments);
    va_end(arguments);
    size_t room = sentence->size - sentence->used - 1;
    sentence->used += length < 0 ? 0 : (size_t)length < room ? (size_t)length : room;
}

static struct sentence begin(char *out, size_t size) {
    if (size > 0) {
        out[0] = '\0';
    }
    return (struct sentence){.out = out, .size = size};
}

/* From |since| to |now|; nothing where the clocks of two eyes differ. */
static uint64_t elapsed(lr_time since, lr_time now) {
    return since == LR_TIME_NEVER || now < since ? 0 : now - since;
}

static bool client_is_gone(const struct lr_account *account) {
    return account->fin_at[LR_TO_SERVICE] != LR_TIME_NEVER ||
           account->reset_at[LR_TO_SERVICE] != LR_TIME_NEVER ||
           account->shutdown_at[LR_TO_SERVICE] != LR_TIME_NEVER ||
           account->closed_at != LR_TIME_NEVER;
}

static void add_holder(struct sentence *sentence, const struct lr_account *account) {
    add(sentence, "%s (", account->client[0] == '\0' ? "somebody" : account->client);
    if (account->client_pid != 0) {
        add(sentence, "pid %" PRId64 ", ", account->client_pid);
    }
    add(sentence, "%s -> %s)", account->client_address, account->server_address);
}

/* What ends it, and what to do about it. */
static void add_remedy(struct sentence *sentence, const struct lr_account *account, lr_time now) {
    char left[32];
    if (client_is_gone(account)) {
        add(sentence, "; its client has gone, and only %s can end it", account->server);
        return;
    }
    if (account->accepted_at != LR_TIME_NEVER && account->timeout_ns != LR_TIME_NEVER) {
        lr_time end = lr_time_add(account->accepted_at, account->timeout_ns);
        if (end > now) {
            add(sentence, "; its timeout would release it in %s",
                lr_text_duration(left, sizeof left, end - now));
        } else {
            add(sentence, "; its timeout should have released it %s ago",
                lr_text_duration(left, sizeof left, now - end));
        }
    } else {
        add(sentence, "; no timeout was asked for, so only its client can end it");
    }
    add(sentence, "; close it explicitly, or hold it in a scope");
}

const char *lr_held_describe(char *out, size_t size, const struct lr_account *account,
                             lr_time now) {
    struct sentence sentence = begin(out, size);
    char duration[32];
    lr_time since =
        account->accepted_at != LR_TIME_NEVER ? account->accepted_at : account->connected_at;
    add(&sentence, "held by ");
    add_holder(&sentence, account);
    add(&sentence, " for %s", lr_text_duration(duration, sizeof duration, elapsed(since, now)));
    add(&sentence, ", %s %s", account->in_call ? "in a call since" : "idle for",
        lr_text_duration(duration, sizeof duration, elapsed(account->last_packet_at, now)));
    add_remedy(&sentence, account, now);
    return out;
}

/* After what the release came: what was seen of its cause, the earliest first, and when. NULL: of
 * none, and then it is as old as the release itself. */
static const char *seen_cause(const struct lr_account *account, lr_time *at) {
    const struct {
        lr_time at;
        const char *what;
    } causes[] = {
        {account->shutdown_at[LR_TO_SERVICE], "its client's Shutdown"},
        {account->reset_at[LR_TO_SERVICE], "its client's RST"},
        {account->fin_at[LR_TO_SERVICE], account->cut_inside_packet[LR_TO_SERVICE]
                                             ? "its client's FIN inside a packet"
                                             : "its client's FIN"},
    };
    const char *what = NULL;
    *at = account->released_at;
    for (size_t i = 0; i < LR_COUNT_OF(causes); i++) {
        if (causes[i].at < *at || (what == NULL && causes[i].at == *at)) {
            *at = causes[i].at;
            what = causes[i].what;
        }
    }
    return what;
}

static void add_release(struct sentence *sentence, const struct lr_account *account) {
    char after[32];
    lr_time cause_at;
    const char *cause = seen_cause(account, &cause_at);
    if (cause != NULL) {
        add(sentence, "released %s after %s",
            lr_text_duration(after, sizeof after, account->released_at - cause_at), cause);
    } else if (account->accepted_at != LR_TIME_NEVER) {
        add(sentence, "ended by its server %s after it was accepted",
            lr_text_duration(after, sizeof after,
                             elapsed(account->accepted_at, account->released_at)));
    } else if (account->connected_at == LR_TIME_NEVER) {
        add(sentence, "granted and never connected");
        cause_at = account->granted_at;
    } else {
        add(sentence, "never accepted");
    }
    if (account->granted_at == LR_TIME_NEVER && account->accepted_at == LR_TIME_NEVER) {
        return; /* it took no slot */
    }
    if (account->requestable_at == LR_TIME_NEVER) {
        add(sentence, account->observable ? ", not requestable again"
                                          : ", whether requestable again is not shown");
    } else {
        add(sentence, ", requestable again after %s",
            lr_text_duration(after, sizeof after, elapsed(cause_at, account->requestable_at)));
    }
    if (account->released_count > 1) {
        add(sentence, ", released %u times", account->released_count);
    }
}

const char *lr_held_summary(char *out, size_t size, const struct lr_account *account, lr_time now) {
    struct sentence sentence = begin(out, size);
    char text[LR_HELD_TEXT_MAX];
    add(&sentence, "session %u", account->number);
    if (account->key[0] != '\0') {
        add(&sentence, " \"%s\"", account->key);
    }
    add(&sentence, ", %s%s%s: ", account->client, account->server[0] == '\0' ? "" : " at ",
        account->server);
    if (account->released_at != LR_TIME_NEVER) {
        add_release(&sentence, account);
    } else if (account->connected_at == LR_TIME_NEVER) {
        lr_time since =
            account->granted_at != LR_TIME_NEVER ? account->granted_at : account->requested_at;
        add(&sentence, "%s, for %s",
            account->granted_at != LR_TIME_NEVER ? "granted and not connected"
            : account->observable                ? "waits for a server"
                                                 : "asked for a server and left",
            lr_text_duration(text, sizeof text, elapsed(since, now)));
    } else if (!account->observable) {
        add(&sentence, "its client has ended it, and nothing shows whether its server has");
    } else {
        add(&sentence, "%s", lr_held_describe(text, sizeof text, account, now));
    }
    return out;
}
