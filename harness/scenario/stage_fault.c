/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/stage_fault.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "world/sim.h"

static lr_time now_of(const struct lr_stage *stage) {
    return lr_world_now(stage->world);
}

static void sign(struct lr_stage_fault *fault) {
    fault->fired++;
    fault->fired_at = now_of(fault->stage);
    lr_ledger_note(fault->stage->ledger, fault->fired_at, 0, "fault: %s of %s",
                   lr_fault_row(fault->options.kind)->told, fault->options.party->name);
}

/* ---- whether it exists here ---- */

static enum lr_status check_exists(const struct lr_stage *stage,
                                   const struct lr_stage_fault_options *options,
                                   struct lr_error *error) {
    const struct lr_fault_row *row = lr_fault_row(options->kind);
    const struct lr_party *party = options->party;
    bool of_program = party != NULL && party->kind == LR_PARTY_PROGRAM;
    if (party != NULL && row->subject == LR_FAULT_OF_SERVICE && party->service.port == 0) {
        return lr_error_set(error, LR_EINVAL, "%s: %s serves nobody", row->name, party->name);
    }
    if (options->kind == LR_FAULT_RESTART && party != NULL && party->kind != LR_PARTY_TRACKER &&
        party->kind != LR_PARTY_SERVER) {
        return lr_error_set(error, LR_EINVAL, "restart: of trackers and servers of ours, not of %s",
                            party->name);
    }
    if (options->kind == LR_FAULT_FREEZE && of_program) {
        return LR_OK;
    }
    if (of_program && row->subject == LR_FAULT_OF_HOST && options->kind != LR_FAULT_KILL &&
        row->live != LR_FAULT_LIVE_HOSTS) {
        return lr_error_set(error, LR_ENOTSUP, "%s: not of foreign programs", row->name);
    }
    if (stage->live == NULL) {
        return LR_OK;
    }
    if (row->live == LR_FAULT_LIVE_HOSTS && !lr_live_has_net(stage->live)) {
        return lr_error_set(error, LR_ENOTSUP,
                            "%s: needs parties that are hosts of their own (w:hosts())", row->name);
    }
    if (row->live == LR_FAULT_LIVE_NOT) {
        return lr_error_set(error, LR_ENOTSUP, "%s: in the simulated world only: %s", row->name,
                            row->not_live);
    }
    if (row->live == LR_FAULT_LIVE_RELAYED && party != NULL && party->relay == NULL) {
        return lr_error_set(error, LR_ENOTSUP,
                            "%s: needs a relay of ours before %s (relay = true, or a foreign "
                            "service)",
                            row->name, party->name);
    }
    return LR_OK;
}

/* ---- beginning ---- */

static enum lr_status begin_of_link(struct lr_stage_fault *fault) {
    struct lr_world *world = fault->stage->world;
    if (fault->options.link != 0) {
        return lr_world_fault(world, fault->options.link, &fault->fault);
    }
    lr_world_fault_next(world, fault->options.party->name, &fault->fault);
    return LR_OK;
}

static enum lr_status begin_memory(struct lr_stage_fault *fault) {
    struct lr_party *party = fault->options.party;
    lr_scarce_alloc_init(&fault->scarce, party->memory.parent);
    fault->scarce.fail_in = fault->options.allocation;
    memcpy(fault->scarce.chance_of, fault->options.host.chance_of, sizeof fault->scarce.chance_of);
    fault->scarce.random = fault->hosts[0].random;
    party->memory.parent = &fault->scarce.base;
    return LR_OK;
}

/* What the allocators have given is taken back by those below them, so one may go at any time. */
static void end_memory(struct lr_stage_fault *fault) {
    struct lr_alloc **at = &fault->options.party->memory.parent;
    while (*at != &fault->scarce.base && *at != fault->stage->alloc) {
        at = &LR_CONTAINER_OF(*at, struct lr_scarce_alloc, base)->parent;
    }
    if (*at == &fault->scarce.base) {
        *at = fault->scarce.parent;
    }
}

/* It is the live network's to do, to roles and programs alike. */
static bool is_on_net(const struct lr_stage_fault *fault) {
    return fault->stage->live != NULL &&
           lr_fault_row(fault->options.kind)->live == LR_FAULT_LIVE_HOSTS;
}

/* In the live world the network tells nobody whom it does not let through. */
static enum lr_status begin_on_net(struct lr_stage_fault *fault) {
    struct lr_party *const *group = fault->options.group;
    const bool alone = fault->options.kind == LR_FAULT_LOSE;
    struct lr_live *live = fault->stage->live;
    const int number = alone ? LR_NET_ALONE : (int)fault->hosts[0].amount;
    enum lr_status status = lr_live_set_group(live, fault->options.party->name, number);
    for (size_t i = 0; i < LR_STAGE_GROUP_MAX && group[i] != NULL && status == LR_OK; i++) {
        status = lr_live_set_group(live, group[i]->name, number);
    }
    if (status == LR_OK) {
        sign(fault);
    }
    return status;
}

static void end_on_net(struct lr_stage_fault *fault) {
    struct lr_party *const *group = fault->options.group;
    lr_party_find(fault->options.party);
    for (size_t i = 0; i < LR_STAGE_GROUP_MAX && group[i] != NULL; i++) {
        lr_party_find(group[i]);
    }
}

static enum lr_status begin_partition(struct lr_stage_fault *fault) {
    struct lr_party *const *group = fault->options.group;
    enum lr_status status = lr_world_host_fault(fault->options.party->host, &fault->hosts[0]);
    for (size_t i = 0; i < LR_STAGE_GROUP_MAX && group[i] != NULL && status == LR_OK; i++) {
        fault->hosts[i + 1] = fault->hosts[0];
        fault->hosts[i + 1].host = NULL;
        fault->hosts[i + 1].fired = 0;
        status = group[i]->host == NULL ? LR_ENOTFOUND
                                        : lr_world_host_fault(group[i]->host, &fault->hosts[i + 1]);
    }
    return status;
}

static enum lr_status begin_storm(struct lr_stage_fault *fault) {
    if (lr_world_storm(fault->stage->world, fault->options.party->name) > 0) {
        sign(fault);
    }
    fault->options.times -= fault->options.times > 0 ? 1 : 0;
    fault->again_at = fault->options.times > 0
                          ? lr_time_add(now_of(fault->stage), fault->options.every_ns)
                          : LR_TIME_NEVER;
    return LR_OK;
}

static enum lr_status begin_death(struct lr_stage_fault *fault) {
    struct lr_party *party = fault->options.party;
    if (party->ended) {
        return LR_ENOTFOUND;
    }
    sign(fault);
    enum lr_status status = LR_OK;
    if (fault->options.kind == LR_FAULT_POWER_OFF) {
        status = lr_party_lose(party);
    }
    lr_party_end(party, false);
    struct lr_error error;
    return status != LR_OK                           ? status
           : fault->options.kind == LR_FAULT_RESTART ? lr_party_restart(party, &error)
                                                     : LR_OK;
}

static enum lr_status begin_of_program(struct lr_stage_fault *fault) {
    sign(fault);
    return lr_program_signal(fault->options.party->program, SIGSTOP, true);
}

static enum lr_status begin_relay(struct lr_stage_fault *fault) {
    return lr_relay_refuse(fault->options.party->relay, &fault->hosts[0]);
}

/* After these everybody knows at once that something has ended, and is as fast as before. */
static bool ends_at_once(enum lr_fault_kind kind) {
    return kind == LR_FAULT_FIN || kind == LR_FAULT_RST || kind == LR_FAULT_HALF_CLOSE ||
           kind == LR_FAULT_KILL;
}

static enum lr_status begin(struct lr_stage_fault *fault) {
    const enum lr_fault_kind kind = fault->options.kind;
    const struct lr_party *party = fault->options.party;
    fault->begun = true;
    if (!ends_at_once(kind)) {
        lr_stage_disturb(fault->stage);
    }
    if (lr_fault_row(kind)->subject == LR_FAULT_OF_LINK) {
        return begin_of_link(fault);
    }
    if (kind == LR_FAULT_STORM) {
        return begin_storm(fault);
    }
    if (kind == LR_FAULT_KILL || kind == LR_FAULT_RESTART || kind == LR_FAULT_POWER_OFF) {
        return begin_death(fault);
    }
    if (kind == LR_FAULT_NO_MEMORY) {
        return begin_memory(fault);
    }
    if (is_on_net(fault)) {
        return begin_on_net(fault);
    }
    if (party->kind == LR_PARTY_PROGRAM) {
        return kind == LR_FAULT_FREEZE ? begin_of_program(fault) : begin_relay(fault);
    }
    if (kind == LR_FAULT_REFUSE && party->relay != NULL) {
        return begin_relay(fault);
    }
    if (party->host == NULL) {
        return LR_ENOTFOUND;
    }
    return kind == LR_FAULT_PARTITION ? begin_partition(fault)
                                      : lr_world_host_fault(party->host, &fault->hosts[0]);
}

/* What lasts on a link does so from when it has fired; and when memory has first failed. */
static void note_firing(struct lr_stage_fault *fault) {
    const enum lr_fault_kind kind = fault->options.kind;
    bool of_link = lr_fault_row(kind)->subject == LR_FAULT_OF_LINK;
    if (of_link && fault->options.lasts_ns > 0 && fault->fault.fired > 0 &&
        fault->ends_at == LR_TIME_NEVER) {
        fault->ends_at = lr_time_add(fault->fault.fired_at, fault->options.lasts_ns);
    }
    if (kind == LR_FAULT_NO_MEMORY && fault->scarce.refused > fault->fired) {
        fault->fired = (unsigned int)fault->scarce.refused;
        fault->fired_at = now_of(fault->stage);
    }
}

static void begin_now(struct lr_stage_fault *fault) {
    fault->status = begin(fault);
    bool of_link = lr_fault_row(fault->options.kind)->subject == LR_FAULT_OF_LINK;
    if (fault->options.lasts_ns > 0 && !of_link) {
        fault->ends_at = lr_time_add(now_of(fault->stage), fault->options.lasts_ns);
    }
    note_firing(fault); /* at once, where nothing has to pass first */
}

/* ---- ending ---- */

static void end(struct lr_stage_fault *fault) {
    const enum lr_fault_kind kind = fault->options.kind;
    struct lr_party *party = fault->options.party;
    if (lr_fault_row(kind)->subject == LR_FAULT_OF_LINK) {
        lr_world_undo(fault->stage->world, &fault->fault);
    } else if (kind == LR_FAULT_NO_MEMORY) {
        end_memory(fault);
    } else if (party->kind == LR_PARTY_PROGRAM && kind == LR_FAULT_FREEZE) {
        (void)lr_program_signal(party->program, SIGCONT, true);
    } else if (kind == LR_FAULT_REFUSE && party->relay != NULL) {
        (void)lr_relay_refuse(party->relay, NULL);
    } else if (is_on_net(fault)) {
        end_on_net(fault);
    } else {
        for (size_t i = 0; i < LR_COUNT_OF(fault->hosts); i++) {
            lr_world_host_heal(&fault->hosts[i]);
        }
    }
    if (kind == LR_FAULT_FREEZE) {
        lr_ledger_host_woken(fault->stage->ledger, now_of(fault->stage));
    }
}

void lr_stage_fault_undo(struct lr_stage_fault *fault) {
    if (fault->begun && !fault->over) {
        end(fault);
    }
    fault->over = true;
    lr_list_remove(&fault->timed);
}

/* Without one that has its port. */
static bool is_missed(const struct lr_stage *stage, const struct lr_party *tracker) {
    LR_LIST_EACH (node, &stage->parties) {
        const struct lr_party *other = LR_CONTAINER_OF(node, struct lr_party, node);
        if (!other->ended && other->service.port == tracker->service.port) {
            return false;
        }
    }
    return tracker->kind == LR_PARTY_TRACKER && tracker->service.port != 0;
}

void lr_stage_heal(struct lr_stage *stage) {
    struct lr_error error;
    lr_ledger_host_woken(stage->ledger, now_of(stage));
    LR_LIST_EACH (node, &stage->faults) {
        lr_stage_fault_undo(LR_CONTAINER_OF(node, struct lr_stage_fault, node));
    }
    LR_LIST_EACH (node, &stage->parties) {
        struct lr_party *party = LR_CONTAINER_OF(node, struct lr_party, node);
        lr_party_find(party);
        if (party->host != NULL && lr_sim_of(stage->world) != NULL) {
            lr_sim_thaw(party->host);
        }
        if (party->ended && is_missed(stage, party) && lr_party_restart(party, &error) != LR_OK) {
            lr_ledger_note(stage->ledger, now_of(stage), 0, "%s stays away", party->name);
        }
    }
}

/* ---- the stage's ---- */

/* Chance of its own for each, so that none shifts another's. */
static struct lr_prng chance_of(const struct lr_stage *stage, size_t number) {
    char name[32];
    (void)snprintf(name, sizeof name, "fault %zu", number);
    return lr_prng_fork(&stage->random, name);
}

/* It begins later, ends by itself, comes again, or is signed by nobody who is told. */
static bool is_timed(const struct lr_stage_fault_options *options) {
    return options->delay_ns > 0 || options->lasts_ns > 0 || options->times > 1 ||
           options->kind == LR_FAULT_NO_MEMORY;
}

enum lr_status lr_stage_fault_new(struct lr_stage *stage,
                                  const struct lr_stage_fault_options *options,
                                  struct lr_stage_fault **out, struct lr_error *error) {
    enum lr_status status = check_exists(stage, options, error);
    if (status != LR_OK) {
        return status;
    }
    struct lr_stage_fault *fault = LR_NEW(stage->alloc, struct lr_stage_fault);
    if (fault == NULL) {
        return lr_error_set(error, LR_ENOMEM, "no memory for a fault");
    }
    fault->options = *options;
    fault->stage = stage;
    fault->fault = options->fault;
    fault->fault.random = chance_of(stage, stage->fault_count++);
    fault->hosts[0] = options->host;
    fault->hosts[0].random = fault->fault.random;
    if (options->kind == LR_FAULT_PARTITION) {
        fault->hosts[0].amount = stage->fault_count; /* a group of its own */
    }
    fault->begins_at = lr_time_add(now_of(stage), options->delay_ns);
    fault->ends_at = LR_TIME_NEVER;
    fault->again_at = LR_TIME_NEVER;
    (void)snprintf(fault->text, sizeof fault->text, "%s", options->text);
    fault->options.text = fault->text;
    lr_list_append(&stage->faults, &fault->node);
    lr_list_init(&fault->timed);
    if (is_timed(options)) {
        lr_list_append(&stage->timed_faults, &fault->timed);
    }
    *out = fault;
    if (options->delay_ns == 0) {
        begin_now(fault);
        if (fault->status == LR_ENOTSUP) {
            return lr_error_set(error, LR_ENOTSUP,
                                "%s: needs a relay of ours on the link (relay = true, or a foreign "
                                "service)",
                                lr_fault_row(options->kind)->name);
        }
    }
    return LR_OK;
}

struct lr_receipt lr_stage_fault_receipt(const struct lr_stage_fault *fault) {
    const enum lr_fault_kind kind = fault->options.kind;
    if (lr_fault_row(kind)->subject == LR_FAULT_OF_LINK) {
        return (struct lr_receipt){fault->fault.fired, fault->fault.fired_at, true,
                                   fault->fault.fired_at_byte, fault->fault.fired_link};
    }
    if (kind == LR_FAULT_NO_MEMORY) {
        return (struct lr_receipt){.fired = (unsigned int)fault->scarce.refused,
                                   .at = fault->fired_at};
    }
    if (fault->fired > 0) {
        return (struct lr_receipt){.fired = fault->fired, .at = fault->fired_at};
    }
    return (struct lr_receipt){.fired = fault->hosts[0].fired, .at = fault->hosts[0].fired_at};
}

/* Its next time, or never. */
static lr_time next_of(const struct lr_stage_fault *fault) {
    if (fault->over) {
        return LR_TIME_NEVER;
    }
    return fault->begun ? lr_time_min(fault->ends_at, fault->again_at) : fault->begins_at;
}

lr_time lr_stage_faults_next(const struct lr_stage *stage) {
    lr_time next = LR_TIME_NEVER;
    LR_LIST_EACH (node, &stage->timed_faults) {
        next = lr_time_min(next, next_of(LR_CONTAINER_OF(node, struct lr_stage_fault, timed)));
    }
    return next;
}

void lr_stage_faults_come(struct lr_stage *stage) {
    const lr_time now = now_of(stage);
    LR_LIST_EACH (node, &stage->timed_faults) {
        struct lr_stage_fault *fault = LR_CONTAINER_OF(node, struct lr_stage_fault, timed);
        if (!fault->over && !fault->begun && fault->begins_at <= now) {
            begin_now(fault);
        } else if (!fault->over && fault->again_at <= now) {
            fault->status = begin_storm(fault);
        }
        note_firing(fault);
        if (fault->ends_at <= now) {
            lr_stage_fault_undo(fault);
        }
    }
}

void lr_stage_faults_free(struct lr_stage *stage) {
    LR_LIST_EACH (node, &stage->faults) {
        struct lr_stage_fault *fault = LR_CONTAINER_OF(node, struct lr_stage_fault, node);
        lr_fault_disarm(&fault->fault);
        for (size_t i = 0; i < LR_COUNT_OF(fault->hosts); i++) {
            lr_world_host_heal(&fault->hosts[i]);
        }
        lr_list_remove(node);
        lr_list_remove(&fault->timed);
        LR_FREE(stage->alloc, fault);
    }
}
