/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/stage_audit.h"

#include <string.h>

static lr_time elapsed_now(const struct lr_stage *stage) {
    return lr_stage_elapsed(stage, lr_world_now(stage->world));
}

static bool is_client(const struct lr_party *party) {
    return party->kind == LR_PARTY_CLIENT ||
           (party->kind == LR_PARTY_RECORDED && party->service.port == 0) ||
           (party->kind == LR_PARTY_PEER && party->service.port == 0) ||
           (party->kind == LR_PARTY_PROGRAM && party->service.port == 0);
}

void lr_stage_end_clients(struct lr_stage *stage) {
    LR_LIST_EACH (node, &stage->parties) {
        struct lr_party *party = LR_CONTAINER_OF(node, struct lr_party, node);
        if (is_client(party) && !party->ended) {
            lr_ledger_note(stage->ledger, lr_world_now(stage->world), 0, "curtain: %s ends",
                           party->name);
            lr_party_end(party, party->kind != LR_PARTY_PROGRAM);
        }
    }
}

bool lr_stage_all_released(const struct lr_stage *stage) {
    for (uint32_t i = 1; i <= lr_ledger_account_count(stage->ledger); i++) {
        const struct lr_account *account = lr_ledger_account(stage->ledger, i);
        bool begun = account->connected_at != LR_TIME_NEVER;
        if (begun && account->observable && account->requestable_at == LR_TIME_NEVER) {
            return false;
        }
    }
    return true;
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

struct auditing {
    struct lr_stage *stage;
    struct lr_case_result *result;
};

static void add_finding(void *context, const struct lr_finding *finding) {
    const struct auditing *auditing = context;
    note_finding(auditing->result, finding->kind);
    lr_result_lines_add(auditing->result->alloc, &auditing->result->findings,
                        elapsed_now(auditing->stage), "%s: %s", lr_finding_name(finding->kind),
                        finding->text);
}

/* What our servers still hold when no session is left. */
static void audit_servers(struct lr_stage *stage, struct lr_case_result *result) {
    LR_LIST_EACH (node, &stage->parties) {
        struct lr_party *party = LR_CONTAINER_OF(node, struct lr_party, node);
        if (party->kind != LR_PARTY_SERVER || party->ended) {
            continue;
        }
        struct lr_server_counts counts = lr_server_count(party->role.server);
        if (counts.sessions + counts.handles + counts.device_blocks + counts.directories > 0) {
            if (counts.sessions == 0) { /* else it is a session's: its release says so */
                note_finding(result, LR_FINDING_LEFT);
            }
            lr_result_lines_add(
                result->alloc, &result->findings, elapsed_now(stage),
                "left over: %s holds %zu sessions, %zu handles, %zu blocks of device "
                "memory, %zu directories",
                party->name, counts.sessions, counts.handles, counts.device_blocks,
                counts.directories);
        }
    }
}

/* What the world gave to sessions and did not get back, whatever their servers say. */
static void audit_storage(struct lr_stage *stage, struct lr_case_result *result) {
    size_t told = 0;
    LR_LIST_EACH (node, &stage->parties) {
        const struct lr_party *party = LR_CONTAINER_OF(node, struct lr_party, node);
        if (party->kind == LR_PARTY_SERVER) { /* also one that was killed: it frees nothing */
            told += lr_server_count(party->role.server).directories;
        }
    }
    size_t open = lr_world_storage(stage->world)->open_directories;
    if (open > told) {
        note_finding(result, LR_FINDING_LEFT);
        lr_result_lines_add(result->alloc, &result->findings, elapsed_now(stage),
                            "left over: directories of %zu sessions, with their files, that no "
                            "server refers to",
                            open - told);
    }
}

/* In virtual time budgets are exact, also for what nobody asked about, as long as links have but
 * the latency that budgets allow for and every host does its work. An end that failed where nothing
 * passes is noticed by keep-alive. */
static void set_patience(struct lr_stage *stage) {
    bool usual = stage->options.torture == NULL && !stage->disturbed;
    if (lr_world_real_time(stage->world)) {
        return;
    }
    if (usual) {
        struct lr_budget death = lr_budget_for(LR_CAUSE_DEATH, 0, false, NULL);
        struct lr_budget timeout = lr_budget_for(LR_CAUSE_TIMEOUT, 0, false, NULL);
        const struct lr_ledger_patience exact = {
            .late_ns = death.release_ns,
            .expired_ns = timeout.release_ns,
            .return_ns = death.requestable_ns,
        };
        lr_ledger_set_patience(stage->ledger, &exact);
    } else if (lr_stage_tortured(stage) && stage->disturbed) {
        struct lr_ledger_patience silence = lr_ledger_patience_default;
        silence.late_ns = lr_budget_for(LR_CAUSE_SILENCE, 0, false, NULL).release_ns;
        lr_ledger_set_patience(stage->ledger, &silence);
    }
}

void lr_stage_audit(struct lr_stage *stage, struct lr_case_result *result) {
    struct auditing auditing = {stage, result};
    set_patience(stage);
    lr_ledger_audit(stage->ledger, lr_world_now(stage->world), add_finding, &auditing);
    audit_servers(stage, result);
    audit_storage(stage, result);
}
