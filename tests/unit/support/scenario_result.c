/* SPDX-License-Identifier: Apache-2.0 */
#include "support/scenario_result.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/failing.h"
#include "support/scenario_rig.h"

static char *copy(struct lr_alloc *alloc, const char *text) {
    char *copied = lr_alloc_string(alloc, text, strlen(text));
    cr_assert_not_null(copied);
    return copied;
}

void lr_test_result_init(struct lr_case_result *result, struct lr_alloc *alloc, const char *name,
                         enum lr_case_outcome outcome, const char *text) {
    cr_assert_eq(lr_case_result_init(result, alloc, name, text, text), LR_OK);
    result->outcome = outcome;
    result->world = "live";
    result->repeat = copy(alloc, text);
    result->reason = copy(alloc, text);
    result->release_detail = copy(alloc, text);
    result->protocol_verdict = "passed";
    result->release_verdict = "on time";
    result->seed = 7;
    result->duration_ns = 1500 * LR_MS;
    char *words = copy(alloc, text);
    const struct lr_expectation held = {
        .text = words, .expected = words, .seen = words, .where = words, .held = true};
    const struct lr_expectation failed = {.text = words,
                                          .expected = words,
                                          .seen = words,
                                          .where = words,
                                          .late = true,
                                          .session = 3};
    cr_assert_eq(lr_case_result_expect(result, &held), LR_OK);
    cr_assert_eq(lr_case_result_expect(result, &failed), LR_OK);
    lr_alloc_free_string(alloc, words);
    struct lr_result_lines *const lines[] = {&result->findings, &result->receipts,
                                             &result->sessions, &result->timeline, &result->told};
    for (size_t i = 0; i < LR_COUNT_OF(lines); i++) {
        cr_assert_eq(lr_result_lines_add(alloc, lines[i], LR_MS * (i + 1), "%s", text), LR_OK);
    }
    static struct lr_retention retention;
    lr_retention_init(&retention, 3, 6 * LR_MS);
    lr_retention_set_root(&retention, "%s", text);
    lr_retention_add(&retention, "", text, LR_HOP_OVER, true);
    lr_retention_add(&retention, "local r", "session", LR_HOP_OVER, false);
    lr_retention_way(&retention, "%s", text);
    lr_retention_conclude(&retention);
    cr_assert_eq(lr_case_result_retain(result, &retention), LR_OK);
}

struct lr_run_summary lr_test_summary(size_t cases, int exit_status) {
    struct lr_run_summary summary = {
        .cases = cases,
        .exit_status = exit_status,
        .world = "live",
        .seed = 9,
        .worlds = {{.name = "live", .cases = cases, .duration_ns = LR_SECOND}},
        .world_count = 1,
        .calibration = {.rounds = 8, .release_ns_max = 17000, .requestable_ns_max = 39000}};
    summary.counts[LR_CASE_AS_EXPECTED] = cases;
    summary.worlds[0].counts[LR_CASE_AS_EXPECTED] = cases;
    return summary;
}

void lr_test_report_init(struct lr_test_report *report, const char *name) {
    lr_rig_make_folder(report->folder, sizeof report->folder);
    (void)snprintf(report->path, sizeof report->path, "%s/%s", report->folder, name);
}

void lr_test_report_deinit(struct lr_test_report *report) {
    lr_rig_remove_folder(report->folder);
}

/* ---- without memory ---- */

struct report_plan {
    lr_test_make_reporter make;
    void (*judge)(const char *path, bool whole);
    struct lr_test_report file;
};

/* What was looked at goes: to replace a file may mean to wait for the disk. */
static void look(const struct report_plan *plan, bool whole) {
    bool there = access(plan->file.path, F_OK) == 0;
    if (plan->judge != NULL && there) {
        plan->judge(plan->file.path, whole);
        cr_assert_eq(unlink(plan->file.path), 0);
    }
    cr_assert(there || !whole || plan->judge == NULL);
}

/* The first has something in every field, the second little to say. */
static void tell_case(struct lr_reporter *reporter, size_t index) {
    struct lr_case_result result;
    struct lr_alloc *alloc = lr_alloc_system();
    if (index == 0) {
        lr_test_result_init(&result, alloc, "first", LR_CASE_UNEXPECTED, LR_HOSTILE_TEXT);
    } else {
        cr_assert_eq(lr_case_result_init(&result, alloc, "second", "words", "f"), LR_OK);
        result.outcome = LR_CASE_KNOWN_FAILURE;
        result.world = "live";
    }
    reporter->ended(reporter, &result, index, 2);
    if (reporter->flush != NULL) {
        reporter->flush(reporter);
    }
    lr_case_result_deinit(&result);
}

static void report_poorly(struct lr_alloc *alloc, void *context) {
    const struct report_plan *plan = context;
    struct lr_reporter *reporter;
    struct lr_error error = {.code = LR_OK};
    enum lr_status status = plan->make(&reporter, alloc, plan->file.path, &error);
    if (status == LR_OK) {
        if (reporter->begin != NULL) {
            reporter->begin(reporter, 2);
        }
        look(plan, false);
        for (size_t i = 0; i < 2; i++) {
            tell_case(reporter, i);
            look(plan, false);
        }
        struct lr_run_summary summary = lr_test_summary(2, 1);
        status = reporter->finish(reporter, &summary, &error);
        look(plan, status == LR_OK);
        reporter->free(reporter);
    }
    cr_assert_eq(status, lr_test_must_succeed(alloc) ? LR_OK : LR_ENOMEM, "%s", error.text);
    cr_assert_eq(error.code, status);
}

void lr_test_report_each_failure(lr_test_make_reporter make,
                                 void (*judge)(const char *path, bool whole)) {
    struct report_plan plan = {.make = make, .judge = judge};
    lr_test_report_init(&plan.file, "report");
    lr_test_each_failure(report_poorly, &plan);
    lr_test_report_deinit(&plan.file);
}
