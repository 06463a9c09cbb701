/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/explore_one.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/commands.h"
#include "explore/generate.h"
#include "explore/script.h"
#include "explore/shrink.h"

/* An event at its time, which is the simulated world's. */
static void emit(struct lr_trace_sink *sink, const struct lr_trace_event *event) {
    (void)sink;
    (void)printf("-- %" PRIu64 ".%06" PRIu64 " ms %s %s", event->at / LR_MS, event->at % LR_MS,
                 event->host == NULL ? "" : event->host, lr_trace_name(event->kind));
    if (event->conn != 0) {
        (void)printf(" [%" PRIu32 "]", event->conn);
    }
    (void)printf(": %s\n", event->text);
}

/* To what its first finding needs; a plan that breaks nothing stays as it is. */
static enum lr_status make_small(struct lr_plan *plan, struct lr_want *want,
                                 struct lr_error *error) {
    const struct lr_run_plan_options options = {.alloc = lr_alloc_system()};
    struct lr_explored out;
    struct lr_explored shrunk;
    enum lr_status status = lr_run_plan(plan, &options, &out, error);
    if (status != LR_OK || out.finding_count == 0) {
        return status;
    }
    struct lr_shrinking shrinking = {.alloc = lr_alloc_system(),
                                     .fingerprint = out.findings[0].fingerprint,
                                     .runs_max = LR_SHRINK_RUNS_MAX};
    status = lr_shrink(&shrinking, plan, &shrunk, error);
    *want = shrunk.findings[0].want;
    return status;
}

static void print_plan(const struct lr_plan *plan, uint64_t seed, const struct lr_want *want) {
    struct lr_buf text;
    const struct lr_script_about about = {.seed = seed, .want = *want};
    lr_buf_init(&text, lr_alloc_system());
    if (lr_script_write(plan, &about, &text) == LR_OK) {
        (void)fwrite(lr_buf_data(&text), 1, lr_buf_size(&text), stdout);
        (void)fflush(stdout); /* a plan that ends the process is seen */
    }
    lr_buf_deinit(&text);
}

int lr_cli_explore_one(const struct lr_explore_one *one, struct lr_error *error) {
    struct lr_plan plan;
    struct lr_explored out;
    struct lr_want want = {.what = LR_WANTED_NOTHING};
    struct lr_trace_sink sink = {.emit = emit, .level = LR_TRACE_DEBUG};
    const struct lr_run_plan_options options = {
        .alloc = lr_alloc_system(), .digested = true, .trace = one->events ? &sink : NULL};
    lr_generate(&plan, one->seed);
    if (one->small && make_small(&plan, &want, error) != LR_OK) {
        return LR_EXIT_HARNESS;
    }
    print_plan(&plan, one->seed, &want);
    if (lr_run_plan(&plan, &options, &out, error) != LR_OK) {
        return LR_EXIT_HARNESS;
    }
    (void)printf("-- %u operations, %u faults, %" PRIu64 " events in %" PRIu64
                 " ms of its time; digest %016" PRIx64 "\n",
                 out.operations, out.faults, out.events, out.took_ns / LR_MS, out.digest);
    for (unsigned int i = 0; i < out.finding_count && i < LR_EXPLORED_FINDINGS_MAX; i++) {
        (void)printf("-- found: %s\n", out.findings[i].text);
    }
    return out.finding_count > 0 ? LR_EXIT_FAILED : LR_EXIT_OK;
}
