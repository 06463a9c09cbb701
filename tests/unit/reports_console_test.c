/* SPDX-License-Identifier: Apache-2.0 */
/* The report for a person, where nobody sits at a terminal, and where somebody does. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reports/reports.h"
#include "support/scenario_result.h"

/* What is written to |out| by one case of |outcome| and a summary. */
static void write_all(FILE *out, enum lr_case_outcome outcome) {
    struct lr_reporter *reporter;
    struct lr_case_result result;
    struct lr_error error = {.code = LR_OK};
    cr_assert_eq(lr_console_reporter(&reporter, lr_alloc_system(), out, &error), LR_OK);
    lr_test_result_init(&result, lr_alloc_system(), "area/case[n=1]", outcome, "some words");
    reporter->started(reporter, result.name, 0, 1);
    reporter->ended(reporter, &result, 0, 1);
    struct lr_run_summary summary = lr_test_summary(1, 0);
    summary.known_unmatched = 2;
    cr_expect_eq(reporter->finish(reporter, &summary, &error), LR_OK);
    lr_case_result_deinit(&result);
    reporter->free(reporter);
}

static char *written(enum lr_case_outcome outcome) {
    static char text[8192];
    FILE *out = tmpfile();
    cr_assert_not_null(out);
    write_all(out, outcome);
    rewind(out);
    text[fread(text, 1, sizeof text - 1, out)] = '\0';
    (void)fclose(out);
    return text;
}

/* The same on the near side of a terminal of our own. */
static char *written_to_terminal(void) {
    static char text[8192];
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    cr_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    FILE *out = fopen(ptsname(master), "w");
    cr_assert_not_null(out);
    write_all(out, LR_CASE_AS_EXPECTED);
    size_t size = 0;
    do { /* it comes in as many pieces as the terminal likes */
        ssize_t got = read(master, text + size, sizeof text - 1 - size);
        cr_assert_gt(got, 0);
        size += (size_t)got;
        text[size] = '\0';
    } while (strstr(text, "match no case") == NULL);
    (void)fclose(out);
    (void)close(master);
    return text;
}

Test(reports_console, lines_are_plain_where_there_is_no_terminal) {
    for (int i = 0; i < LR_CASE_OUTCOME_COUNT; i++) {
        const char *text = written((enum lr_case_outcome)i);
        for (const char *c = text; *c != '\0'; c++) {
            cr_assert(*c == '\n' || (unsigned char)*c >= 0x20, "the control character %d", *c);
        }
        cr_expect_null(strstr(text, "[1/1]"), "no progress");
        cr_expect_not_null(strstr(text, "area/case[n=1]  (live; release: on time some words; 1.5"),
                           "%s", text);
    }
}

Test(reports_console, what_is_wrong_is_explained) {
    static const enum lr_case_outcome wrong[] = {LR_CASE_UNEXPECTED, LR_CASE_STALE_KNOWN_FAILURE,
                                                 LR_CASE_INVALID};
    static const char *const parts[] = {"because:  some words",
                                        "expected: some words",
                                        "seen:     some words",
                                        "found by the audit:",
                                        "faults:",
                                        "sessions:",
                                        "held by:",
                                        "session 3 is held: some words",
                                        "  ~ some words",
                                        "    local r -> session",
                                        "would release it: some words",
                                        "advice: close it explicitly, or hold it in a scope",
                                        "timeline:",
                                        "repeat:   some words"};
    for (size_t i = 0; i < LR_COUNT_OF(wrong); i++) {
        const char *text = written(wrong[i]);
        for (size_t j = 0; j < LR_COUNT_OF(parts); j++) {
            cr_expect_not_null(strstr(text, parts[j]), "no \"%s\" in: %s", parts[j], text);
        }
    }
}

Test(reports_console, what_is_not_wrong_is_one_line_with_its_reason) {
    cr_expect_null(strstr(written(LR_CASE_AS_EXPECTED), "timeline"));
    cr_expect_null(strstr(written(LR_CASE_AS_EXPECTED), "held by"));
    cr_expect_not_null(strstr(written(LR_CASE_AS_EXPECTED), "\n           some words\n"),
                       "what the script tells");
    cr_expect_eq(strncmp(written(LR_CASE_AS_EXPECTED), "ok ", 3), 0);
    cr_expect_not_null(strstr(written(LR_CASE_NOT_RUN), "\n          some words\n"));
    cr_expect_not_null(strstr(written(LR_CASE_KNOWN_FAILURE), "\n          some words\n"));
    cr_expect_eq(strncmp(written(LR_CASE_KNOWN_FAILURE), "known ", 6), 0);
    cr_expect_eq(strncmp(written(LR_CASE_CONTENTION), "contention ", 11), 0);
}

Test(reports_console, the_end_says_what_was_counted) {
    const char *text = written(LR_CASE_AS_EXPECTED);
    cr_expect_not_null(strstr(text, "1 cases in 1"), "%s", text);
    cr_expect_not_null(strstr(text, "world live, seed 9"), "%s", text);
    cr_expect_not_null(strstr(text, "    1 as expected\n"), "%s", text);
    cr_expect_not_null(strstr(text, "    0 unexpected\n"), "%s", text);
    cr_expect_not_null(strstr(text, "2 lines of the known-failure list match no case"), "%s", text);
}

Test(reports_console, one_leak_of_many_cases_is_told_once_at_the_end) {
    static char text[32768];
    struct lr_reporter *reporter;
    struct lr_error error = {.code = LR_OK};
    FILE *out = tmpfile();
    cr_assert_not_null(out);
    cr_assert_eq(lr_console_reporter(&reporter, lr_alloc_system(), out, &error), LR_OK);
    static const enum lr_case_outcome outcomes[] = {LR_CASE_UNEXPECTED, LR_CASE_AS_EXPECTED,
                                                    LR_CASE_INVALID, LR_CASE_UNEXPECTED};
    for (size_t i = 0; i < LR_COUNT_OF(outcomes); i++) {
        struct lr_case_result result;
        char name[16];
        (void)snprintf(name, sizeof name, "case%zu", i);
        lr_test_result_init(&result, lr_alloc_system(), name, outcomes[i],
                            i < 3 ? "a hop" : "another hop");
        /* The same leak twice in a case counts once. */
        cr_assert_eq(lr_case_result_retain(&result, result.retentions), LR_OK);
        reporter->ended(reporter, &result, i, LR_COUNT_OF(outcomes));
        lr_case_result_deinit(&result);
    }
    struct lr_run_summary summary = lr_test_summary(4, 1);
    cr_expect_eq(reporter->finish(reporter, &summary, &error), LR_OK);
    reporter->free(reporter);
    rewind(out);
    text[fread(text, 1, sizeof text - 1, out)] = '\0';
    (void)fclose(out);
    cr_expect_not_null(strstr(text, "by the fingerprint of its suspect part:\n      2 cases "),
                       "%s", text);
    cr_expect_not_null(strstr(text, "  a hop: a hop\n              first in case0\n"), "%s", text);
    cr_expect_not_null(strstr(text, "      1 case  "), "%s", text);
    cr_expect_not_null(strstr(text, "another hop: another hop\n              first in case3\n"));
}

Test(reports_console, a_terminal_gets_progress_and_colour_unless_told_otherwise) {
    (void)setenv("TERM", "xterm", 1);
    (void)unsetenv("NO_COLOR");
    const char *text = written_to_terminal();
    cr_expect_not_null(strstr(text, "[1/1] area/case[n=1]"), "%s", text);
    cr_expect_not_null(strstr(text, "\033[32mok\033[0m"), "%s", text);
    (void)setenv("NO_COLOR", "1", 1);
    text = written_to_terminal();
    cr_expect_null(strstr(text, "\033[32m"));
    cr_expect_not_null(strstr(text, "[1/1]"));
    (void)setenv("TERM", "dumb", 1);
    cr_expect_null(strstr(written_to_terminal(), "\033"));
}

/* The words of a peer must not steer the terminal. */
Test(reports_console, control_characters_of_peers_are_not_passed_on) {
    struct lr_reporter *reporter;
    struct lr_case_result result;
    struct lr_error error = {.code = LR_OK};
    char text[8192];
    FILE *out = tmpfile();
    cr_assert_not_null(out);
    cr_assert_eq(lr_console_reporter(&reporter, lr_alloc_system(), out, &error), LR_OK);
    lr_test_result_init(&result, lr_alloc_system(), "n\033[2J", LR_CASE_UNEXPECTED,
                        LR_HOSTILE_TEXT);
    reporter->ended(reporter, &result, 0, 1);
    lr_case_result_deinit(&result);
    reporter->free(reporter);
    rewind(out);
    text[fread(text, 1, sizeof text - 1, out)] = '\0';
    (void)fclose(out);
    cr_expect_null(strchr(text, '\033'), "%s", text);
    cr_expect_null(strchr(text, '\r'));
    cr_expect_not_null(strstr(text, "href"));
}

static FILE *told_to;

static enum lr_status make_on_file(struct lr_reporter **reporter, struct lr_alloc *alloc,
                                   const char *path, struct lr_error *error) {
    (void)path;
    return lr_console_reporter(reporter, alloc, told_to, error);
}

Test(reports_console, needs_no_memory_once_it_is_made) {
    told_to = tmpfile();
    cr_assert_not_null(told_to);
    lr_test_report_each_failure(make_on_file, NULL);
    (void)fclose(told_to);
}
