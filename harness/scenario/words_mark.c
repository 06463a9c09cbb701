/* SPDX-License-Identifier: Apache-2.0 */
/* What a script does that ends sessions: when, and whose. A "released" counts from there. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "scenario/words.h"

struct kept_mark {
    struct lr_mark mark;
    uint32_t account;
    char party[LR_SESSION_TEXT_MAX];
    struct lr_list node; /* in the play's marks */
};

void lr_words_mark(struct lr_play *play, enum lr_cause cause, lr_time from, lr_time at,
                   const char *format, ...) {
    play->mark.cause = cause;
    play->mark.from = from;
    play->mark.at = at;
    play->mark.if_told = false;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(play->mark.text, sizeof play->mark.text, format, arguments);
    va_end(arguments);
    lr_ledger_note(play->stage->ledger, at, 0, "script: %s", play->mark.text);
}

void lr_words_mark_of(struct lr_play *play, uint32_t account, const struct lr_party *party) {
    struct kept_mark *kept = LR_NEW(play->stage->alloc, struct kept_mark);
    if (kept == NULL) { /* it would be judged by another's mark */
        (void)snprintf(play->unready, sizeof play->unready, "no memory for what the script did");
        return;
    }
    kept->mark = play->mark;
    kept->account = account;
    (void)snprintf(kept->party, sizeof kept->party, "%s", party == NULL ? "" : party->name);
    lr_list_append(&play->marks, &kept->node);
}

static bool concerns(const struct kept_mark *kept, const struct lr_account *account) {
    if (kept->account == account->number) {
        return true;
    }
    bool whose = kept->party[0] != '\0' && (strcmp(kept->party, account->client) == 0 ||
                                            strcmp(kept->party, account->server) == 0);
    lr_time begun = lr_time_min(account->requested_at, account->connected_at);
    return whose && begun != LR_TIME_NEVER && kept->mark.at >= begun;
}

const struct lr_mark *lr_words_find_mark(const struct lr_play *play,
                                         const struct lr_account *account, enum lr_cause cause) {
    for (const struct lr_list *node = play->marks.prev; node != &play->marks; node = node->prev) {
        const struct kept_mark *kept = LR_CONTAINER_OF(node, const struct kept_mark, node);
        if ((cause == LR_CAUSE_NONE || kept->mark.cause == cause) && concerns(kept, account)) {
            return &kept->mark;
        }
    }
    return NULL;
}

void lr_words_free_marks(struct lr_play *play) {
    LR_LIST_EACH (node, &play->marks) {
        struct kept_mark *kept = LR_CONTAINER_OF(node, struct kept_mark, node);
        lr_list_remove(node);
        LR_FREE(play->stage->alloc, kept);
    }
}
