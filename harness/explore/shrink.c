/* SPDX-License-Identifier: Apache-2.0 */
#include "explore/shrink.h"

#include <string.h>

#include "explore/plan_edit.h"
#include "world/sim.h"

struct trial {
    struct lr_shrinking *shrinking;
    struct lr_plan *plan; /* the smallest one so far */
    struct lr_plan next;  /* what is tried */
    struct lr_explored *out;
    struct lr_error *error;
    enum lr_status status;
};

static bool breaks(struct trial *trial, const struct lr_plan *plan, struct lr_explored *out) {
    const struct lr_run_plan_options options = {.alloc = trial->shrinking->alloc};
    trial->shrinking->runs++;
    trial->status = lr_run_plan(plan, &options, out, trial->error);
    for (unsigned int i = 0; i < out->finding_count && i < LR_EXPLORED_FINDINGS_MAX; i++) {
        if (strcmp(out->findings[i].fingerprint, trial->shrinking->fingerprint) == 0) {
            return trial->status == LR_OK;
        }
    }
    return false;
}

static bool may_go_on(const struct trial *trial) {
    return trial->status == LR_OK && trial->shrinking->runs < trial->shrinking->runs_max;
}

/* |trial->next| is taken where it breaks the same, and is another plan. */
static bool take(struct trial *trial) {
    struct lr_explored out;
    if (!may_go_on(trial) || lr_plan_equal(&trial->next, trial->plan) ||
        !breaks(trial, &trial->next, &out)) {
        return false;
    }
    *trial->plan = trial->next;
    *trial->out = out;
    return true;
}

static bool drop_actors(struct trial *trial) {
    bool smaller = false;
    for (unsigned int i = trial->plan->actor_count; i-- > 0;) {
        trial->next = *trial->plan;
        lr_plan_drop_actor(&trial->next, i);
        smaller |= take(trial);
    }
    return smaller;
}

static bool drop_faults(struct trial *trial) {
    bool smaller = false;
    for (unsigned int i = trial->plan->fault_count; i-- > 0;) {
        trial->next = *trial->plan;
        lr_plan_drop_fault(&trial->next, i);
        smaller |= take(trial);
    }
    return smaller;
}

/* To a step of the one whose link it is, so that nobody else need be there. */
static bool move_fault(struct trial *trial, unsigned int number) {
    const struct lr_plan_fault *fault = &trial->plan->faults[number];
    unsigned int actor = fault->from - (unsigned int)LR_HOST_ACTORS;
    bool with_step = fault->when == LR_WHEN_STEP || fault->when == LR_WHEN_BEGUN;
    if (!with_step || !lr_plan_is_of_link(fault->kind) || fault->from < LR_HOST_ACTORS ||
        fault->actor == actor) {
        return false;
    }
    for (unsigned int step = trial->plan->actors[actor].count; step-- > 0;) {
        trial->next = *trial->plan;
        trial->next.faults[number].actor = (uint8_t)actor;
        trial->next.faults[number].step = (uint8_t)step;
        if (take(trial)) {
            return true;
        }
    }
    return false;
}

static bool move_faults(struct trial *trial) {
    bool moved = false;
    for (unsigned int i = 0; i < trial->plan->fault_count; i++) {
        moved |= move_fault(trial, i);
    }
    return moved;
}

/* What was to meet server |from| meets |to|. */
static void move_to_server(struct lr_plan *plan, unsigned int from, unsigned int to) {
    for (unsigned int i = 0; i < plan->fault_count; i++) {
        struct lr_plan_fault *fault = &plan->faults[i];
        if (fault->host == LR_HOST_SERVERS + from) {
            fault->host = (uint8_t)(LR_HOST_SERVERS + to);
        }
    }
}

/* With its faults, or without them. */
static bool drop_server(struct trial *trial, unsigned int server) {
    trial->next = *trial->plan;
    lr_plan_drop_server(&trial->next, server);
    if (take(trial)) {
        return true;
    }
    for (unsigned int other = 0; other < trial->plan->server_count; other++) {
        trial->next = *trial->plan;
        move_to_server(&trial->next, server, other);
        lr_plan_drop_server(&trial->next, server);
        if (other != server && take(trial)) {
            return true;
        }
    }
    return false;
}

static bool drop_servers(struct trial *trial) {
    bool smaller = false;
    for (unsigned int i = trial->plan->server_count; i-- > 0 && trial->plan->server_count > 1;) {
        smaller |= drop_server(trial, i);
    }
    return smaller;
}

/* Runs of steps of half an actor's, then of a quarter, down to single ones. */
static bool drop_steps(struct trial *trial, unsigned int actor) {
    bool smaller = false;
    for (unsigned int size = LR_PLAN_STEPS_MAX; size > 0; size /= 2) {
        for (unsigned int end = trial->plan->actors[actor].count; end >= size;) {
            trial->next = *trial->plan;
            lr_plan_drop_steps(&trial->next, actor, end - size, size);
            smaller |= take(trial);
            end -= size;
        }
    }
    return smaller;
}

/* ---- numbers ---- */

/* Half of what it was, and nothing if that will do. */
static bool lessen(struct trial *trial, const uint32_t *member, uint32_t least) {
    size_t at = (size_t)((const char *)member - (const char *)trial->plan);
    bool smaller = false;
    for (unsigned int tries = 0; *member > least && tries < 24; tries++) {
        uint32_t less = tries == 0 ? least : least + (*member - least) / 2;
        trial->next = *trial->plan;
        memcpy((char *)&trial->next + at, &less, sizeof less);
        if (take(trial)) {
            smaller = true;
        } else if (tries > 0) {
            break;
        }
    }
    return smaller;
}

static bool lessen_step(struct trial *trial, struct lr_plan_step *step) {
    bool smaller = lessen(trial, &step->ms, 0);
    smaller |= lessen(trial, &step->size, step->what == LR_DO_WRITE || step->what == LR_DO_UPLOAD);
    if (step->priority != 1 && step->what == LR_DO_REQUEST) {
        size_t at = (size_t)((const char *)&step->priority - (const char *)trial->plan);
        trial->next = *trial->plan;
        ((char *)&trial->next)[at] = 1;
        smaller |= take(trial);
    }
    return smaller;
}

static bool lessen_steps(struct trial *trial) {
    bool smaller = false;
    for (unsigned int i = 0; i < trial->plan->actor_count; i++) {
        for (unsigned int k = 0; k < trial->plan->actors[i].count; k++) {
            smaller |= lessen_step(trial, &trial->plan->actors[i].steps[k]);
        }
    }
    for (unsigned int i = 0; i < trial->plan->fault_count; i++) {
        smaller |= lessen(trial, &trial->plan->faults[i].ms, 0);
        bool lasts = lr_plan_fault_row(trial->plan->faults[i].kind)->lasts;
        smaller |= lessen(trial, &trial->plan->faults[i].undo_ms, lasts ? 10 : 0);
    }
    return smaller;
}

/* ---- the plain instead of the special ---- */

static void plain_latency(struct lr_plan *plan) {
    plan->link.latency_us = (uint32_t)(lr_sim_options_default.link.latency_ns / LR_US);
}
static void plain_jitter(struct lr_plan *plan) {
    plan->link.jitter_us = 0;
}
static void plain_bandwidth(struct lr_plan *plan) {
    plan->link.bandwidth = 0;
}
static void plain_segments(struct lr_plan *plan) {
    plan->link.segments = LR_SIM_WHOLE;
}
static void plain_dialects(struct lr_plan *plan) {
    for (unsigned int i = 0; i < plan->server_count; i++) {
        plan->servers[i].dialect = 0;
    }
}
static void plain_slots(struct lr_plan *plan) {
    for (unsigned int i = 0; i < plan->server_count; i++) {
        plan->servers[i].slots = 1;
    }
}
static void plain_ports(struct lr_plan *plan) {
    for (unsigned int i = 0; i < plan->server_count; i++) {
        plan->servers[i].shared = false;
    }
}
static void nothing_odd(struct lr_plan *plan) {
    plan->odd_key = 0;
}
static void plain_keys(struct lr_plan *plan) {
    for (unsigned int i = 0; i < plan->server_count; i++) {
        plan->servers[i].key = 0;
    }
    for (unsigned int i = 0; i < plan->actor_count; i++) {
        for (unsigned int k = 0; k < plan->actors[i].count; k++) {
            struct lr_plan_step *step = &plan->actors[i].steps[k];
            step->target = step->what == LR_DO_REQUEST ? 0 : step->target;
        }
    }
}

static bool make_plain(struct trial *trial) {
    static void (*const ways[])(struct lr_plan * plan) = {
        plain_latency, plain_jitter, plain_bandwidth, plain_segments, plain_dialects,
        plain_slots,   plain_ports,  nothing_odd,     plain_keys,
    };
    bool smaller = false;
    for (size_t i = 0; i < LR_COUNT_OF(ways); i++) {
        trial->next = *trial->plan;
        ways[i](&trial->next);
        smaller |= take(trial);
    }
    return smaller;
}

static bool shrink_once(struct trial *trial) {
    bool smaller = drop_actors(trial);
    smaller |= drop_faults(trial);
    smaller |= move_faults(trial);
    smaller |= drop_servers(trial);
    for (unsigned int i = trial->plan->actor_count; i-- > 0;) {
        smaller |= drop_steps(trial, i);
    }
    smaller |= make_plain(trial);
    smaller |= lessen_steps(trial);
    return smaller;
}

enum lr_status lr_shrink(struct lr_shrinking *shrinking, struct lr_plan *plan,
                         struct lr_explored *out, struct lr_error *error) {
    struct trial trial = {
        .shrinking = shrinking, .plan = plan, .out = out, .error = error, .status = LR_OK};
    shrinking->runs = 0;
    if (!breaks(&trial, plan, out)) {
        return trial.status;
    }
    while (shrink_once(&trial) && may_go_on(&trial)) {}
    return trial.status;
}
