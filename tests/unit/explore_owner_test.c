/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that are programs: what the shadow says of them, rule by rule; that each kind of step is
 * made and carried out; that a collector which does nothing is found and written down. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "explore/batch.h"
#include "explore/generate.h"
#include "explore/owner.h"
#include "explore/shrink.h"
#include "mocks/heap/collector.h"
#include "support/failing.h"

enum { PYTHON_3_7_2 = 6, PYTHON_3_8_10 = 14, PYTHON_3_9_5 = 18, PYTHON_3_13 = 30 }; /* Windows */

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names. */
size_t __real_lr_heap_collect(struct lr_heap *heap, int generation);
size_t __wrap_lr_heap_collect(struct lr_heap *heap, int generation);

/* The bug that is planted, on a test's word. */
static bool is_idle;
size_t __wrap_lr_heap_collect(struct lr_heap *heap, int generation) {
    return is_idle ? 0 : __real_lr_heap_collect(heap, generation);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

/* ---- the shadow's rules ---- */

static struct lr_shadow shadow;

static void do_step(unsigned int row, char x, char y, bool moves, char *told, size_t size) {
    static const char *const words[] = {"goes", "closes", "told", "finalized", "exited"};
    const struct lr_plan_step step = {
        .target = (uint8_t)row, .x = (uint8_t)(x - 'a'), .y = (uint8_t)(y - 'a'), .moves = moves};
    (void)lr_shadow_step(&shadow, &step);
    for (unsigned int i = 0; i < shadow.event_count; i++) {
        size_t used = strlen(told);
        (void)snprintf(told + used, size - used, "%s%s %u%s", used == 0 ? "" : ", ",
                       words[shadow.events[i].what], shadow.events[i].number,
                       shadow.events[i].maybe ? "?" : "");
    }
}

/* Sessions a and b are objects 0 and 1; then come the steps. */
static void expect_told(unsigned int runtime, const char *wanted, const struct lr_plan_step *steps,
                        size_t count) {
    char told[256] = "";
    lr_shadow_init(&shadow, runtime);
    (void)lr_shadow_session(&shadow, 0);
    (void)lr_shadow_session(&shadow, 1);
    for (size_t i = 0; i < count; i++) {
        do_step(steps[i].target, (char)steps[i].x, (char)steps[i].y, steps[i].moves != 0, told,
                sizeof told);
    }
    cr_expect_str_eq(told, wanted);
}

#define STEP(row, name, other, moved)                                                              \
    { .target = (row), .x = (name), .y = (other), .moves = (moved) }
#define TOLD(runtime, wanted, ...)                                                                 \
    expect_told(runtime, wanted, (const struct lr_plan_step[]){__VA_ARGS__},                       \
                sizeof((const struct lr_plan_step[]){__VA_ARGS__}) / sizeof(struct lr_plan_step))

Test(explore_owner, the_last_reference_ends_a_session_and_what_it_alone_held) {
    TOLD(PYTHON_3_13, "", STEP(LR_PROGRAM_LIST, 'c', 'a', 1));
    TOLD(PYTHON_3_13, "goes 0", STEP(LR_PROGRAM_LIST, 'c', 'a', 1),
         STEP(LR_PROGRAM_DICT, 'd', 'c', 1), STEP(LR_PROGRAM_DEL, 'd', 'a', 0));
    TOLD(PYTHON_3_13, "goes 1, goes 0", STEP(LR_PROGRAM_LOCALS, 'b', 'a', 0));
}

Test(explore_owner, a_cycle_waits_for_the_collection_of_its_generation) {
    TOLD(PYTHON_3_8_10, "", STEP(LR_PROGRAM_RING, 'c', 'a', 1),
         STEP(LR_PROGRAM_COLLECT_0, 'a', 'a', 0), STEP(LR_PROGRAM_DEL, 'c', 'a', 0),
         STEP(LR_PROGRAM_COLLECT_0, 'a', 'a', 0));
    TOLD(PYTHON_3_8_10, "goes 0", STEP(LR_PROGRAM_RING, 'c', 'a', 1),
         STEP(LR_PROGRAM_COLLECT_0, 'a', 'a', 0), STEP(LR_PROGRAM_DEL, 'c', 'a', 0),
         STEP(LR_PROGRAM_COLLECT_1, 'a', 'a', 0));
    TOLD(PYTHON_3_8_10, "goes 0", STEP(LR_PROGRAM_RING, 'c', 'a', 1),
         STEP(LR_PROGRAM_DEL, 'c', 'a', 0), STEP(LR_PROGRAM_MANY, 'a', 'a', 0));
    TOLD(PYTHON_3_13, "", STEP(LR_PROGRAM_RING, 'c', 'a', 1), STEP(LR_PROGRAM_DEL, 'c', 'a', 0),
         STEP(LR_PROGRAM_FEW, 'a', 'a', 0));
    TOLD(PYTHON_3_8_10, "", STEP(LR_PROGRAM_GC_OFF, 'a', 'a', 0),
         STEP(LR_PROGRAM_RING, 'c', 'a', 1), STEP(LR_PROGRAM_DEL, 'c', 'a', 0),
         STEP(LR_PROGRAM_MANY, 'a', 'a', 0));
}

Test(explore_owner, who_waits_for_an_end_is_told_the_newest_first) {
    TOLD(PYTHON_3_9_5, "goes 0, told 3, finalized 0, told 2", STEP(LR_PROGRAM_WEAKREF, 'c', 'a', 0),
         STEP(LR_PROGRAM_FINALIZE, 'f', 'a', 0), STEP(LR_PROGRAM_WEAKREF, 'd', 'a', 0),
         STEP(LR_PROGRAM_DEL, 'a', 'a', 0));
    TOLD(PYTHON_3_9_5, "", STEP(LR_PROGRAM_WATCHER, 'c', 'b', 0), STEP(LR_PROGRAM_DEL, 'c', 'a', 0),
         STEP(LR_PROGRAM_COLLECT_2, 'a', 'a', 0));
    TOLD(PYTHON_3_9_5, "finalized 1, finalized 0, goes 0, goes 1",
         STEP(LR_PROGRAM_FINALIZE, 'f', 'a', 0), STEP(LR_PROGRAM_FINALIZE, 'f', 'b', 0),
         STEP(LR_PROGRAM_EXIT, 'a', 'a', 0));
}

Test(explore_owner, what_saves_itself_holds_again_and_is_not_asked_twice) {
    TOLD(PYTHON_3_9_5, "goes 0", STEP(LR_PROGRAM_POOL, 'c', 'a', 1),
         STEP(LR_PROGRAM_DEL, 'c', 'a', 0), STEP(LR_PROGRAM_COLLECT_2, 'a', 'a', 0),
         STEP(LR_PROGRAM_FORGET, 'a', 'a', 0), STEP(LR_PROGRAM_COLLECT_2, 'a', 'a', 0));
    cr_expect_not(shadow.nodes[2].alive);
}

Test(explore_owner, an_address_leaks_where_the_report_says) {
    for (unsigned int runtime = LR_PLAN_NATIVE + 1; runtime <= LR_PLAN_RUNTIMES; runtime++) {
        bool windows = (runtime - LR_PLAN_NATIVE) % 2 == 1;
        bool leaks = windows && lr_shadow_facts(runtime)->leaks;
        TOLD(runtime, leaks ? "" : "goes 0", STEP(LR_PROGRAM_ADDRESS, 'a', 'a', 1));
        TOLD(runtime, "goes 0", STEP(LR_PROGRAM_ADDRESS, 'a', 'a', 1),
             STEP(LR_PROGRAM_COLLECT_0, 'a', 'a', 0));
    }
}

Test(explore_owner, handles_of_cpp_count_and_nobody_collects) {
    TOLD(LR_PLAN_NATIVE, "", STEP(LR_PROGRAM_COPY, 'c', 'a', 1));
    TOLD(LR_PLAN_NATIVE, "goes 0", STEP(LR_PROGRAM_OBSERVER, 'c', 'a', 1));
    TOLD(LR_PLAN_NATIVE, "", STEP(LR_PROGRAM_RING, 'c', 'a', 1), STEP(LR_PROGRAM_DEL, 'c', 'a', 0),
         STEP(LR_PROGRAM_EXIT, 'a', 'a', 0));
}

/* ---- plans ---- */

static struct lr_plan plan;

static struct lr_explored play(const struct lr_plan *played) {
    const struct lr_run_plan_options options = {.alloc = lr_alloc_system()};
    struct lr_explored out;
    struct lr_error error = {.code = LR_OK};
    cr_assert_eq(lr_run_plan(played, &options, &out, &error), LR_OK, "%s", error.text);
    return out;
}

Test(explore_owner, every_step_is_drawn_in_every_runtime_and_has_words) {
    unsigned int rows[LR_PROGRAM_ROWS] = {0};
    unsigned int runtimes[LR_PLAN_RUNTIMES + 1] = {0};
    char words[96];
    for (uint64_t seed = 0; seed < 2000; seed++) {
        lr_generate(&plan, seed);
        for (unsigned int i = 0; i < plan.actor_count; i++) {
            const struct lr_plan_actor *actor = &plan.actors[i];
            cr_assert_leq(actor->runtime, LR_PLAN_RUNTIMES);
            runtimes[actor->runtime]++;
            for (unsigned int k = 0; k < actor->count; k++) {
                rows[actor->steps[k].target % LR_PROGRAM_ROWS] +=
                    actor->steps[k].what == LR_DO_PROGRAM;
            }
        }
    }
    for (unsigned int i = 0; i < LR_PROGRAM_ROWS; i++) {
        const struct lr_plan_step step = {.target = (uint8_t)i};
        cr_expect_gt(rows[i], 0U, "%s", lr_owner_words(words, sizeof words, &step, false));
    }
    for (unsigned int i = 0; i <= LR_PLAN_RUNTIMES; i++) {
        cr_expect_gt(runtimes[i], 0U, "runtime %u", i);
    }
}

/* A program with every step that refers to something, one after the other. */
static void make_program(unsigned int runtime, unsigned int first) {
    memset(&plan, 0, sizeof plan);
    plan.seed = 3;
    plan.hasty = true;
    plan.link.latency_us = 50;
    plan.server_count = 1;
    plan.servers[0].slots = 1;
    plan.actor_count = 1;
    plan.actors[0].runtime = (uint8_t)runtime;
    plan.actors[0].steps[0] =
        (struct lr_plan_step){.what = LR_DO_REQUEST, .priority = 1, .limit = 300, .tries = 5};
    unsigned int count = 1;
    for (unsigned int row = first; row < LR_PROGRAM_ROWS && count < LR_PLAN_STEPS_MAX - 1U; row++) {
        plan.actors[0].steps[count++] =
            (struct lr_plan_step){.what = LR_DO_PROGRAM,
                                  .target = (uint8_t)(row == LR_PROGRAM_WITH ? row + 1 : row),
                                  .x = (uint8_t)(2 + row % 4)};
    }
    plan.actors[0].steps[count++] =
        (struct lr_plan_step){.what = LR_DO_PROGRAM, .target = LR_PROGRAM_EXIT};
    plan.actors[0].count = (uint8_t)count;
}

static void run_program(struct lr_alloc *alloc, void *context) {
    const unsigned int *of = context; /* the runtime, and the first row */
    const struct lr_run_plan_options options = {.alloc = alloc};
    struct lr_explored out;
    struct lr_error error = {.code = LR_OK};
    make_program(of[0], of[1]);
    enum lr_status status = lr_run_plan(&plan, &options, &out, &error);
    if (lr_test_must_succeed(alloc)) {
        cr_assert_eq(status, LR_OK, "%s", error.text);
        cr_assert_eq(out.finding_count, 0U, "%s", out.findings[0].text);
        cr_assert_gt(out.operations, 3U);
    }
}

Test(explore_owner, no_memory_for_a_program_loses_nothing) {
    static unsigned int cases[][2] = {{LR_PLAN_NATIVE, LR_PROGRAM_COPY},
                                      {PYTHON_3_7_2, LR_PROGRAM_COPY},
                                      {PYTHON_3_13, LR_PROGRAM_WEAKREF}};
    for (size_t i = 0; i < LR_COUNT_OF(cases); i++) {
        lr_test_each_failure(run_program, cases[i]);
    }
}

Test(explore_owner, a_collector_that_does_nothing_is_found_shrunk_and_written_down) {
    char folder[] = "/tmp/lastref-explore-XXXXXX";
    struct lr_error error = {.code = LR_OK};
    struct lr_explored out = {.finding_count = 0};
    uint64_t seed = 1;
    cr_assert_not_null(mkdtemp(folder));
    is_idle = true;
    for (; seed < 500 && strstr(out.findings[0].text, "gc.collect(generation=") == NULL; seed++) {
        lr_generate(&plan, seed);
        out = play(&plan);
    }
    struct lr_tally_finding finding = {.count = 1, .seed = seed - 1};
    (void)snprintf(finding.text, sizeof finding.text, "%s", out.findings[0].text);
    memcpy(finding.fingerprint, out.findings[0].fingerprint, sizeof finding.fingerprint);
    cr_assert_eq(lr_batch_shrink(&finding, folder, lr_alloc_system(), &error), LR_OK, "%s",
                 error.text);
    cr_expect_leq(finding.operations, 8U, "%s", finding.text);
    cr_expect(finding.repeats, "%s", finding.text);
    cr_assert_eq(unlink(finding.file), 0);
    cr_assert_eq(rmdir(folder), 0);
    is_idle = false;
    cr_expect_eq(play(&plan).finding_count, 0U, "without the bug it is still found");
}
