/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/runner.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "scenario/calibrate.h"
#include "scenario/play.h"

enum { CALIBRATION_ROUNDS = 8 };

struct run {
    const struct lr_run_options *options;
    struct lr_run_summary *summary;
    struct lr_error *error;
    bool harness_failed;
};

static bool late_alone(const struct lr_case_result *result) {
    bool late = false;
    if (result->outcome != LR_CASE_UNEXPECTED) {
        return false;
    }
    for (const struct lr_expectation *e = result->expectations; e != NULL; e = e->next) {
        if (!e->held && !e->late) {
            return false;
        }
        late = late || e->late;
    }
    return late;
}

static enum lr_status play_once(struct run *run, const struct lr_suite_case *one, uint64_t seed,
                                struct lr_case_result *result) {
    enum lr_status status =
        lr_case_result_init(result, run->options->alloc, one->name, one->title, one->file);
    if (status != LR_OK) {
        return lr_error_set(run->error, status, "no memory for a result");
    }
    char text[1024];
    (void)snprintf(text, sizeof text, "lastref run %s --seed %" PRIu64 " --filter '%s'", one->file,
                   seed, one->name);
    result->repeat = lr_alloc_string(result->alloc, text, strlen(text));
    result->seed = seed;
    result->tries = 1;
    struct lr_stage_options stage = {
        .alloc = run->options->alloc,
        .seed = seed,
        .result = result,
        .calibration = &run->summary->calibration,
        .tvm = run->options->tvm,
        .trace = run->options->trace,
    };
    bool interrupted = false;
    lr_assert_set_context(text);
    status = lr_play_case(one->file, one->index, one->case_index, &stage, &interrupted, run->error);
    lr_assert_set_context(NULL);
    run->summary->interrupted = run->summary->interrupted || interrupted;
    return status;
}

/* Plays a case, and once more where it was late and nothing else. */
static enum lr_status play(struct run *run, const struct lr_suite_case *one, uint64_t seed,
                           struct lr_case_result *result) {
    enum lr_status status = play_once(run, one, seed, result);
    if (status != LR_OK || !late_alone(result) || run->summary->interrupted) {
        return status;
    }
    struct lr_case_result again;
    status = play_once(run, one, seed, &again);
    if (status == LR_OK && again.outcome == LR_CASE_AS_EXPECTED) {
        result->outcome = LR_CASE_CONTENTION;
    }
    result->tries = 2;
    lr_case_result_deinit(&again);
    return status;
}

static void set_reason(struct lr_case_result *result, const struct lr_known_line *line) {
    char text[1024];
    (void)snprintf(text, sizeof text, "%s (%s)", line->reason,
                   line->link[0] != '\0' ? line->link : "no link");
    lr_alloc_free_string(result->alloc, result->reason);
    result->reason = lr_alloc_string(result->alloc, text, strlen(text));
}

static void apply_known(struct run *run, struct lr_case_result *result) {
    const struct lr_known_line *line = lr_known_find(run->options->known, result->name);
    if (line == NULL) {
        return;
    }
    if (result->outcome == LR_CASE_UNEXPECTED &&
        lr_known_agrees(line, result->release_verdict, result->protocol_verdict)) {
        result->outcome = LR_CASE_KNOWN_FAILURE;
        set_reason(result, line);
    } else if (result->outcome == LR_CASE_AS_EXPECTED) {
        result->outcome = LR_CASE_STALE_KNOWN_FAILURE;
        set_reason(result, line);
    }
}

static void report_started(const struct run *run, const char *name, size_t index, size_t count) {
    for (size_t i = 0; i < run->options->reporter_count; i++) {
        struct lr_reporter *reporter = run->options->reporters[i];
        if (reporter->started != NULL) {
            reporter->started(reporter, name, index, count);
        }
    }
}

static void report_ended(const struct run *run, const struct lr_case_result *result, size_t index,
                         size_t count) {
    for (size_t i = 0; i < run->options->reporter_count; i++) {
        struct lr_reporter *reporter = run->options->reporters[i];
        if (reporter->ended != NULL) {
            reporter->ended(reporter, result, index, count);
        }
    }
}

static void run_case(struct run *run, size_t index, size_t count) {
    const struct lr_suite *suite = run->options->suite;
    const struct lr_suite_case *one = &suite->cases[index % suite->count];
    uint64_t seed = run->options->seed + index / suite->count;
    struct lr_case_result result = {.alloc = NULL};
    report_started(run, one->name, index, count);
    enum lr_status status = play(run, one, seed, &result);
    if (status != LR_OK) {
        run->harness_failed = true;
    } else {
        apply_known(run, &result);
        run->summary->counts[result.outcome]++;
        run->summary->cases++;
        run->summary->duration_ns += result.duration_ns;
        run->summary->exit_status = lr_exit_worse(
            run->summary->exit_status, lr_case_outcome_exit(result.outcome, run->options->strict));
        report_ended(run, &result, index, count);
    }
    if (result.alloc != NULL) {
        lr_case_result_deinit(&result);
    }
}

static void count_unmatched(struct run *run) {
    for (size_t i = 0; run->options->whole && i < run->options->known->count; i++) {
        if (!run->options->known->lines[i].matched) {
            run->summary->known_unmatched++;
            run->summary->exit_status = lr_exit_worse(run->summary->exit_status, 1);
        }
    }
}

static void finish(struct run *run) {
    for (size_t i = 0; i < run->options->reporter_count; i++) {
        struct lr_reporter *reporter = run->options->reporters[i];
        if (reporter->finish != NULL &&
            reporter->finish(reporter, run->summary, run->error) != LR_OK) {
            run->summary->exit_status = lr_exit_worse(run->summary->exit_status, 4);
        }
    }
}

int lr_run(const struct lr_run_options *options, struct lr_run_summary *summary,
           struct lr_error *error) {
    *summary = (struct lr_run_summary){.world = "live", .seed = options->seed};
    struct run run = {.options = options, .summary = summary, .error = error};
    size_t count = options->suite->count * options->repeat;
    for (size_t i = 0; i < options->reporter_count; i++) {
        if (options->reporters[i]->begin != NULL) {
            options->reporters[i]->begin(options->reporters[i], count);
        }
    }
    /* After that: a report of an earlier run must not outlive a run that fails here. */
    if (lr_calibrate(options->alloc, CALIBRATION_ROUNDS, &summary->calibration, error) != LR_OK) {
        summary->exit_status = 4;
        return summary->exit_status;
    }
    for (size_t i = 0; i < count && !summary->interrupted && !run.harness_failed; i++) {
        run_case(&run, i, count);
    }
    if (run.harness_failed) {
        summary->exit_status = 4;
    } else if (summary->interrupted) {
        summary->exit_status = lr_exit_worse(summary->exit_status, 3);
    } else {
        count_unmatched(&run);
    }
    finish(&run);
    return summary->exit_status;
}
