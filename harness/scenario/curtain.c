/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/curtain.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ledger/held.h"

enum {
    TIMELINE_LINES_MAX = 200 /* of a failed case's report: its end, where the failure is */
};

static lr_time now_of(const struct lr_play *play) {
    return lr_world_now(play->stage->world);
}

static lr_time elapsed(const struct lr_play *play, lr_time at) {
    return lr_stage_elapsed(play->stage, at);
}

static bool is_client(const struct lr_party *party) {
    return party->kind == LR_PARTY_CLIENT ||
           (party->kind == LR_PARTY_RECORDED && party->service.port == 0) ||
           (party->kind == LR_PARTY_PEER && party->service.port == 0) ||
           (party->kind == LR_PARTY_PROGRAM && party->service.port == 0);
}

static void end_clients(struct lr_play *play) {
    LR_LIST_EACH (node, &play->stage->parties) {
        struct lr_party *party = LR_CONTAINER_OF(node, struct lr_party, node);
        if (is_client(party) && !party->ended) {
            lr_ledger_note(play->stage->ledger, now_of(play), 0, "curtain: %s ends", party->name);
            lr_party_end(party, party->kind != LR_PARTY_PROGRAM);
        }
    }
}

static bool all_released(const struct lr_play *play) {
    for (uint32_t i = 1; i <= lr_ledger_account_count(play->stage->ledger); i++) {
        const struct lr_account *account = lr_ledger_account(play->stage->ledger, i);
        bool begun = account->connected_at != LR_TIME_NEVER;
        if (begun && account->observable && account->requestable_at == LR_TIME_NEVER) {
            return false;
        }
    }
    return true;
}

/* What still runs has the budget of a death in which to end. */
static void settle(struct lr_play *play) {
    struct lr_budget budget =
        lr_budget_for(LR_CAUSE_DEATH, 0, lr_world_real_time(play->stage->world),
                      play->stage->options.calibration);
    lr_time until = lr_time_add(now_of(play), budget.requestable_ns);
    while (!all_released(play) && now_of(play) < until && !play->interrupted) {
        play->interrupted = !lr_stage_turn(play->stage, until);
    }
}

/* What a finding says of the release, if of that; one that the script has seen not to be on time
 * stands. */
static void note_finding(struct lr_case_result *result, enum lr_finding_kind kind) {
    static const struct {
        enum lr_finding_kind kind;
        enum lr_release release;
    } releases[] = {
        {LR_FINDING_LEAKED, LR_RELEASE_NEVER},
        {LR_FINDING_LATE, LR_RELEASE_LATE},
        {LR_FINDING_TWICE, LR_RELEASE_TWICE},
        {LR_FINDING_NOT_REQUESTABLE, LR_RELEASE_NOT_REQUESTABLE},
    };
    for (size_t i = 0; i < LR_COUNT_OF(releases); i++) {
        if (releases[i].kind == kind) {
            const char *told = result->release_verdict;
            if (told == NULL || strcmp(told, lr_release_name(LR_RELEASE_ON_TIME)) == 0) {
                result->release_verdict = lr_release_name(releases[i].release);
            }
            return;
        }
    }
    result->protocol_verdict = "failed";
}

static void add_finding(void *context, const struct lr_finding *finding) {
    struct lr_play *play = context;
    note_finding(play->result, finding->kind);
    lr_result_lines_add(play->result->alloc, &play->result->findings, elapsed(play, now_of(play)),
                        "%s: %s", lr_finding_name(finding->kind), finding->text);
}

/* In virtual time budgets are exact, also for what nobody asked about: links have but the latency
 * that budgets allow for, unless the script has changed that. */
static void set_patience(struct lr_play *play) {
    if (lr_world_real_time(play->stage->world) || play->stage->slow_links) {
        return;
    }
    struct lr_budget death = lr_budget_for(LR_CAUSE_DEATH, 0, false, NULL);
    struct lr_budget timeout = lr_budget_for(LR_CAUSE_TIMEOUT, 0, false, NULL);
    const struct lr_ledger_patience exact = {
        .late_ns = death.release_ns,
        .expired_ns = timeout.release_ns,
        .return_ns = death.requestable_ns,
    };
    lr_ledger_set_patience(play->stage->ledger, &exact);
}

/* What our servers still hold when no session is left. */
static void audit_servers(struct lr_play *play) {
    LR_LIST_EACH (node, &play->stage->parties) {
        struct lr_party *party = LR_CONTAINER_OF(node, struct lr_party, node);
        if (party->kind != LR_PARTY_SERVER || party->ended) {
            continue;
        }
        struct lr_server_counts counts = lr_server_count(party->role.server);
        if (counts.sessions + counts.handles + counts.device_blocks + counts.directories > 0) {
            if (counts.sessions == 0) { /* else it is a session's: its release says so */
                note_finding(play->result, LR_FINDING_LEFT);
            }
            lr_result_lines_add(
                play->result->alloc, &play->result->findings, elapsed(play, now_of(play)),
                "left over: %s holds %zu sessions, %zu handles, %zu blocks of device "
                "memory, %zu directories",
                party->name, counts.sessions, counts.handles, counts.device_blocks,
                counts.directories);
        }
    }
}

/* What the world gave to sessions and did not get back, whatever their servers say. */
static void audit_storage(struct lr_play *play) {
    size_t told = 0;
    LR_LIST_EACH (node, &play->stage->parties) {
        const struct lr_party *party = LR_CONTAINER_OF(node, struct lr_party, node);
        if (party->kind == LR_PARTY_SERVER && !party->ended) {
            told += lr_server_count(party->role.server).directories;
        }
    }
    size_t open = lr_world_storage(play->stage->world)->open_directories;
    if (open > told) {
        note_finding(play->result, LR_FINDING_LEFT);
        lr_result_lines_add(play->result->alloc, &play->result->findings,
                            elapsed(play, now_of(play)),
                            "left over: directories of %zu sessions, with their files, that no "
                            "server refers to",
                            open - told);
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
        if (kept->fault.fired > 0) {
            lr_result_lines_add(
                play->result->alloc, &play->result->receipts, elapsed(play, kept->fault.fired_at),
                "%s: fired %u times, last at byte %llu of link %u", kept->text, kept->fault.fired,
                (unsigned long long)kept->fault.fired_at_byte, kept->fault.fired_link);
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

static enum lr_case_outcome outcome_of(struct lr_play *play, bool unfired) {
    struct lr_case_result *result = play->result;
    if (play->missing[0] != '\0') {
        set_reason(result, play->missing);
        return LR_CASE_NOT_RUN;
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

/* The two verdicts of every case: where an expectation said nothing of them, what the audit saw. */
static void set_verdicts(struct lr_play *play) {
    struct lr_case_result *result = play->result;
    if (result->protocol_verdict == NULL) {
        bool wrong =
            result->outcome == LR_CASE_UNEXPECTED && !play->failed && play->failure[0] != '\0';
        result->protocol_verdict = result->outcome == LR_CASE_NOT_RUN ? "not run"
                                   : wrong                            ? "failed"
                                                                      : "passed";
    }
    if (result->release_verdict == NULL) {
        bool seen = lr_ledger_account_count(play->stage->ledger) > 0 && all_released(play);
        result->release_verdict =
            result->outcome == LR_CASE_NOT_RUN
                ? "not run"
                : lr_release_name(seen ? LR_RELEASE_ON_TIME : LR_RELEASE_NOT_OBSERVABLE);
    }
}

void lr_curtain(struct lr_play *play) {
    if (play->missing[0] == '\0' && play->unready[0] == '\0') {
        end_clients(play);
        if (!play->interrupted && !play->failed && play->failure[0] == '\0') {
            lr_play_end_actors(play);
        }
        settle(play);
        set_patience(play);
        lr_ledger_audit(play->stage->ledger, now_of(play), add_finding, play);
        audit_servers(play);
        audit_storage(play);
    }
    list_sessions(play);
    bool unfired = list_receipts(play);
    play->result->outcome = outcome_of(play, unfired);
    set_verdicts(play);
    if (play->result->outcome != LR_CASE_AS_EXPECTED && play->result->outcome != LR_CASE_NOT_RUN) {
        copy_timeline(play);
    }
}
