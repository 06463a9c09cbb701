/* SPDX-License-Identifier: Apache-2.0 */
#include "support/scenario_result.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

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
