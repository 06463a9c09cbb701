/* SPDX-License-Identifier: Apache-2.0 */
/* The TAP report: a plan, a point a line, whatever is in the texts. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "reports/reports.h"
#include "support/scenario_result.h"
#include "support/scenario_rig.h"

struct running {
    struct lr_test_report file;
    struct lr_reporter *reporter;
    struct lr_error error;
};

static void begin(struct running *running, size_t planned) {
    *running = (struct running){.error = {.code = LR_OK}};
    lr_test_report_init(&running->file, "r.tap");
    cr_assert_eq(
        lr_tap_reporter(&running->reporter, lr_alloc_system(), running->file.path, &running->error),
        LR_OK);
    running->reporter->begin(running->reporter, planned);
}

static void end_case(struct running *running, enum lr_case_outcome outcome, const char *text) {
    struct lr_case_result result;
    lr_test_result_init(&result, lr_alloc_system(), "a/b[n=1]", outcome, text);
    running->reporter->ended(running->reporter, &result, 0, 1);
    running->reporter->flush(running->reporter);
    lr_case_result_deinit(&result);
}

static void end(struct running *running) {
    running->reporter->free(running->reporter);
    lr_test_report_deinit(&running->file);
}

static size_t count(const char *text, const char *part) {
    size_t found = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        found++;
    }
    return found;
}

Test(reports_tap, each_outcome_has_its_form) {
    static const char *const forms[LR_CASE_OUTCOME_COUNT] = {
        [LR_CASE_AS_EXPECTED] = "\nok 1 - a/b[n=1] (live)\n",
        [LR_CASE_UNEXPECTED] = "\nnot ok 1 - a/b[n=1] (live)\n  ---\n  result: \"unexpected\"\n",
        [LR_CASE_KNOWN_FAILURE] = "\nnot ok 1 - a/b[n=1] (live) # TODO words\n",
        [LR_CASE_STALE_KNOWN_FAILURE] = "\nnot ok 1 - a/b[n=1] (live)\n  ---\n",
        [LR_CASE_NOT_RUN] = "\nok 1 - a/b[n=1] (live) # SKIP words\n",
        [LR_CASE_NOT_ALLOWED] = "\nok 1 - a/b[n=1] (live) # SKIP words\n",
        [LR_CASE_CONTENTION] = "\nok 1 - a/b[n=1] (live)\n  ---\n  result: \"contention\"\n",
        [LR_CASE_INVALID] = "\nnot ok 1 - a/b[n=1] (live)\n  ---\n  result: \"invalid\"\n",
    };
    for (int i = 0; i < LR_CASE_OUTCOME_COUNT; i++) {
        struct running running;
        begin(&running, 1);
        end_case(&running, (enum lr_case_outcome)i, "words");
        char *text = lr_rig_read(running.file.path);
        cr_expect_eq(strncmp(text, "TAP version 14\n1..1\n", 20), 0, "%s", text);
        cr_expect_not_null(strstr(text, forms[i]), "no \"%s\" in: %s", forms[i], text);
        cr_expect_eq(count(text, "\n  ---\n"), count(text, "\n  ...\n"));
        free(text);
        end(&running);
    }
}

/* Whoever counts the points sees that the run was killed; one that ended by itself says why. */
Test(reports_tap, half_a_run_is_not_read_as_a_whole_one) {
    struct running running;
    begin(&running, 3);
    char *text = lr_rig_read(running.file.path);
    cr_expect_str_eq(text, "TAP version 14\n1..3\n");
    free(text);
    end_case(&running, LR_CASE_AS_EXPECTED, "words");
    text = lr_rig_read(running.file.path);
    cr_expect_str_eq(text, "TAP version 14\n1..3\nok 1 - a/b[n=1] (live)\n");
    free(text);
    struct lr_run_summary summary = lr_test_summary(1, 3);
    summary.interrupted = true;
    cr_expect_eq(running.reporter->finish(running.reporter, &summary, &running.error), LR_OK);
    text = lr_rig_read(running.file.path);
    cr_expect_not_null(strstr(text, "\nBail out! interrupted: 1 of 3 cases have ended\n"));
    free(text);
    summary.interrupted = false;
    cr_expect_eq(running.reporter->finish(running.reporter, &summary, &running.error), LR_OK);
    text = lr_rig_read(running.file.path);
    cr_expect_not_null(strstr(text, "\nBail out! lastref itself failed: 1 of 3"), "%s", text);
    free(text);
    end(&running);
}

/* Each line of the file is one of ours, and all of it is UTF-8 without control characters. */
Test(reports_tap, no_text_of_a_peer_begins_a_line_or_a_directive) {
    struct running running;
    begin(&running, 2);
    end_case(&running, LR_CASE_UNEXPECTED, LR_HOSTILE_TEXT "\nok 2 - # SKIP \\ \"x\"");
    end_case(&running, LR_CASE_NOT_RUN, "# SKIP \\\nok 3 - x");
    char *text = lr_rig_read(running.file.path);
    cr_expect(lr_text_is_utf8(lr_text_of(text)));
    cr_expect_eq(count(text, "\nok "), 1, "%s", text);
    cr_expect_not_null(strstr(text, "(live) # SKIP \\# SKIP \\\\ ok 3 - x\n"), "%s", text);
    cr_expect_not_null(strstr(text, "\\\"x\\\""), "%s", text);
    for (const char *c = text; *c != '\0'; c++) {
        cr_assert(*c == '\n' || (unsigned char)*c >= 0x20, "the control character %d", *c);
    }
    free(text);
    end(&running);
}

Test(reports_tap, a_path_that_cannot_be_written_is_told_at_the_end) {
    struct lr_reporter *reporter;
    struct lr_error error = {.code = LR_OK};
    cr_assert_eq(lr_tap_reporter(&reporter, lr_alloc_system(), "/nonexistent/r.tap", &error),
                 LR_OK);
    reporter->begin(reporter, 0);
    struct lr_run_summary summary = lr_test_summary(0, 0);
    cr_expect_eq(reporter->finish(reporter, &summary, &error), LR_EIO);
    reporter->free(reporter);
}

static void expect_readable(const char *path, bool whole) {
    char *text = lr_rig_read(path);
    cr_assert_eq(strncmp(text, "TAP version 14\n1..2\n", 20), 0, "%s", text);
    cr_assert_eq(text[strlen(text) - 1], '\n', "%s", text);
    cr_assert_eq(count(text, "\n  ---\n"), count(text, "\n  ...\n"), "%s", text);
    size_t points = count(text, "\nnot ok ");
    cr_assert_eq(points, count(text, "\nnot ok 1 - ") + count(text, "\nnot ok 2 - "), "%s", text);
    cr_assert(!whole || (points == 2 && count(text, "Bail out!") == 0), "%s", text);
    free(text);
}

/* A point that could not be put whole is missing, and whoever counts them sees it. */
Test(reports_tap, misses_whole_points_where_memory_is_missing) {
    lr_test_report_each_failure(lr_tap_reporter, expect_readable);
}
