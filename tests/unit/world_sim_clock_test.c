/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of the simulated world's events and its table, held against the plainest of their kind.
 */
#include <criterion/criterion.h>

#include "support/failing.h"
#include "world/sim_internal.h"

enum { EVENTS = 200, STEPS = 20000 };

static struct lr_sim_event events[EVENTS];
static uint64_t order[EVENTS]; /* of arming; 0: not armed */

static struct lr_sim *new_sim(struct lr_alloc *alloc) {
    struct lr_sim_options options = lr_sim_options_default;
    struct lr_sim *sim;
    options.alloc = alloc;
    return lr_sim_new(&sim, &options, NULL) == LR_OK ? sim : NULL;
}

/* The one that is to come first: the earliest, and of those the one armed first. */
static const struct lr_sim_event *first_of_all(void) {
    size_t first = EVENTS;
    for (size_t i = 0; i < EVENTS; i++) {
        if (order[i] != 0 && (first == EVENTS || events[i].at < events[first].at ||
                              (events[i].at == events[first].at && order[i] < order[first]))) {
            first = i;
        }
    }
    return first == EVENTS ? NULL : &events[first];
}

Test(world_sim_clock, the_earliest_comes_first_and_of_equals_the_one_armed_first) {
    struct lr_sim *sim = new_sim(lr_alloc_system());
    struct lr_prng random;
    lr_prng_init(&random, 5);
    cr_assert_eq(lr_sim_reserve(sim, EVENTS), LR_OK);
    for (uint64_t step = 1; step <= STEPS; step++) {
        size_t i = (size_t)lr_prng_below(&random, EVENTS);
        if (lr_prng_chance(&random, 1, 3)) {
            lr_sim_disarm(sim, &events[i]);
            order[i] = 0;
        } else { /* few times, so that many are equal */
            lr_sim_arm(sim, &events[i], sim->now + lr_prng_below(&random, 20));
            order[i] = step;
        }
        const struct lr_sim_event *first = first_of_all();
        cr_assert_eq(first == NULL, sim->queue.count == 0);
        cr_assert(first == NULL || sim->queue.heap[0].event == first, "step %llu",
                  (unsigned long long)step);
    }
    for (size_t i = 0; i < EVENTS; i++) {
        lr_sim_disarm(sim, &events[i]);
        cr_assert_not(lr_sim_armed(&events[i]));
    }
    cr_assert_eq(sim->queue.count, 0);
    lr_sim_unreserve(sim, EVENTS);
    lr_sim_free(sim);
}

Test(world_sim_clock, what_is_armed_for_the_past_is_armed_for_now) {
    struct lr_sim *sim = new_sim(lr_alloc_system());
    cr_assert_eq(lr_sim_reserve(sim, 1), LR_OK);
    lr_sim_arm(sim, &events[0], 1);
    cr_expect_eq(events[0].at, sim->now);
    lr_sim_arm(sim, &events[0], LR_TIME_NEVER);
    cr_expect_not(lr_sim_armed(&events[0]), "never is not armed");
    lr_sim_unreserve(sim, 1);
    lr_sim_free(sim);
}

static void arm_all(struct lr_alloc *alloc, void *context) {
    struct lr_sim *sim = new_sim(alloc);
    (void)context;
    bool there = sim != NULL && lr_sim_reserve(sim, EVENTS) == LR_OK;
    cr_assert(there || !lr_test_must_succeed(alloc));
    for (size_t i = 0; i < EVENTS && there; i++) {
        lr_sim_arm(sim, &events[i], sim->now + EVENTS - i);
        cr_assert_eq(sim->queue.heap[0].event, &events[i], "what was reserved is there");
    }
    for (size_t i = 0; i < EVENTS && there; i++) {
        lr_sim_disarm(sim, &events[i]);
    }
    if (there) {
        lr_sim_unreserve(sim, EVENTS);
    }
    lr_sim_free(sim);
}

Test(world_sim_clock, nothing_is_lost_whichever_allocation_fails) {
    lr_test_each_failure(arm_all, NULL);
}
