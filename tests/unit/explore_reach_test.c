/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted as reached: plans by hand, each with one fault that comes in a certain state. */
#include <criterion/criterion.h>
#include <string.h>

#include "explore/reach.h"
#include "explore/run.h"
#include "support/failing.h"
#include "world/link.h"

static struct lr_plan plan;
static struct lr_reach reach;

static struct lr_plan_step *add_step(unsigned int actor, enum lr_plan_do what) {
    struct lr_plan_actor *of = &plan.actors[actor];
    struct lr_plan_step *step = &of->steps[of->count++];
    step->what = (uint8_t)what;
    step->limit = 3000;
    step->tries = 5;
    return step;
}

/* Two clients and one place: the second one waits until the first one closes. */
static void let_one_wait(void) {
    memset(&plan, 0, sizeof plan);
    memset(&reach, 0, sizeof reach);
    plan.seed = 1;
    plan.hasty = true;
    plan.link.latency_us = 50;
    plan.server_count = 1;
    plan.servers[0].slots = 1;
    plan.actor_count = 2;
    (void)add_step(0, LR_DO_REQUEST);
    add_step(0, LR_DO_PASS)->ms = 100;
    (void)add_step(0, LR_DO_CLOSE);
    add_step(1, LR_DO_PASS)->ms = 10;
    (void)add_step(1, LR_DO_REQUEST);
    plan.fault_count = 1;
    plan.faults[0].host = LR_HOST_TRACKER;
    plan.faults[0].side = LR_SIDE_FROM_SERVICE;
    plan.faults[0].from = LR_HOST_ACTORS + 1;
    plan.faults[0].actor = 1;
    plan.faults[0].step = 1;
}

static void play(struct lr_alloc *alloc) {
    const struct lr_run_plan_options options = {.alloc = alloc, .reach = &reach};
    struct lr_explored out;
    struct lr_error error = {.code = LR_OK};
    enum lr_status status = lr_run_plan(&plan, &options, &out, &error);
    cr_assert(status == LR_OK || alloc != lr_alloc_system(), "%s", error.text);
}

static uint64_t count(enum lr_reach_role role, enum lr_reach_state state,
                      enum lr_plan_fault_kind kind, enum lr_cause cause) {
    return reach.counts[role][state][kind][cause];
}

/* Nothing else passes on its link then: what is spoilt is the grant, and was granted. */
Test(explore_reach, who_waits_is_granted_when_what_passes_next_is_spoilt) {
    static const enum lr_plan_fault_kind kinds[] = {LR_PLAN_CORRUPT, LR_PLAN_CORRUPT_LENGTH,
                                                    LR_PLAN_TRUNCATE};
    for (size_t i = 0; i < LR_COUNT_OF(kinds); i++) {
        let_one_wait();
        plan.faults[0].kind = (uint8_t)kinds[i];
        plan.faults[0].when = LR_WHEN_BEGUN;
        plan.faults[0].ms = 1;
        play(lr_alloc_system());
        cr_expect_eq(count(LR_REACH_CLIENT, LR_AT_GRANT, kinds[i], LR_CAUSE_NONE), 1U);
        cr_expect_eq(count(LR_REACH_CLIENT, LR_AT_WAIT, kinds[i], LR_CAUSE_NONE), 0U);
        cr_expect_eq(count(LR_REACH_TRACKER, LR_AT_GRANT, kinds[i], LR_CAUSE_NONE), 1U);
    }
}

/* The plan knows of the end before the wire shows it. */
Test(explore_reach, session_is_ending_from_its_clients_close_on) {
    let_one_wait();
    plan.link.latency_us = 5000;
    plan.faults[0] = (struct lr_plan_fault){.kind = LR_PLAN_KILL,
                                            .when = LR_WHEN_BEGUN,
                                            .host = LR_HOST_SERVERS,
                                            .actor = 0,
                                            .step = 2};
    play(lr_alloc_system());
    cr_expect_eq(count(LR_REACH_SERVER, LR_AT_END, LR_PLAN_KILL, LR_CAUSE_SERVER_LOSS), 1U);
    cr_expect_eq(count(LR_REACH_SERVER, LR_AT_IDLE, LR_PLAN_KILL, LR_CAUSE_SERVER_LOSS), 0U);
}

/* As a step begins nothing of it is on its way yet; when it has begun it is. */
Test(explore_reach, step_that_has_begun_is_under_way) {
    for (unsigned int begun = 0; begun < 2; begun++) {
        let_one_wait();
        plan.actors[0].steps[1] = (struct lr_plan_step){.what = LR_DO_UPLOAD, .size = 1000};
        plan.faults[0] = (struct lr_plan_fault){.kind = LR_PLAN_RST,
                                                .when = begun == 1 ? LR_WHEN_BEGUN : LR_WHEN_STEP,
                                                .host = LR_HOST_SERVERS,
                                                .from = LR_HOST_ACTORS,
                                                .side = LR_SIDE_BOTH,
                                                .actor = 0,
                                                .step = 1};
        play(lr_alloc_system());
        cr_expect_eq(count(LR_REACH_CLIENT, LR_AT_COPY, LR_PLAN_RST, LR_CAUSE_RST), begun);
        cr_expect_eq(count(LR_REACH_CLIENT, LR_AT_IDLE, LR_PLAN_RST, LR_CAUSE_RST), 1U - begun);
    }
}

static void play_without_memory(struct lr_alloc *alloc, void *context) {
    (void)context;
    let_one_wait();
    plan.faults[0].kind = LR_PLAN_RST;
    plan.faults[0].when = LR_WHEN_BEGUN;
    play(alloc);
}

Test(explore_reach, no_memory_loses_nothing) {
    lr_test_each_failure(play_without_memory, NULL);
}
