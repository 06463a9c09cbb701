/* SPDX-License-Identifier: Apache-2.0 */
/* What exploration has found that was no bug of a role: plans by hand, as small as they were made,
 * in which nothing may be found. */
#include <criterion/criterion.h>
#include <string.h>

#include "explore/run.h"
#include "support/failing.h"
#include "world/link.h"

static struct lr_plan plan;

/* One server, links without a delay to speak of, little patience. */
static struct lr_plan *begin(bool direct) {
    memset(&plan, 0, sizeof plan);
    plan.seed = 1;
    plan.hasty = true;
    plan.link.latency_us = 50;
    plan.server_count = 1;
    plan.servers[0].slots = 1;
    plan.servers[0].direct = direct;
    return &plan;
}

static struct lr_plan_actor *add_actor(enum lr_plan_actor_kind kind) {
    struct lr_plan_actor *actor = &plan.actors[plan.actor_count++];
    actor->kind = (uint8_t)kind;
    return actor;
}

static struct lr_plan_step *add_step(struct lr_plan_actor *actor, enum lr_plan_do what,
                                     unsigned int target) {
    struct lr_plan_step *step = &actor->steps[actor->count++];
    step->tries = 5;
    step->what = (uint8_t)what;
    step->target = (uint8_t)target;
    return step;
}

static void find_nothing(void) {
    const struct lr_run_plan_options options = {.alloc = lr_alloc_system()};
    struct lr_explored out;
    struct lr_error error = {.code = LR_OK};
    cr_assert_eq(lr_run_plan(&plan, &options, &out, &error), LR_OK, "%s", error.text);
    cr_assert_eq(out.finding_count, 0U, "%s", out.findings[0].text);
}

/* Nobody gives it up: its handshake, which stopped in its middle, is not looked at before. */
static void let_one_wait(void) {
    begin(true);
    (void)add_step(add_actor(LR_ACTOR_CLIENT), LR_DO_CONNECT, 0);
    struct lr_plan_actor *peer = add_actor(LR_ACTOR_PEER);
    (void)add_step(peer, LR_DO_OPEN, 1);
    (void)add_step(peer, LR_DO_HUSH, 0);
    add_step(peer, LR_DO_SAY, LR_LINE_INIT)->ms = 10;
}

Test(explore_found, who_waits_for_another_ones_place_is_not_given_up) {
    let_one_wait();
    find_nothing();
}

/* Its place is given up by another's timeout at any time before, while and behind it asks. */
Test(explore_found, who_is_let_in_late_has_its_answer_on_the_way) {
    for (unsigned int ms = 20; ms < 500; ms += 5) {
        begin(true)->link.latency_us = 40000;
        add_step(add_actor(LR_ACTOR_CLIENT), LR_DO_CONNECT, 0)->ms = (uint16_t)ms;
        struct lr_plan_actor *peer = add_actor(LR_ACTOR_PEER);
        (void)add_step(peer, LR_DO_OPEN, 1);
        (void)add_step(peer, LR_DO_SAY, LR_LINE_SHUTDOWN);
        find_nothing();
    }
}

static void play_without_memory(struct lr_alloc *alloc, void *context) {
    const struct lr_run_plan_options options = {.alloc = alloc};
    struct lr_explored out;
    struct lr_error error = {.code = LR_OK};
    (void)context;
    enum lr_status status = lr_run_plan(&plan, &options, &out, &error);
    cr_assert(status == LR_OK || !lr_test_must_succeed(alloc), "%s", error.text);
}

Test(explore_found, no_memory_loses_nothing) {
    let_one_wait();
    lr_test_each_failure(play_without_memory, NULL);
}

Test(explore_found, what_comes_behind_a_flood_is_answered_behind_it) {
    begin(false)->link.latency_us = 40000;
    struct lr_plan_actor *peer = add_actor(LR_ACTOR_PEER);
    (void)add_step(peer, LR_DO_OPEN, 0);
    (void)add_step(peer, LR_DO_SAY, LR_LINE_SUMMARIES);
    (void)add_step(peer, LR_DO_SAY, LR_LINE_UNKNOWN_CODE);
    find_nothing();
}

/* Half of its grant was sent: the tracker takes it back, which the second one of the questions that
 * its server asks every 2 s shows. A client before has its matchkey put between two of them. */
Test(explore_found, grant_into_a_black_hole_is_on_offer_again) {
    begin(false);
    struct lr_plan_actor *before = add_actor(LR_ACTOR_CLIENT);
    add_step(before, LR_DO_PASS, 0)->ms = 3050;
    add_step(before, LR_DO_REQUEST, 0)->limit = 300;
    (void)add_step(before, LR_DO_CLOSE, 0);
    struct lr_plan_actor *client = add_actor(LR_ACTOR_CLIENT);
    add_step(client, LR_DO_PASS, 0)->ms = 3300;
    add_step(client, LR_DO_REQUEST, 0)->limit = 300;
    plan.fault_count = 1;
    plan.faults[0] = (struct lr_plan_fault){.kind = LR_PLAN_BLACK_HOLE,
                                            .when = LR_WHEN_BYTES,
                                            .host = LR_HOST_TRACKER,
                                            .side = LR_SIDE_BOTH,
                                            .actor = 1,
                                            .step = 1,
                                            .bytes = 40};
    find_nothing();
}
