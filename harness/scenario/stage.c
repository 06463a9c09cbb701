/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/stage.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "scenario/stage_fault.h"
#include "scenario/stage_internal.h"
#include "world/sim.h"

void lr_stage_drop_result(struct lr_stage *stage, struct lr_result *result) {
    if (result->session != NULL) {
        lr_session_unref(result->session, lr_world_now(stage->world), "result nobody took");
        result->session = NULL;
    }
    lr_result_deinit(result);
}

static void free_arrived(struct lr_stage *stage, struct lr_arrived *arrived) {
    lr_list_remove(&arrived->node);
    lr_stage_drop_result(stage, &arrived->result);
    LR_FREE(stage->alloc, arrived);
}

/* The live world; an interrupted case is told, and what it started is ended. */
static enum lr_status open_live(struct lr_stage *stage, struct lr_error *error) {
    struct lr_live_options options = {
        .alloc = stage->alloc, .ledger = stage->ledger, .trace = &stage->refusals};
    enum lr_status status = lr_live_new(&stage->live, &options, error);
    if (status == LR_OK) {
        stage->world = lr_live_world(stage->live);
        status = lr_live_catch_signals(stage->live, error);
    }
    return status;
}

static enum lr_status open_sim(struct lr_stage *stage, struct lr_error *error) {
    struct lr_sim_options options =
        stage->options.sim == NULL ? lr_sim_options_default : *stage->options.sim;
    options.alloc = stage->alloc;
    options.ledger = stage->ledger;
    options.trace = stage->options.trace;
    options.seed = stage->options.seed;
    struct lr_sim *sim;
    enum lr_status status = lr_sim_new(&sim, &options, error);
    if (status == LR_OK) {
        stage->world = lr_sim_world(sim);
    }
    return status;
}

static const struct world_row {
    const char *name;
    bool real; /* no two runs are the same */
    enum lr_status (*open)(struct lr_stage *stage, struct lr_error *error);
} worlds[] = {{"live", true, open_live}, {"sim", false, open_sim}};

static const struct world_row *find_world(const char *name) {
    for (size_t i = 0; name != NULL && i < LR_COUNT_OF(worlds); i++) {
        if (strcmp(name, worlds[i].name) == 0) {
            return &worlds[i];
        }
    }
    LR_ASSERT(name == NULL);
    return &worlds[0];
}

/* What the system refused a role explains what became of its case, whoever reads the log. */
static void note_refusal(struct lr_trace_sink *sink, const struct lr_trace_event *event) {
    const struct lr_stage *stage = LR_CONTAINER_OF(sink, struct lr_stage, refusals);
    struct lr_trace_sink *next = stage->options.trace;
    if (next != NULL && lr_trace_level_of(event->kind) >= next->level) {
        next->emit(next, event);
    }
    if (event->kind == LR_TRACE_FAILURE) {
        lr_ledger_note(stage->ledger, event->at, 0, "%s: %s", event->host, event->text);
    }
}

static void init_refusals(struct lr_stage *stage) {
    const struct lr_trace_sink *next = stage->options.trace;
    stage->refusals.emit = note_refusal;
    stage->refusals.level =
        next != NULL && next->level < LR_TRACE_ERROR ? next->level : LR_TRACE_ERROR;
}

static bool has_digest(const struct lr_stage *stage) {
    return !find_world(stage->options.world)->real && !stage->options.without_digest;
}

enum lr_status lr_stage_new(struct lr_stage **out, const struct lr_stage_options *options,
                            struct lr_error *error) {
    struct lr_stage *stage = LR_NEW(options->alloc, struct lr_stage);
    if (stage == NULL) {
        return lr_error_set(error, LR_ENOMEM, "no memory for a case");
    }
    stage->options = *options;
    stage->alloc = options->alloc;
    lr_list_init(&stage->parties);
    lr_list_init(&stage->arrived);
    lr_list_init(&stage->faults);
    lr_list_init(&stage->timed_faults);
    lr_prng_init(&stage->random, options->seed);
    lr_counting_alloc_init(&stage->tortured_memory, stage->alloc);
    if (options->torture != NULL && options->torture->kind == LR_TORTURE_MEMORY) {
        stage->tortured_memory.fail_at = options->torture->at;
    } else if (options->torture != NULL) {
        stage->tortured_calls.fail_at = options->torture->at;
    }
    if (has_digest(stage)) {
        lr_digest_init(&stage->digest, options->trace);
        stage->options.trace = &stage->digest.base;
    }
    init_refusals(stage);
    stage->ledger_trace = (struct lr_trace){stage->options.trace, "ledger"};
    enum lr_status status = lr_ledger_new(&stage->ledger, stage->alloc, &stage->ledger_trace);
    if (status != LR_OK) {
        lr_error_set(error, status, "no memory for the ledger");
    } else {
        status = find_world(options->world)->open(stage, error);
    }
    if (status != LR_OK) {
        lr_world_free(stage->world);
        lr_ledger_free(stage->ledger);
        LR_FREE(stage->alloc, stage);
        return status;
    }
    stage->began = lr_world_now(stage->world);
    *out = stage;
    return LR_OK;
}

/* How many points of torture there have been. */
static uint64_t calls_of(const struct lr_stage *stage) {
    return stage->options.torture->kind == LR_TORTURE_MEMORY ? stage->tortured_memory.calls
                                                             : stage->tortured_calls.calls;
}

void lr_stage_disturb(struct lr_stage *stage) {
    stage->disturbed = true;
}

bool lr_stage_tortured(const struct lr_stage *stage) {
    const struct lr_torture_point *point = stage->options.torture;
    return point != NULL && calls_of(stage) >= point->at;
}

/* The order matters: sessions go before their clients, parties before the world that drains them,
 * the world before the ledger that it tells. */
void lr_stage_free(struct lr_stage *stage) {
    if (stage == NULL) {
        return;
    }
    LR_LIST_EACH (node, &stage->arrived) {
        free_arrived(stage, LR_CONTAINER_OF(node, struct lr_arrived, node));
    }
    while (!lr_list_empty(&stage->parties)) {
        struct lr_list *last = stage->parties.prev;
        lr_party_free(LR_CONTAINER_OF(last, struct lr_party, node));
    }
    lr_stage_faults_free(stage);
    lr_world_free(stage->world);
    lr_ledger_free(stage->ledger);
    if (stage->options.torture != NULL) {
        stage->options.torture->count = calls_of(stage);
    }
    LR_FREE(stage->alloc, stage);
}

static void gather_results(struct lr_stage *stage, struct lr_party *party) {
    while (lr_client_has_result(party->role.client)) {
        struct lr_arrived *arrived = LR_NEW(stage->alloc, struct lr_arrived);
        if (arrived == NULL) {
            return; /* it waits in the client until there is memory */
        }
        (void)lr_client_next_result(party->role.client, &arrived->result);
        arrived->client = party;
        lr_list_append(&stage->arrived, &arrived->node);
    }
}

bool lr_stage_turn(struct lr_stage *stage, lr_time until) {
    lr_time next = lr_stage_faults_next(stage);
    bool go_on = lr_world_turn(stage->world, lr_time_min(until, next));
    if (!lr_list_empty(&stage->timed_faults)) {
        lr_stage_faults_come(stage);
    }
    LR_LIST_EACH (node, &stage->parties) {
        struct lr_party *party = LR_CONTAINER_OF(node, struct lr_party, node);
        if (party->kind == LR_PARTY_CLIENT && party->role.client != NULL) {
            gather_results(stage, party);
        }
    }
    return go_on;
}

bool lr_stage_take_result(struct lr_stage *stage, struct lr_party *client, lr_op op,
                          struct lr_result *out) {
    gather_results(stage, client); /* what ended at once is there before the world has turned */
    LR_LIST_EACH (node, &stage->arrived) {
        struct lr_arrived *arrived = LR_CONTAINER_OF(node, struct lr_arrived, node);
        if (arrived->client == client && arrived->result.op == op) {
            *out = arrived->result;
            lr_list_remove(node);
            LR_FREE(stage->alloc, arrived);
            return true;
        }
    }
    return false;
}

lr_time lr_stage_elapsed(const struct lr_stage *stage, lr_time at) {
    return at == LR_TIME_NEVER || at < stage->began ? 0 : at - stage->began;
}

uint64_t lr_stage_digest(const struct lr_stage *stage) {
    return has_digest(stage) ? stage->digest.value : 0;
}

uint32_t lr_stage_account(const struct lr_party *client, const struct lr_session *session) {
    if (client->host == NULL) {
        return 0;
    }
    const struct lr_ledger *ledger = client->stage->ledger;
    uint16_t local = lr_world_conn_port(client->host, lr_session_conn(session));
    uint16_t remote = lr_session_address(session)->port;
    const struct lr_account *account = lr_ledger_account_of_link(
        ledger, lr_ledger_link_of_ports(ledger, client->name, local, remote));
    return account == NULL ? 0 : account->number;
}
