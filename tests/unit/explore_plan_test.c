/* SPDX-License-Identifier: Apache-2.0 */
/* Plans: made from a seed, taken apart, written down. */
#include <criterion/criterion.h>
#include <string.h>

#include "explore/generate.h"
#include "explore/odds.h"
#include "explore/plan_edit.h"
#include "explore/script.h"
#include "support/failing.h"

enum { SEEDS = 500 };

static struct lr_plan plan;
static struct lr_plan other;

Test(explore_plan, same_seed_makes_the_same_plan_byte_for_byte) {
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        memset(&plan, 0x55, sizeof plan);
        memset(&other, 0xaa, sizeof other);
        lr_generate(&plan, seed);
        lr_generate(&other, seed);
        cr_assert(lr_plan_equal(&plan, &other), "seed %llu", (unsigned long long)seed);
    }
}

static void check_fault(uint64_t seed, const struct lr_plan_fault *fault) {
    unsigned int actor = fault->host - (unsigned int)LR_HOST_ACTORS;
    cr_assert_lt(fault->kind, LR_PLAN_FAULT_KINDS);
    cr_assert(fault->actor < plan.actor_count || plan.actor_count == 0);
    cr_assert(fault->host <= plan.server_count ||
                  (fault->host >= LR_HOST_ACTORS && actor < plan.actor_count),
              "seed %llu: nobody sits at %u", (unsigned long long)seed, fault->host);
    cr_assert(!lr_plan_is_of_link(fault->kind) || fault->host <= plan.server_count);
}

static void check_plan(uint64_t seed) {
    cr_assert(plan.server_count >= 1 && plan.server_count <= LR_PLAN_SERVERS_MAX);
    cr_assert(plan.actor_count <= LR_PLAN_ACTORS_MAX);
    for (unsigned int i = 0; i < plan.actor_count; i++) {
        cr_assert_leq(plan.actors[i].count, LR_PLAN_STEPS_MAX);
        for (unsigned int k = 0; k < plan.actors[i].count; k++) {
            const struct lr_plan_step *step = &plan.actors[i].steps[k];
            cr_assert_lt(step->slot, step->what == LR_DO_LIE ? LR_ASKED_COUNT : LR_PLAN_SLOTS);
            cr_assert(step->what != LR_DO_LIE || lr_lie_fits(step->target, step->slot));
            cr_assert(step->what != LR_DO_CONNECT || step->target < plan.server_count ||
                      step->target == LR_CONNECT_LIAR);
            cr_assert(step->what != LR_DO_OPEN || step->target <= plan.server_count ||
                          step->target == LR_OPEN_GRANTED,
                      "seed %llu", (unsigned long long)seed);
        }
    }
    for (unsigned int i = 0; i < plan.fault_count; i++) {
        check_fault(seed, &plan.faults[i]);
    }
}

Test(explore_plan, everybody_that_a_plan_names_is_there) {
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        lr_generate(&plan, seed);
        cr_assert_geq(plan.actor_count, 1);
        check_plan(seed);
    }
}

Test(explore_plan, every_feature_is_there_about_as_often_as_its_table_says) {
    unsigned int seen[LR_FEATURE_COUNT] = {0};
    for (uint64_t seed = 0; seed < 4000; seed++) {
        lr_generate(&plan, seed);
        for (unsigned int i = 0; i < LR_FEATURE_COUNT; i++) {
            seen[i] += plan.features >> i & 1U;
        }
    }
    for (unsigned int i = 0; i < LR_FEATURE_COUNT; i++) {
        unsigned int wanted = lr_feature_row(i)->percent * 40;
        unsigned int margin = 40 + wanted / 5;
        cr_expect(seen[i] + margin > wanted && seen[i] < wanted + margin, "%s: %u, not about %u",
                  lr_feature_row(i)->name, seen[i], wanted);
    }
}

Test(explore_plan, what_is_taken_away_leaves_a_plan_that_names_nobody_who_is_gone) {
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        lr_generate(&plan, seed);
        while (plan.actor_count > 0) {
            lr_plan_drop_actor(&plan, (unsigned int)(seed % plan.actor_count));
            check_plan(seed);
        }
        lr_generate(&plan, seed);
        while (plan.server_count > 1) {
            lr_plan_drop_server(&plan, (unsigned int)(seed % plan.server_count));
            check_plan(seed);
        }
    }
}

Test(explore_plan, faults_stay_with_the_step_that_they_come_with) {
    lr_generate(&plan, 1);
    plan.fault_count = 1;
    plan.faults[0] =
        (struct lr_plan_fault){.kind = LR_PLAN_KILL, .when = LR_WHEN_STEP, .actor = 0, .step = 5};
    plan.actors[0].count = 8;
    lr_plan_drop_steps(&plan, 0, 1, 2);
    cr_assert_eq(plan.faults[0].step, 3);
    lr_plan_drop_steps(&plan, 0, 2, 3);
    cr_assert_eq(plan.faults[0].step, 2);
    cr_assert_eq(plan.actors[0].count, 3);
}

static void write_script(struct lr_alloc *alloc, void *context) {
    struct lr_buf text;
    const struct lr_script_about about = {
        .seed = 7, .finding = "late: by 3 s", .path = "found/late.lua"};
    (void)context;
    lr_buf_init(&text, alloc);
    lr_generate(&plan, 7);
    enum lr_status status = lr_script_write(&plan, &about, &text);
    cr_assert(status == LR_OK || !lr_test_must_succeed(alloc));
    lr_buf_deinit(&text);
}

Test(explore_plan, no_memory_for_a_scenario_is_told) {
    lr_test_each_failure(write_script, NULL);
}

Test(explore_plan, a_scenarios_name_is_made_of_the_findings_words) {
    char name[128];
    lr_script_name(name, sizeof name, "leaked: session 3: client1 has gone 2.5 s ago", 42);
    cr_assert_str_eq(name, "leaked_session_client_has_gone_s_ago-seed_42.lua");
}

Test(explore_plan, answers_to_raw_peers_are_told_apart) {
    static const struct {
        enum lr_line_said said;
        const char *bytes;
        size_t size;
        bool whole, right;
    } cases[] = {
        {LR_SAID_MAGIC, "\x71\xf2\x02\x00", 4, true, true},
        {LR_SAID_MAGIC, "\x71\xf2\x02", 3, false, false},
        {LR_SAID_SUCCESS, "\1\0\0\0000", 5, true, true},
        {LR_SAID_SUCCESS, "\2\0\0\000-1", 6, true, false},
        {LR_SAID_SUCCESSES, "\1\0\0\0000", 5, false, false},
        {LR_SAID_SUCCESSES, "\1\0\0\0000\1\0\0\0000", 10, true, true},
        {LR_SAID_WORD, "\x71\xf2\x0f\x00\1\0\0\0k", 9, true, true},
        {LR_SAID_RETURN, "\4\0\0\0\0\0\0\0\4\0\0\0", 12, true, true},
        {LR_SAID_EXCEPTION, "\4\0\0\0\0\0\0\0\4\0\0\0", 12, true, false},
        {LR_SAID_PACKET, "\5\0\0\0\0\0\0\0\4\0\0\0", 12, false, false},
    };
    for (size_t i = 0; i < LR_COUNT_OF(cases); i++) {
        bool whole = false;
        bool right = lr_line_is_answer(cases[i].said, (const uint8_t *)cases[i].bytes,
                                       cases[i].size, &whole);
        cr_expect_eq(whole, cases[i].whole, "%zu", i);
        cr_expect_eq(right, cases[i].right, "%zu", i);
    }
}
