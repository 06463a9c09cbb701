/* SPDX-License-Identifier: Apache-2.0 */
/* Each row of the table of results (docs/results.md) is reached, with its exit status. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/assert.h"
#include "support/scenario_rig.h"

static struct lr_seen_run run;

static const struct lr_seen_case *run_file(const char *name, const char *known, bool strict) {
    const struct lr_rig_options options = {.known = known, .strict = strict};
    lr_rig_run_file(&run, name, &options);
    cr_assert_geq(run.count, 1, "%s", run.error.text);
    return &run.cases[0];
}

/* |outcome| for the first case, and these exit statuses without and with --strict. */
static const struct lr_seen_case *expect_row(const char *name, enum lr_case_outcome outcome,
                                             int exit_status, int strict_status) {
    cr_expect_eq(run_file(name, NULL, true)->outcome, outcome, "%s",
                 lr_case_outcome_name(run.cases[0].outcome));
    cr_expect_eq(run.exit_status, strict_status);
    const struct lr_seen_case *seen = run_file(name, NULL, false);
    LR_ASSERT(seen != NULL);
    cr_expect_eq(seen->outcome, outcome, "%s: %s", lr_case_outcome_name(seen->outcome),
                 seen->reason);
    cr_expect_eq(run.exit_status, exit_status);
    cr_expect_eq(run.summary.exit_status, exit_status);
    cr_expect_eq(run.summary.counts[outcome], run.summary.cases);
    cr_expect_eq(run.summary.cases, run.count);
    return seen;
}

Test(scenario_results, as_expected) {
    const struct lr_seen_case *seen = expect_row("as_expected.lua", LR_CASE_AS_EXPECTED, 0, 0);
    cr_assert(seen != NULL);
    cr_expect_str_eq(seen->protocol, "passed");
    cr_expect_str_eq(seen->release, "on time");
    cr_expect_eq(seen->expectations, 3);
    cr_expect_str_empty(seen->findings);
    cr_expect_eq(seen->tries, 1);
    cr_expect_eq(seen->timeline_count, 0);
    cr_expect_gt(run.summary.calibration.rounds, 0);
}

Test(scenario_results, unexpected_by_an_answer) {
    const struct lr_seen_case *seen = expect_row("expectation_fails.lua", LR_CASE_UNEXPECTED, 1, 1);
    cr_expect_eq(seen->expectations, 1, "nothing behind the failure is reached");
    cr_expect_eq(seen->failed, 1);
    cr_expect_str_eq(seen->expected, "3");
    cr_expect_str_eq(seen->seen, "2");
    cr_expect(strstr(seen->where, "tests/scenarios/expectation_fails.lua:8") != NULL, "%s",
              seen->where);
    cr_expect_str_eq(seen->protocol, "failed");
    cr_expect_str_eq(seen->release, "on time");
    cr_expect_gt(seen->timeline_count, 0);
    cr_expect_eq(seen->tries, 1, "a wrong answer is no lateness: no second try");
}

Test(scenario_results, unexpected_by_a_release_that_the_wire_does_not_show, .timeout = 300) {
    const struct lr_seen_case *seen = run_file("never_released.lua", NULL, false);
    cr_expect_eq(seen->outcome, LR_CASE_UNEXPECTED);
    cr_expect_eq(run.exit_status, 1);
    cr_expect_str_eq(seen->release, "never");
    cr_expect(strstr(seen->seen, "held") != NULL, "%s", seen->seen);
    cr_expect(strstr(seen->receipts, "black_hole") != NULL, "%s", seen->receipts);
    cr_expect_eq(seen->tries, 1);
}

Test(scenario_results, unexpected_by_the_audit) {
    const struct lr_seen_case *seen = expect_row("leak_nobody_asked.lua", LR_CASE_UNEXPECTED, 1, 1);
    cr_expect_eq(seen->expectations, 1);
    cr_expect_eq(seen->failed, 0);
    cr_expect(strstr(seen->findings, "leaked") != NULL ||
                  strstr(seen->findings, "released") != NULL,
              "%s", seen->findings);
    cr_expect_str_eq(seen->protocol, "passed");
    cr_expect_str_eq(seen->release, "never");
}

Test(scenario_results, unexpected_by_an_error_of_the_script) {
    const struct lr_seen_case *seen = expect_row("script_error.lua", LR_CASE_UNEXPECTED, 1, 1);
    cr_expect(strstr(seen->reason, "tests/scenarios/script_error.lua:7: ") != NULL, "%s",
              seen->reason);
    cr_expect_eq(seen->expectations, 1);
    cr_expect_eq(seen->failed, 0);
    cr_expect_str_eq(seen->protocol, "failed");
}

Test(scenario_results, known_failure) {
    const struct lr_seen_case *seen = run_file(
        "expectation_fails.lua", "*expectation_fails | failed | sums are hard | l://1\n", true);
    cr_expect_eq(seen->outcome, LR_CASE_KNOWN_FAILURE);
    cr_expect_str_eq(seen->reason, "sums are hard (l://1)");
    cr_expect_eq(run.exit_status, 0);
    cr_expect_eq(run.summary.counts[LR_CASE_KNOWN_FAILURE], 1);
    cr_expect_eq(run.summary.known_unmatched, 0);
}

Test(scenario_results, a_failure_of_another_kind_than_the_known_one_is_unexpected) {
    const struct lr_seen_case *seen =
        run_file("expectation_fails.lua", "*expectation_fails | never | r | l\n", false);
    cr_expect_eq(seen->outcome, LR_CASE_UNEXPECTED);
    cr_expect_eq(run.exit_status, 1);
}

Test(scenario_results, known_failures_excuse_no_case_that_proves_nothing) {
    cr_expect_eq(run_file("no_expectation.lua", "* | * | r | l\n", false)->outcome,
                 LR_CASE_INVALID);
    cr_expect_eq(run.exit_status, 3);
}

Test(scenario_results, stale_known_failure_that_is_as_expected) {
    const struct lr_seen_case *seen =
        run_file("as_expected.lua", "*as_expected | never | it was so | l\n", false);
    cr_expect_eq(seen->outcome, LR_CASE_STALE_KNOWN_FAILURE);
    cr_expect_eq(run.exit_status, 1);
    cr_expect_str_eq(seen->reason, "it was so (l)");
}

Test(scenario_results, stale_known_failure_that_matches_no_case) {
    const struct lr_seen_case *seen =
        run_file("as_expected.lua", "gone/case | never | it was so | l\n", false);
    cr_expect_eq(seen->outcome, LR_CASE_AS_EXPECTED);
    cr_expect_eq(run.summary.known_unmatched, 1);
    cr_expect_eq(run.exit_status, 1);
    const struct lr_rig_options filtered = {.known = "gone/case | never | it was so | l\n",
                                            .filter = "as_expected"};
    lr_rig_run_file(&run, "as_expected.lua", &filtered);
    cr_expect_eq(run.exit_status, 0, "with a filter other cases may be what the line is for");
}

Test(scenario_results, not_run) {
    char folder[64];
    lr_rig_make_folder(folder, sizeof folder);
    const struct lr_rig_options options = {.tvm = folder};
    lr_rig_run_file(&run, "missing_tvm.lua", &options);
    cr_expect_eq(run.count, 2);
    cr_expect_eq(run.exit_status, 0);
    cr_expect_eq(run.summary.counts[LR_CASE_NOT_RUN], 2);
    cr_expect(strstr(run.cases[1].reason, "legacy") != NULL, "%s", run.cases[1].reason);
    cr_expect_str_eq(run.cases[0].protocol, "not run");
    cr_expect_str_eq(run.cases[0].release, "not run");
    lr_rig_remove_folder(folder);
    (void)expect_row("missing_tvm.lua", LR_CASE_NOT_RUN, 0, 3);
}

Test(scenario_results, not_run_without_its_interpreter) {
    char folder[64];
    lr_rig_make_folder(folder, sizeof folder);
    lr_rig_write(folder, "paths", "3.9.2=/nonexistent/python\n");
    cr_assert_eq(setenv("LASTREF_INTERPRETERS_DIR", folder, 1), 0);
    lr_rig_run_file(&run, "missing_python.lua", &(struct lr_rig_options){.strict = true});
    lr_rig_remove_folder(folder);
    cr_expect_eq(run.summary.counts[LR_CASE_NOT_RUN], 2);
    cr_expect_eq(run.exit_status, 3);
    cr_expect(strstr(run.cases[1].reason, "no CPython \"3.9.2-elsewhere\"") != NULL, "%s",
              run.cases[1].reason);
}

Test(scenario_results, invalid_by_a_fault_that_never_fired) {
    const struct lr_seen_case *seen = expect_row("fault_never_fires.lua", LR_CASE_INVALID, 3, 3);
    cr_expect(strstr(seen->reason, "never fired") != NULL, "%s", seen->reason);
    cr_expect(strstr(seen->receipts, "rst to_service after 1000000000 bytes: never fired") != NULL,
              "%s", seen->receipts);
    cr_expect_eq(seen->expectations, 1);
}

Test(scenario_results, invalid_by_no_expectation) {
    const struct lr_seen_case *seen = expect_row("no_expectation.lua", LR_CASE_INVALID, 3, 3);
    cr_expect(strstr(seen->reason, "no expectation was reached") != NULL, "%s", seen->reason);
}

Test(scenario_results, invalid_by_a_subject_that_does_not_start) {
    const struct lr_seen_case *seen =
        expect_row("subject_does_not_start.lua", LR_CASE_INVALID, 3, 3);
    cr_expect(strstr(seen->reason, "server1 did not start") != NULL, "%s", seen->reason);
}

Test(scenario_results, invalid_by_a_program_that_cannot_run) {
    const struct lr_seen_case *seen = lr_rig_run_body(
        &run, "expect(1):is(1)\nw:program { command = { '/nonexistent/program' } }:step('x')",
        NULL);
    cr_expect_neq(seen->outcome, LR_CASE_AS_EXPECTED);
    cr_expect(strstr(seen->reason, "/nonexistent/program") != NULL ||
                  strstr(seen->reason, "program1") != NULL,
              "%s", seen->reason);
}

Test(scenario_results, invalid_by_the_time_limit) {
    const struct lr_seen_case *seen = expect_row("time_limit.lua", LR_CASE_INVALID, 3, 3);
    cr_expect(strstr(seen->reason, "time limit of 200") != NULL, "%s", seen->reason);
}

/* The file by which the second try of late_once.lua knows itself. */
static void use_flag(char *folder, size_t size) {
    char flag[96];
    lr_rig_make_folder(folder, size);
    (void)snprintf(flag, sizeof flag, "%s/flag", folder);
    cr_assert_eq(setenv("LR_TEST_FLAG", flag, 1), 0);
}

Test(scenario_results, contention, .timeout = 300) {
    char folder[64];
    use_flag(folder, sizeof folder);
    const struct lr_seen_case *seen = run_file("late_once.lua", NULL, false);
    cr_expect_eq(seen->outcome, LR_CASE_CONTENTION, "%s: %s %s",
                 lr_case_outcome_name(seen->outcome), seen->reason, seen->seen);
    cr_expect_eq(run.exit_status, 0);
    cr_expect_eq(seen->tries, 2);
    cr_expect_str_eq(seen->release, "late", "the report is of the try that was late");
    lr_rig_remove_folder(folder);
    use_flag(folder, sizeof folder);
    (void)run_file("late_once.lua", NULL, true);
    cr_expect_eq(run.exit_status, 3);
    lr_rig_remove_folder(folder);
}

Test(scenario_results, late_in_each_try_is_unexpected, .timeout = 300) {
    const struct lr_seen_case *seen = run_file("late_each_time.lua", NULL, false);
    cr_expect_eq(seen->outcome, LR_CASE_UNEXPECTED, "%s", lr_case_outcome_name(seen->outcome));
    cr_expect_eq(run.exit_status, 1);
    cr_expect_eq(seen->tries, 2);
    cr_expect_str_eq(seen->release, "late");
}

/* One that is late and wrong besides is not tried again. */
Test(scenario_results, late_and_wrong_is_not_tried_again, .timeout = 300) {
    const struct lr_seen_case *seen = lr_rig_run_body(
        &run,
        "local t = w:tracker() w:server { key = 'k', tracker = t }\n"
        "local s = w:client { tracker = t }:request('k', { timeout = '2s' })\n"
        "local p = w:program { command = { 'sh', '-c', 'read line; echo ok; read line' } }\n"
        "pcall(function() expect(1):is(2) end)\n"
        "p:step('close')\n"
        "expect(s):released { after = 'close' }",
        NULL);
    cr_expect_eq(seen->outcome, LR_CASE_UNEXPECTED);
    cr_expect_eq(seen->failed, 2);
    cr_expect_eq(seen->tries, 1);
}

static void interrupt(int number) {
    (void)number;
    (void)raise(SIGINT);
}

static void interrupt_soon(const char *name) {
    const struct itimerval soon = {.it_value = {.tv_usec = 300000}};
    (void)name;
    (void)signal(SIGALRM, interrupt);
    (void)setitimer(ITIMER_REAL, &soon, NULL);
}

Test(scenario_results, interrupted, .timeout = 300) {
    const struct lr_rig_options options = {.started = interrupt_soon};
    lr_rig_run_file(&run, "interrupted.lua", &options);
    cr_expect(run.summary.interrupted);
    cr_expect_eq(run.count, 1, "the rest is not run");
    cr_expect_eq(run.cases[0].outcome, LR_CASE_INVALID);
    cr_expect_str_eq(run.cases[0].reason, "interrupted");
    cr_expect_eq(run.exit_status, 3);
}

/* Not even where the case that it ends is excused. */
Test(scenario_results, an_interrupted_run_is_never_green, .timeout = 300) {
    const struct lr_rig_options options = {.started = interrupt_soon,
                                           .known = "*case | failed | r | l\n"};
    const struct lr_seen_case *seen =
        lr_rig_run_body(&run, "pcall(function() expect(1):is(2) end) w:pass('30s')", &options);
    cr_expect_eq(seen->outcome, LR_CASE_KNOWN_FAILURE);
    cr_expect(run.summary.interrupted);
    cr_expect_eq(run.exit_status, 3);
}

Test(scenario_results, the_worst_result_decides) {
    lr_rig_run_file(&run, "matrix.lua", NULL);
    cr_expect_eq(run.count, 3);
    cr_expect_eq(run.summary.counts[LR_CASE_AS_EXPECTED], 2);
    cr_expect_eq(run.summary.counts[LR_CASE_UNEXPECTED], 1);
    cr_expect_eq(run.cases[2].outcome, LR_CASE_UNEXPECTED);
    cr_expect_eq(run.exit_status, 1);
    const struct lr_rig_options filtered = {.filter = "n=2"};
    lr_rig_run_file(&run, "matrix.lua", &filtered);
    cr_expect_eq(run.count, 1);
    cr_expect_eq(run.exit_status, 0);
    cr_expect_str_eq(run.cases[0].protocol, "passed");
    cr_expect_str_eq(run.cases[0].release, "not observable");
}

Test(scenario_results, a_failure_is_worse_than_what_proves_nothing) {
    lr_rig_run_text(&run,
                    "scenario 'a' { run = function() end }\n"
                    "scenario 'b' { run = function() expect(1):is(2) end }\n"
                    "scenario 'c' { run = function() expect(1):is(1) end }\n",
                    NULL);
    cr_expect_eq(run.cases[0].outcome, LR_CASE_INVALID);
    cr_expect_eq(run.cases[1].outcome, LR_CASE_UNEXPECTED);
    cr_expect_eq(run.cases[2].outcome, LR_CASE_AS_EXPECTED);
    cr_expect_eq(run.exit_status, 1);
}

Test(scenario_results, a_repeated_case_has_the_seeds_that_follow) {
    const struct lr_rig_options options = {.filter = "n=1", .repeat = 3, .seed = 40};
    lr_rig_run_file(&run, "matrix.lua", &options);
    cr_expect_eq(run.count, 3);
    cr_expect_eq(run.cases[0].seed, 40);
    cr_expect_eq(run.cases[2].seed, 42);
    cr_expect_eq(run.summary.seed, 40);
}

/* Neither right nor wrong: memory that is refused makes nobody's case unexpected. */
Test(scenario_results, want_of_memory_is_invalid_whatever_else_there_is) {
    static const struct lr_rig_story stories[] = {
        {.body = "expect(1):is(2)", .outcome = LR_CASE_UNEXPECTED},
        {.body = "expect(1):is(1) error('words')", .outcome = LR_CASE_UNEXPECTED},
        {.body = "expect(1):is(1) w:fault { on = w:server { key = 'k' }, kind = 'rst' }",
         .outcome = LR_CASE_INVALID},
    };
    for (size_t i = 0; i < LR_COUNT_OF(stories); i++) {
        lr_rig_each_failure(&stories[i]);
    }
}
