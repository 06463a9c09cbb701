/* SPDX-License-Identifier: Apache-2.0 */
/* `lastref run`: its exit statuses and its files. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "support/failing.h"
#include "support/scenario_rig.h"

static int run_words(const char *const *words) {
    char copies[16][256];
    char *argv[17] = {NULL}; /* the command moves its words about */
    int argc = 0;
    (void)snprintf(copies[0], sizeof copies[0], "run");
    argv[argc++] = copies[0];
    for (size_t i = 0; words[i] != NULL; i++) {
        cr_assert_lt(argc, 16);
        (void)snprintf(copies[argc], sizeof copies[argc], "%s", words[i]);
        argv[argc] = copies[argc];
        argc++;
    }
    int status = lr_cli_run(argc, argv);
    (void)fflush(stdout);
    return status;
}

#define RUN(...) run_words((const char *const[]){__VA_ARGS__, NULL})
/* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one path */
#define SCRIPT(name) (LR_TEST_SCENARIOS "/" name)

static void quiet(void) {
    cr_assert_not_null(freopen("/dev/null", "w", stdout));
    cr_assert_not_null(freopen("/dev/null", "w", stderr));
    (void)setenv("LASTREF_TVM_DIR", "/nonexistent", 1);
}

TestSuite(scenario_command, .init = quiet, .timeout = 300);

Test(scenario_command, exit_statuses_are_those_of_the_table) {
    cr_expect_eq(RUN(SCRIPT("as_expected.lua")), 0);
    cr_expect_eq(RUN(SCRIPT("expectation_fails.lua")), 1);
    cr_expect_eq(RUN(SCRIPT("missing_tvm.lua")), 0);
    cr_expect_eq(RUN("--strict", SCRIPT("missing_tvm.lua")), 3);
    cr_expect_eq(RUN(SCRIPT("no_expectation.lua")), 3);
    cr_expect_eq(RUN(SCRIPT("no_expectation.lua"), SCRIPT("expectation_fails.lua")), 1);
}

Test(scenario_command, wrong_usage_is_2) {
    cr_expect_eq(RUN(SCRIPT("unreadable.lua")), 2);
    cr_expect_eq(RUN(SCRIPT("as_expected.lua"), SCRIPT("unreadable.lua")), 2);
    cr_expect_eq(RUN("/nonexistent.lua"), 2);
    cr_expect_eq(RUN("--filter", "nobody", SCRIPT("as_expected.lua")), 2);
    cr_expect_eq(RUN("--known-failures", "/nonexistent", SCRIPT("as_expected.lua")), 2);
    cr_expect_eq(RUN("--repeat", "0", SCRIPT("as_expected.lua")), 2);
    const char *const none[] = {NULL};
    cr_expect_eq(run_words(none), 2);
}

/* The cases have run; that nobody can read of them is the harness's failure, not theirs. */
Test(scenario_command, a_report_that_cannot_be_written_is_4) {
    cr_expect_eq(RUN("--json", "/nonexistent/r.json", SCRIPT("as_expected.lua")), 4);
    cr_expect_eq(RUN("--junit", "/nonexistent/r.xml", SCRIPT("as_expected.lua")), 4);
    cr_expect_eq(RUN("--json", "/nonexistent/r.json", SCRIPT("expectation_fails.lua")), 4);
}

Test(scenario_command, reports_are_written) {
    char folder[64];
    char json[96];
    char junit[96];
    lr_rig_make_folder(folder, sizeof folder);
    (void)snprintf(json, sizeof json, "%s/r.json", folder);
    (void)snprintf(junit, sizeof junit, "%s/r.xml", folder);
    cr_expect_eq(RUN("--json", json, "--junit", junit, SCRIPT("matrix.lua")), 1);
    char *text = lr_rig_read(json);
    cr_expect(strstr(text, "\"complete\": true") != NULL, "%s", text);
    cr_expect(strstr(text, "matrix[n=3]") != NULL);
    free(text);
    text = lr_rig_read(junit);
    cr_expect(strstr(text, "tests=\"6\" failures=\"2\"") != NULL, "%s", text);
    free(text);
    lr_rig_remove_folder(folder);
}

Test(scenario_command, known_failures_are_read) {
    char folder[64];
    char known[96];
    lr_rig_make_folder(folder, sizeof folder);
    lr_rig_write(folder, "known.txt", "*expectation_fails | failed | so it is | l\n");
    (void)snprintf(known, sizeof known, "%s/known.txt", folder);
    cr_expect_eq(RUN("--known-failures", known, SCRIPT("expectation_fails.lua")), 0);
    cr_expect_eq(RUN("--known-failures", known, SCRIPT("as_expected.lua")), 1, "a stale line");
    lr_rig_write(folder, "known.txt", "nonsense\n");
    cr_expect_eq(RUN("--known-failures", known, SCRIPT("expectation_fails.lua")), 2);
    lr_rig_remove_folder(folder);
}

Test(scenario_command, a_list_runs_nothing) {
    cr_expect_eq(RUN("--list", SCRIPT("expectation_fails.lua")), 0);
    cr_expect_eq(RUN("--list", SCRIPT("interrupted.lua")), 0);
}

/* ---- without memory ---- */

static struct lr_alloc *instead; /* of the system's, while the command runs */

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names for
 * --wrap. */
struct lr_alloc *__real_lr_alloc_system(void);
struct lr_alloc *__wrap_lr_alloc_system(void);

struct lr_alloc *__wrap_lr_alloc_system(void) {
    return instead != NULL ? instead : __real_lr_alloc_system();
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

struct poor_run {
    char folder[64];
    char script[96];
    char known[96];
    char json[96];
    char tap[96];
};

/* Only a run that has all its results is right; a case may be invalid as there was no memory for
 * what its worker said. All else is the harness's own failure, and nobody's wrong usage. */
static void run_poorly(struct lr_alloc *alloc, void *context) {
    const struct poor_run *poor = context;
    instead = alloc;
    int status = RUN("--world", "sim", "--jobs", "1", "--known-failures", poor->known, "--json",
                     poor->json, "--tap", poor->tap, poor->script);
    instead = NULL;
    cr_assert(status == 0 || lr_test_has_failed(alloc), "%d", status);
    cr_assert(status == 0 || status == 3 || status == 4, "%d", status);
    if (status != 4) {
        char *text = lr_rig_read(poor->json);
        cr_assert(strstr(text, "\"complete\": true") != NULL, "%s", text);
        cr_assert(strstr(text, status == 0 ? "\"result\": \"as expected\""
                                           : "\"result\": \"invalid\"") != NULL,
                  "%s", text);
        free(text);
    }
    (void)remove(poor->json);
    (void)remove(poor->tap);
}

Test(scenario_command, want_of_memory_is_its_own_failure_wherever_it_is) {
    struct poor_run poor;
    lr_rig_make_folder(poor.folder, sizeof poor.folder);
    (void)snprintf(poor.script, sizeof poor.script, "%s/a.lua", poor.folder);
    (void)snprintf(poor.known, sizeof poor.known, "%s/known.txt", poor.folder);
    (void)snprintf(poor.json, sizeof poor.json, "%s/r.json", poor.folder);
    (void)snprintf(poor.tap, sizeof poor.tap, "%s/r.tap", poor.folder);
    lr_rig_write(poor.folder, "a.lua", "scenario 't' { run = function() expect(1):is(1) end }");
    lr_rig_write(poor.folder, "known.txt", "live:* | failed | so it is | l\n");
    lr_test_each_failure_of_lua(run_poorly, &poor);
    lr_rig_remove_folder(poor.folder);
}
