/* SPDX-License-Identifier: Apache-2.0 */
/* A plan and the scenario that is written of it are the same: until its actors have done their
 * steps, everything that happens happens in both, at the same time. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "explore/generate.h"
#include "explore/run.h"
#include "explore/script.h"
#include "scenario/order.h"
#include "support/failing.h"

enum { HAPPENED_MAX = 20000, WORDS_MAX = 160, PLANS = 100 };

struct happened {
    lr_time at;
    char words[WORDS_MAX];
};

struct history {
    struct lr_trace_sink sink;
    size_t count;
    bool over;
    struct happened events[HAPPENED_MAX];
};

static struct lr_plan plan;
static struct history played, scripted;

/* What only the one who plays says is no part of it. */
static bool is_own(const struct lr_trace_event *event) {
    static const char *const own[] = {"plan: ", "script: ", "finding: ", "fault: ", "expect: "};
    for (size_t i = 0; i < LR_COUNT_OF(own); i++) {
        if (strncmp(event->text, own[i], strlen(own[i])) == 0) {
            return true;
        }
    }
    return event->host == NULL || event->kind == LR_TRACE_REFERENCE;
}

static void keep(struct lr_trace_sink *sink, const struct lr_trace_event *event) {
    struct history *history = LR_CONTAINER_OF(sink, struct history, sink);
    history->over |= strstr(event->text, LR_RUN_ALL_DONE) != NULL;
    if (!history->over && history->count < HAPPENED_MAX && !is_own(event)) {
        struct happened *happened = &history->events[history->count++];
        happened->at = event->at;
        (void)snprintf(happened->words, WORDS_MAX, "%s %s %u: %s", event->host,
                       lr_trace_name(event->kind), event->conn, event->text);
    }
}

static void begin(struct history *history) {
    *history = (struct history){.sink = {.emit = keep, .level = LR_TRACE_DEBUG}};
}

static void play_plan(void) {
    struct lr_explored out;
    struct lr_error error = {.code = LR_OK};
    begin(&played);
    const struct lr_run_plan_options options = {.alloc = lr_alloc_system(), .trace = &played.sink};
    cr_assert_eq(lr_run_plan(&plan, &options, &out, &error), LR_OK, "%s", error.text);
}

static void play_script(const char *file) {
    const struct lr_script_about about = {.seed = plan.seed};
    struct lr_buf text;
    struct lr_error error = {.code = LR_OK};
    lr_buf_init(&text, lr_alloc_system());
    cr_assert_eq(lr_script_write(&plan, &about, &text), LR_OK);
    FILE *out = fopen(file, "wb");
    cr_assert_not_null(out);
    (void)fwrite(lr_buf_data(&text), 1, lr_buf_size(&text), out);
    cr_assert_eq(fclose(out), 0);
    lr_buf_deinit(&text);
    begin(&scripted);
    const struct lr_order order = {
        .file = file, .name = file, .title = "", .world = "sim", .seed = plan.seed};
    const struct lr_order_means means = {.alloc = lr_alloc_system(), .trace = &scripted.sink};
    struct lr_case_result result;
    bool interrupted = false;
    cr_assert_eq(lr_order_play(&order, &means, &result, &interrupted, &error), LR_OK, "%s",
                 error.text);
    lr_case_result_deinit(&result);
}

/* The first event in which they differ; -1: none. */
static long compare(void) {
    /* One may be at its end before the other: a peer that waits to be given up. */
    size_t count = played.count < scripted.count ? played.count : scripted.count;
    for (size_t i = 0; i < count; i++) {
        const struct happened *a = &played.events[i];
        const struct happened *b = &scripted.events[i];
        if (i >= played.count || i >= scripted.count || a->at != b->at ||
            strcmp(a->words, b->words) != 0) {
            return (long)i;
        }
    }
    return -1;
}

/* Programs and services that lie go their own ways in a script. */
static bool is_plain(void) {
    bool plain = true;
    for (unsigned int i = 0; i < plan.actor_count; i++) {
        const struct lr_plan_actor *actor = &plan.actors[i];
        plain &=
            actor->runtime == 0 && (actor->kind == LR_ACTOR_CLIENT || actor->kind == LR_ACTOR_PEER);
        for (unsigned int k = 0; k < actor->count; k++) {
            plain &= actor->steps[k].what != LR_DO_STRAY;
        }
    }
    return plain;
}

/* All but those few in which somebody else comes first in one and the same instant. */
Test(explore_script, plan_and_scenario_have_the_same_history) {
    char file[] = "/tmp/lastref-script-XXXXXX";
    int number = mkstemp(file);
    unsigned int same = 0;
    unsigned int all = 0;
    cr_assert_geq(number, 0);
    (void)close(number);
    for (uint64_t seed = 1; all < PLANS; seed++) {
        lr_generate(&plan, seed);
        if (is_plain()) {
            play_plan();
            play_script(file);
            all++;
            same += compare() < 0;
        }
    }
    cr_expect_geq(same, PLANS * 85 / 100, "%u of %u", same, all);
    cr_assert_eq(unlink(file), 0);
}

static void play_without_memory(struct lr_alloc *alloc, void *context) {
    struct lr_buf text;
    (void)context;
    lr_generate(&plan, 1);
    lr_buf_init(&text, alloc);
    const struct lr_script_about about = {.seed = 1};
    enum lr_status status = lr_script_write(&plan, &about, &text);
    cr_assert(status == LR_OK || !lr_test_must_succeed(alloc));
    lr_buf_deinit(&text);
}

Test(explore_script, no_memory_for_one_is_told) {
    lr_test_each_failure(play_without_memory, NULL);
}
