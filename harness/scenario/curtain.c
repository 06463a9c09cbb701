/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/curtain.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ledger/held.h"
#include "scenario/stage_audit.h"
#include "scenario/stage_fault.h"

enum {
    TIMELINE_LINES_MAX = 200 /* of a failed case's report: its end, where the failure is */
};

static lr_time now_of(const struct lr_play *play) {
    return lr_world_now(play->stage->world);
}

static lr_time elapsed(const struct lr_play *play, lr_time at) {
    return lr_stage_elapsed(play->stage, at);
}

/* Roles that were short of memory, or lost their tracker by it, try again after a pause: up to
 * this. */
#define TORTURE_SETTLE_NS (10 * LR_SECOND)

/* Where nothing passed for a while, an end that failed then is noticed by keep-alive before. */
static uint64_t torture_settle_ns(const struct lr_stage *stage) {
    return TORTURE_SETTLE_NS +
           (stage->disturbed ? lr_budget_for(LR_CAUSE_SILENCE, 0, false, NULL).release_ns : 0);
}

static lr_time patience_ends(const struct lr_play *play, lr_time from, uint64_t untortured_ns) {
    return lr_time_add(from, lr_stage_tortured(play->stage) ? torture_settle_ns(play->stage)
                                                            : untortured_ns);
}

static bool is_over(const struct lr_stage *stage) {
    return lr_stage_all_released(stage) && lr_ledger_nameless_count(stage->ledger) == 0;
}

/* What still runs has the budget of a death in which to end. The point of torture may be reached in
 * here as anywhere. */
static void settle(struct lr_play *play) {
    struct lr_budget budget =
        lr_budget_for(LR_CAUSE_DEATH, 0, lr_world_real_time(play->stage->world),
                      play->stage->options.calibration);
    lr_time from = now_of(play);
    lr_time until = patience_ends(play, from, budget.requestable_ns);
    while (!is_over(play->stage) && now_of(play) < until && !play->interrupted) {
        play->interrupted = !lr_stage_turn(play->stage, until);
        until = patience_ends(play, from, budget.requestable_ns);
    }
}

static void list_sessions(struct lr_play *play) {
    struct lr_ledger *ledger = play->stage->ledger;
    for (uint32_t i = 1; i <= lr_ledger_account_count(ledger); i++) {
        char text[LR_HELD_TEXT_MAX];
        lr_result_lines_add(
            play->result->alloc, &play->result->sessions, elapsed(play, now_of(play)), "%s",
            lr_held_summary(text, sizeof text, lr_ledger_account(ledger, i), now_of(play)));
    }
}

/* True where a fault that was asked for has not fired; says so. */
static bool list_receipts(struct lr_play *play) {
    bool unfired = false;
    LR_LIST_EACH (node, &play->stage->faults) {
        const struct lr_stage_fault *kept = LR_CONTAINER_OF(node, struct lr_stage_fault, node);
        struct lr_receipt receipt = lr_stage_fault_receipt(kept);
        if (receipt.fired > 0 && receipt.of_link) {
            lr_result_lines_add(play->result->alloc, &play->result->receipts,
                                elapsed(play, receipt.at),
                                "%s: fired %u times, last at byte %llu of link %u", kept->text,
                                receipt.fired, (unsigned long long)receipt.byte, receipt.link);
        } else if (receipt.fired > 0) {
            lr_result_lines_add(play->result->alloc, &play->result->receipts,
                                elapsed(play, receipt.at), "%s: fired %u times", kept->text,
                                receipt.fired);
        } else {
            unfired = true;
            lr_result_lines_add(play->result->alloc, &play->result->receipts, 0, "%s: never fired",
                                kept->text);
        }
    }
    return unfired;
}

static void copy_timeline(struct lr_play *play) {
    struct lr_ledger *ledger = play->stage->ledger;
    size_t count = lr_ledger_timeline_count(ledger);
    size_t begin = count > TIMELINE_LINES_MAX ? count - TIMELINE_LINES_MAX : 0;
    for (size_t i = begin; i < count; i++) {
        struct lr_timeline_entry entry = lr_ledger_timeline(ledger, i);
        lr_result_lines_add(play->result->alloc, &play->result->timeline, elapsed(play, entry.at),
                            "%s", entry.text);
    }
}

static void set_reason(struct lr_case_result *result, const char *text) {
    lr_alloc_free_string(result->alloc, result->reason);
    result->reason = lr_alloc_string(result->alloc, text, strlen(text));
}

/* Where something of the roles was made to fail: what the script expected may not come, but
 * somebody must say so, and the audit must be clean. */
static enum lr_case_outcome tortured_outcome(struct lr_play *play) {
    struct lr_case_result *result = play->result;
    if (play->interrupted || lr_ledger_health(play->stage->ledger) != LR_OK) {
        set_reason(result, play->interrupted ? "interrupted" : "the ledger ran out of memory");
        return LR_CASE_INVALID;
    }
    if (play->hung) {
        set_reason(result, play->unready);
        return LR_CASE_UNEXPECTED;
    }
    if (play->unreleased) {
        set_reason(result, "never released: a session that the script had ended");
        return LR_CASE_UNEXPECTED;
    }
    return result->findings.count + result->findings.lost > 0 ? LR_CASE_UNEXPECTED
                                                              : LR_CASE_AS_EXPECTED;
}

static enum lr_case_outcome outcome_of(struct lr_play *play, bool unfired) {
    struct lr_case_result *result = play->result;
    if (play->missing[0] != '\0') {
        set_reason(result, play->missing);
        return play->forbidden ? LR_CASE_NOT_ALLOWED : LR_CASE_NOT_RUN;
    }
    if (lr_stage_tortured(play->stage)) {
        return tortured_outcome(play);
    }
    if (play->failed) {
        return LR_CASE_UNEXPECTED;
    }
    if (play->unready[0] != '\0' || play->interrupted) {
        set_reason(result, play->interrupted ? "interrupted" : play->unready);
        return LR_CASE_INVALID;
    }
    if (play->failure[0] != '\0') {
        set_reason(result, play->failure);
        return LR_CASE_UNEXPECTED;
    }
    if (unfired) {
        set_reason(result, "a fault never fired");
        return LR_CASE_INVALID;
    }
    if (result->expectations == NULL) {
        set_reason(result, "no expectation was reached");
        return LR_CASE_INVALID;
    }
    if (play->unjudged > 0) {
        set_reason(result, "an expectation was begun, and never judged");
        return LR_CASE_INVALID;
    }
    if (lr_ledger_health(play->stage->ledger) != LR_OK) {
        set_reason(result, "the ledger ran out of memory");
        return LR_CASE_INVALID;
    }
    return result->findings.count + result->findings.lost > 0 ? LR_CASE_UNEXPECTED
                                                              : LR_CASE_AS_EXPECTED;
}

static bool was_run(const struct lr_play *play) {
    return play->missing[0] == '\0';
}

/* The two verdicts of every case: where an expectation said nothing of them, what the audit saw. */
static void set_verdicts(struct lr_play *play) {
    struct lr_case_result *result = play->result;
    if (result->protocol_verdict == NULL) {
        bool wrong =
            result->outcome == LR_CASE_UNEXPECTED && !play->failed && play->failure[0] != '\0';
        result->protocol_verdict = !was_run(play) ? "not run" : wrong ? "failed" : "passed";
    }
    if (result->release_verdict == NULL) {
        bool seen =
            lr_ledger_account_count(play->stage->ledger) > 0 && lr_stage_all_released(play->stage);
        result->release_verdict =
            !was_run(play) ? "not run"
                           : lr_release_name(seen ? LR_RELEASE_ON_TIME : LR_RELEASE_NOT_OBSERVABLE);
    }
}

void lr_curtain(struct lr_play *play) {
    bool tortured = lr_stage_tortured(play->stage);
    if (was_run(play) && (play->unready[0] == '\0' || tortured)) {
        if (tortured) { /* the script may not have come to where it does so */
            lr_stage_heal(play->stage);
        }
        lr_stage_end_clients(play->stage);
        if (!play->interrupted && !play->failed && play->failure[0] == '\0' && !tortured) {
            lr_play_end_actors(play);
        }
        settle(play);
        lr_stage_audit(play->stage, play->result);
    }
    list_sessions(play);
    bool unfired = list_receipts(play);
    play->result->outcome = outcome_of(play, unfired);
    set_verdicts(play);
    if (play->result->outcome != LR_CASE_AS_EXPECTED && was_run(play)) {
        copy_timeline(play);
    }
}
