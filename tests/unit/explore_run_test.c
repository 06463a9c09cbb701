/* SPDX-License-Identifier: Apache-2.0 */
/* Plans that are played: the same one has the same history, what works gives no finding, and what
 * does not is found, shrunk and written down. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "explore/batch.h"
#include "explore/generate.h"
#include "explore/shrink.h"
#include "mocks/peers/deaf_server.h"
#include "rpc/server.h"
#include "support/failing.h"
#include "world/link.h"
#include "world/sim.h"

static struct lr_plan plan;

/* ---- */

static struct lr_explored play(const struct lr_plan *played, bool digested) {
    const struct lr_run_plan_options options = {.alloc = lr_alloc_system(), .digested = digested};
    struct lr_explored out;
    struct lr_error error = {.code = LR_OK};
    cr_assert_eq(lr_run_plan(played, &options, &out, &error), LR_OK, "%s", error.text);
    return out;
}

Test(explore_run, the_same_plan_has_the_same_history) {
    for (uint64_t seed = 1; seed <= 40; seed++) {
        lr_generate(&plan, seed);
        struct lr_explored first = play(&plan, true);
        struct lr_explored second = play(&plan, true);
        cr_assert_eq(first.digest, second.digest, "seed %llu", (unsigned long long)seed);
        cr_assert_neq(first.digest, 0U);
        cr_assert_eq(first.events, second.events);
        cr_assert_eq(play(&plan, false).events, first.events, "the digest changes what happens");
    }
}

Test(explore_run, nothing_is_found_where_nothing_is_wrong) {
    for (uint64_t seed = 1000; seed < 1300; seed++) {
        lr_generate(&plan, seed);
        struct lr_explored out = play(&plan, false);
        cr_assert_eq(out.finding_count, 0U, "seed %llu: %s", (unsigned long long)seed,
                     out.findings[0].text);
    }
}

static void run_small(struct lr_alloc *alloc, void *context) {
    const struct lr_run_plan_options options = {.alloc = alloc};
    struct lr_explored out;
    struct lr_error error = {.code = LR_OK};
    (void)context;
    memset(&plan, 0, sizeof plan);
    plan.seed = 3;
    plan.hasty = true;
    plan.link.latency_us = 50;
    plan.server_count = 1;
    plan.servers[0].slots = 1;
    plan.actor_count = 1;
    plan.actors[0].count = 2;
    plan.actors[0].steps[0] =
        (struct lr_plan_step){.what = LR_DO_REQUEST, .priority = 1, .limit = 300, .tries = 5};
    plan.actors[0].steps[1] = (struct lr_plan_step){.what = LR_DO_CALL, .size = 4};
    enum lr_status status = lr_run_plan(&plan, &options, &out, &error);
    if (lr_test_must_succeed(alloc)) {
        cr_assert_eq(status, LR_OK, "%s", error.text);
        cr_assert_eq(out.finding_count, 0U, "%s", out.findings[0].text);
        cr_assert_eq(out.operations, 2U);
    }
}

Test(explore_run, no_memory_loses_nothing) {
    lr_test_each_failure(run_small, NULL);
}

/* One server without a tracker, that a peer has opened a link to; it does the |count| |steps| then.
 */
static void begin_peer(const struct lr_plan_step *steps, uint8_t count) {
    memset(&plan, 0, sizeof plan);
    plan.seed = 3;
    plan.link.latency_us = 5000;
    plan.server_count = 1;
    plan.servers[0] = (struct lr_plan_server){.slots = 1, .direct = true};
    plan.actor_count = 1;
    plan.actors[0].kind = LR_ACTOR_PEER;
    plan.actors[0].count = (uint8_t)(count + 1);
    plan.actors[0].steps[0] = (struct lr_plan_step){.what = LR_DO_OPEN, .target = 1};
    memcpy(&plan.actors[0].steps[1], steps, count * sizeof *steps);
}

static void expect_nothing(void) {
    struct lr_explored out = play(&plan, false);
    cr_expect_eq(out.finding_count, 0U, "%s", out.findings[0].text);
}

/* Its FIN goes behind answers for which the systems have no room, as nobody reads them. */
Test(explore_run, a_release_is_not_late_that_waits_for_what_was_said_to_be_read) {
    static const struct lr_plan_step steps[] = {
        {.what = LR_DO_SAY, .target = LR_LINE_MANY_CALLS, .slot = 1},
        {.what = LR_DO_PASS, .ms = 1000},
        {.what = LR_DO_END},
    };
    begin_peer(steps, LR_COUNT_OF(steps));
    expect_nothing();
}

/* On a narrow link answers may take long, and so may the place that somebody else has. */
Test(explore_run, an_answer_to_the_key_is_none_to_what_was_said_behind_it) {
    static const struct lr_plan_step steps[] = {
        {.what = LR_DO_SAY, .target = LR_LINE_SHUTDOWN},
        {.what = LR_DO_SAY, .target = LR_LINE_MANY_CALLS},
    };
    begin_peer(steps, LR_COUNT_OF(steps));
    plan.link.bandwidth = 1000000;
    plan.actors[1] = plan.actors[0];
    plan.actors[0] = (struct lr_plan_actor){
        .kind = LR_ACTOR_CLIENT,
        .count = 3,
        .steps = {{.what = LR_DO_CONNECT}, {.what = LR_DO_PASS, .ms = 5000}, {.what = LR_DO_CLOSE}},
    };
    plan.actor_count = 2;
    expect_nothing();
}

/* What comes late at the tracker is of the one that was given up before. */
Test(explore_run, a_request_is_not_taken_for_the_one_before) {
    memset(&plan, 0, sizeof plan);
    plan.seed = 3;
    plan.link.latency_us = 10000;
    plan.server_count = 1;
    plan.servers[0].slots = 1;
    plan.actor_count = 1;
    plan.actors[0].count = 3;
    plan.actors[0].steps[0] = (struct lr_plan_step){.what = LR_DO_PASS, .ms = 1000};
    plan.actors[0].steps[1] = (struct lr_plan_step){
        .what = LR_DO_REQUEST, .target = 1, .priority = 1, .limit = 45, .tries = 1};
    plan.actors[0].steps[2] =
        (struct lr_plan_step){.what = LR_DO_REQUEST, .priority = 1, .limit = 20, .tries = 1};
    expect_nothing();
}

/* The word of its timeout goes behind an answer of 4 MB, for which its server waits a second. */
Test(explore_run, a_farewell_may_be_lost_behind_an_answer_that_takes_too_long) {
    memset(&plan, 0, sizeof plan);
    plan.seed = 3;
    plan.hasty = true;
    plan.link.latency_us = 40000;
    plan.server_count = 1;
    plan.servers[0].slots = 1;
    plan.actor_count = 1;
    plan.actors[0].count = 3;
    plan.actors[0].steps[0] = (struct lr_plan_step){
        .what = LR_DO_REQUEST, .priority = 1, .limit = 3000, .tries = 1, .ms = 1700};
    plan.actors[0].steps[1] = (struct lr_plan_step){.what = LR_DO_WRITE, .size = 4300001};
    plan.actors[0].steps[2] = (struct lr_plan_step){.what = LR_DO_READ};
    expect_nothing();
}

/* Its server is told of a matchkey that nobody has put, misses its own, and puts another. */
Test(explore_run, a_server_that_was_misled_may_offer_more_than_it_has) {
    for (uint64_t seed = 1; seed <= 40; seed++) {
        memset(&plan, 0, sizeof plan);
        plan.seed = seed;
        plan.hasty = true;
        plan.link.latency_us = 50;
        plan.server_count = 1;
        plan.servers[0].slots = 1;
        plan.actor_count = 1;
        plan.actors[0].count = 1;
        plan.actors[0].steps[0] = (struct lr_plan_step){.what = LR_DO_PASS, .ms = 20000};
        plan.fault_count = 2;
        plan.faults[0] = (struct lr_plan_fault){
            .kind = LR_PLAN_RESTART, .host = LR_HOST_SERVERS, .when = LR_WHEN_TIME, .ms = 1};
        plan.faults[1] = (struct lr_plan_fault){.kind = LR_PLAN_CORRUPT,
                                                .when = LR_WHEN_BYTES,
                                                .side = LR_SIDE_FROM_SERVICE,
                                                .bytes = 80};
        expect_nothing();
    }
}

/* The rest of what its server has said comes when the peer has gone on. */
Test(explore_run, an_end_that_is_on_its_way_answers_nothing) {
    static const struct lr_plan_step steps[] = {
        {.what = LR_DO_SAY, .target = LR_LINE_FREE_NOTHING},
        {.what = LR_DO_SAY, .target = LR_LINE_SHUTDOWN},
    };
    for (uint64_t seed = 1; seed <= 200; seed++) {
        begin_peer(steps, LR_COUNT_OF(steps));
        plan.seed = seed;
        plan.link.segments = LR_SIM_CUTS;
        plan.servers[0].dialect = LR_SPEAK_LEGACY;
        expect_nothing();
    }
}

/* Its FIN would end the call; without it the Shutdown is read when the call is over. */
Test(explore_run, a_shutdown_behind_a_call_that_lasts_waits_for_that) {
    for (uint16_t bytes = 1; bytes <= 400; bytes++) {
        memset(&plan, 0, sizeof plan);
        plan.seed = 3;
        plan.hasty = true;
        plan.link.latency_us = 50;
        plan.server_count = 1;
        plan.servers[0] = (struct lr_plan_server){.slots = 1, .direct = true};
        plan.actor_count = 1;
        plan.actors[0].count = 3;
        plan.actors[0].steps[0] = (struct lr_plan_step){.what = LR_DO_CONNECT};
        plan.actors[0].steps[1] = (struct lr_plan_step){.what = LR_DO_BUSY, .ms = 200};
        plan.actors[0].steps[2] = (struct lr_plan_step){.what = LR_DO_CLOSE};
        plan.fault_count = 1;
        plan.faults[0] = (struct lr_plan_fault){.kind = LR_PLAN_BLACK_HOLE,
                                                .host = LR_HOST_SERVERS,
                                                .when = LR_WHEN_BYTES,
                                                .side = LR_SIDE_TO_SERVICE,
                                                .bytes = bytes};
        expect_nothing();
    }
}

/* It is the fault that resets it. */
Test(explore_run, a_peer_that_has_finished_may_be_reset_by_a_fault) {
    static const struct lr_plan_step steps[] = {
        {.what = LR_DO_SAY, .target = LR_LINE_PING},
        {.what = LR_DO_FINISH},
        {.what = LR_DO_PASS, .ms = 100},
    };
    begin_peer(steps, LR_COUNT_OF(steps));
    plan.actors[0].steps[0].target = 0;
    plan.fault_count = 1;
    plan.faults[0] = (struct lr_plan_fault){.kind = LR_PLAN_RST,
                                            .when = LR_WHEN_STEP,
                                            .from = LR_HOST_ACTORS,
                                            .side = LR_SIDE_TO_SERVICE,
                                            .step = 3};
    expect_nothing();
}

/* The first seed from |*seed| on that shows the bug. */
static struct lr_explored find_bug(uint64_t *seed) {
    struct lr_explored out;
    uint64_t end = *seed + 500;
    do {
        lr_generate(&plan, *seed);
        out = play(&plan, false);
        (*seed)++;
    } while (*seed < end && out.finding_count == 0);
    (*seed)--;
    cr_assert_gt(out.finding_count, 0U, "no seed shows the bug");
    return out;
}

Test(explore_run, a_planted_bug_is_found_and_shrunk_to_little) {
    uint64_t seed = 1;
    struct lr_error error = {.code = LR_OK};
    lr_deaf_servers(true);
    struct lr_explored out = find_bug(&seed);
    struct lr_shrinking shrinking = {
        .alloc = lr_alloc_system(), .fingerprint = out.findings[0].fingerprint, .runs_max = 2000};
    struct lr_explored shrunk;
    unsigned int before = lr_plan_operations(&plan);
    cr_assert_eq(lr_shrink(&shrinking, &plan, &shrunk, &error), LR_OK);
    cr_expect_str_eq(shrunk.findings[0].fingerprint, out.findings[0].fingerprint);
    cr_expect_leq(lr_plan_operations(&plan), before);
    cr_expect_leq(lr_plan_operations(&plan), 6U, "%u operations", lr_plan_operations(&plan));
    cr_expect_leq(plan.actor_count, 2);
    cr_expect_leq(plan.fault_count, 1);
    lr_deaf_servers(false);
    cr_expect_eq(play(&plan, false).finding_count, 0U, "without the bug it is still found");
}

/* What |out| has found from |seed|, as a scenario that is played. */
static bool repeats(const struct lr_explored *out, uint64_t seed, const char *folder) {
    struct lr_error error = {.code = LR_OK};
    struct lr_tally_finding finding = {.count = 1, .seed = seed};
    (void)snprintf(finding.text, sizeof finding.text, "%s", out->findings[0].text);
    memcpy(finding.fingerprint, out->findings[0].fingerprint, sizeof finding.fingerprint);
    cr_assert_eq(lr_batch_shrink(&finding, folder, lr_alloc_system(), &error), LR_OK, "%s",
                 error.text);
    cr_expect_leq(finding.operations, 6U, "%s", finding.file);
    cr_assert_eq(unlink(finding.file), 0);
    return finding.repeats;
}

Test(explore_run, planted_bugs_are_written_as_scenarios_that_repeat_them) {
    char folder[] = "/tmp/lastref-explore-XXXXXX";
    uint64_t seed = 1;
    cr_assert_not_null(mkdtemp(folder));
    lr_deaf_servers(true);
    for (int i = 0; i < 8; i++, seed++) {
        struct lr_explored out = find_bug(&seed);
        cr_expect(repeats(&out, seed, folder), "seed %llu: %s", (unsigned long long)seed,
                  out.findings[0].text);
    }
    cr_assert_eq(rmdir(folder), 0);
}
