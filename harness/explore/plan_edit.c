/* SPDX-License-Identifier: Apache-2.0 */
#include "explore/plan_edit.h"

#include <string.h>

void lr_plan_drop_fault(struct lr_plan *plan, unsigned int fault) {
    plan->fault_count--;
    memmove(&plan->faults[fault], &plan->faults[fault + 1],
            (plan->fault_count - fault) * sizeof plan->faults[0]);
    memset(&plan->faults[plan->fault_count], 0, sizeof plan->faults[0]);
}

static void lessen(uint8_t *number, unsigned int gone, unsigned int end) {
    if (*number > gone && *number < end) {
        (*number)--;
    }
}

/* Host numbers from |gone| on, below |end|, are one less; faults of |gone| itself go. */
static void renumber_hosts(struct lr_plan *plan, unsigned int gone, unsigned int end) {
    for (unsigned int i = 0; i < plan->fault_count;) {
        struct lr_plan_fault *fault = &plan->faults[i];
        bool by_link = lr_plan_is_of_link(fault->kind) && fault->when != LR_WHEN_BYTES;
        if (fault->host == gone || (by_link && fault->from == gone)) {
            lr_plan_drop_fault(plan, i);
            continue;
        }
        lessen(&fault->host, gone, end);
        lessen(&fault->from, gone, end);
        i++;
    }
}

void lr_plan_drop_actor(struct lr_plan *plan, unsigned int actor) {
    for (unsigned int i = 0; i < plan->fault_count;) {
        struct lr_plan_fault *fault = &plan->faults[i];
        if (fault->actor == actor && fault->when != LR_WHEN_TIME) {
            lr_plan_drop_fault(plan, i);
            continue;
        }
        lessen(&fault->actor, actor, UINT8_MAX);
        fault->actor = fault->actor == actor && fault->when == LR_WHEN_TIME ? 0 : fault->actor;
        i++;
    }
    renumber_hosts(plan, LR_HOST_ACTORS + actor, UINT8_MAX);
    plan->actor_count--;
    memmove(&plan->actors[actor], &plan->actors[actor + 1],
            (plan->actor_count - actor) * sizeof plan->actors[0]);
    memset(&plan->actors[plan->actor_count], 0, sizeof plan->actors[0]);
}

/* A step of a server that is not there any more. */
static void renumber_target(struct lr_plan_step *step, unsigned int server) {
    unsigned int first = step->what == LR_DO_OPEN ? 1 : 0;
    if (step->what != LR_DO_CONNECT && step->what != LR_DO_OPEN) {
        return;
    }
    if (step->target < first || step->target == LR_OPEN_GRANTED) {
        return;
    }
    if (step->target == server + first) {
        memset(step, 0, sizeof *step);
    } else if (step->target > server + first) {
        step->target--;
    }
}

void lr_plan_drop_server(struct lr_plan *plan, unsigned int server) {
    for (unsigned int i = 0; i < plan->actor_count; i++) {
        for (unsigned int k = 0; k < plan->actors[i].count; k++) {
            renumber_target(&plan->actors[i].steps[k], server);
        }
    }
    renumber_hosts(plan, LR_HOST_SERVERS + server, LR_HOST_ACTORS);
    plan->server_count--;
    memmove(&plan->servers[server], &plan->servers[server + 1],
            (plan->server_count - server) * sizeof plan->servers[0]);
    memset(&plan->servers[plan->server_count], 0, sizeof plan->servers[0]);
}

void lr_plan_drop_steps(struct lr_plan *plan, unsigned int actor, unsigned int first,
                        unsigned int count) {
    struct lr_plan_actor *of = &plan->actors[actor];
    of->count = (uint8_t)(of->count - count);
    memmove(&of->steps[first], &of->steps[first + count],
            (of->count - first) * sizeof of->steps[0]);
    memset(&of->steps[of->count], 0, count * sizeof of->steps[0]);
    for (unsigned int i = 0; i < plan->fault_count; i++) {
        struct lr_plan_fault *fault = &plan->faults[i];
        if (fault->when != LR_WHEN_TIME && fault->actor == actor && fault->step >= first) {
            unsigned int past = fault->step - first;
            fault->step = (uint8_t)(fault->step - (past < count ? past : count));
        }
    }
}
