/* SPDX-License-Identifier: Apache-2.0 */
/* Workers that die, hang, or say what no worker says: the case is invalid and says how, and the
 * others are played. The workers here are small programs of the test's own. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "scenario/crew.h"
#include "scenario/crew_words.h"
#include "support/failing.h"
#include "support/scenario_rig.h"

static struct lr_seen_run run;

/* A shell's: the result of the order that has been read, as expected. */
#define ANSWER                                                                                     \
    "printf 'result %s t %s %s c \\\\- \\\\- passed on\\\\x20time 0 1 5 1 0 0 0 0 0 0 0 "          \
    "\\\\- 0 0 0\\n"                                                                               \
    "whole 0\\n' \"$name\" \"$file\" \"$world\""

/* Answers "as expected" to each order, except that what |special| says is done for the case whose
 * name has "[n=2]" in it. */
#define WORKER(special)                                                                            \
    "while read -r word world file name rest; do case $word in "                                   \
    "calibrate) echo 'calibration 8 1 1 \\-';; end) exit 0;; "                                     \
    "play) case $name in *n=2*) " special " ;; "                                                   \
    "*) " ANSWER " ;; esac;; esac; done"

static const char three_cases[] = "scenario \"t\" { run = function() end, limit = \"1s\","
                                  " matrix = { n = { 1, 2, 3 } } }";

/* Runs three cases with workers that are |script|. */
static void run_with(const char *script, unsigned int jobs, uint64_t grace_ns) {
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    const struct lr_crew_options options = {
        .alloc = lr_alloc_system(), .argv = argv, .grace_ns = grace_ns};
    struct lr_crew *crew;
    struct lr_error error;
    cr_assert_eq(lr_crew_new(&crew, &options, &error), LR_OK, "%s", error.text);
    const struct lr_rig_options rig = {.player = lr_crew_player(crew), .jobs = jobs};
    lr_rig_run_text(&run, three_cases, &rig);
    cr_expect_eq(lr_crew_dismiss(crew, &error), LR_OK, "%s", error.text);
    lr_crew_free(crew);
}

static const struct lr_seen_case *expect_second_invalid(void) {
    cr_assert_eq(run.count, 3);
    cr_expect_eq(run.cases[0].outcome, LR_CASE_AS_EXPECTED, "%s", run.cases[0].reason);
    cr_expect_eq(run.cases[1].outcome, LR_CASE_INVALID);
    cr_expect_eq(run.cases[2].outcome, LR_CASE_AS_EXPECTED, "%s", run.cases[2].reason);
    cr_expect_str_eq(run.cases[1].name, "case[n=2]");
    cr_expect_str_eq(run.cases[1].release, "not observable");
    cr_expect_eq(run.exit_status, 3);
    cr_expect_not(run.summary.interrupted);
    return &run.cases[1];
}

TestSuite(scenario_crew, .timeout = 300);

Test(scenario_crew, a_broken_invariant_costs_its_own_case_alone) {
    run_with(WORKER("echo 'lastref: internal error: a < b, in f (x.c:7)' >&2; "
                    "echo 'lastref: lastref run x' >&2; kill -ABRT $$"),
             1, 60 * LR_SECOND);
    const struct lr_seen_case *seen = expect_second_invalid();
    cr_assert(seen != NULL);
    cr_expect_str_eq(seen->reason, "its worker died of signal 6 (aborted): "
                                   "lastref: internal error: a < b, in f (x.c:7)");
    cr_expect(strstr(seen->timeline, "worker: lastref: lastref run x\n") != NULL, "%s",
              seen->timeline);
}

Test(scenario_crew, each_death_is_told_for_what_it_is) {
    static const struct {
        const char *script;
        const char *reason;
    } deaths[] = {
        {WORKER("kill -SEGV $$"), "its worker died of signal 11 (segmentation fault)"},
        {WORKER("kill -KILL $$"), "its worker died of signal 9 (killed: by somebody, or by the "
                                  "system for want of memory)"},
        {WORKER("echo last words >&2; exit 23"), "its worker left with exit status 23: last words"},
        {WORKER("exec <&-; exit 0"), "its worker left with exit status 0"},
    };
    for (size_t i = 0; i < LR_COUNT_OF(deaths); i++) {
        run_with(deaths[i].script, 1, 60 * LR_SECOND);
        cr_expect_str_eq(expect_second_invalid()->reason, deaths[i].reason);
    }
}

Test(scenario_crew, several_at_a_time_end_in_order) {
    run_with(WORKER("kill -ABRT $$"), 3, 60 * LR_SECOND);
    (void)expect_second_invalid();
}

Test(scenario_crew, one_that_hangs_is_killed) {
    run_with(WORKER("exec sleep 1000"), 1, 4 * LR_SECOND); /* the other two must answer by then */
    cr_expect_str_eq(expect_second_invalid()->reason,
                     "its worker hung, and was killed 4.00 s after the case's time limit");
}

Test(scenario_crew, what_no_worker_says_is_no_result) {
    static const char *const scripts[] = {
        WORKER("echo nonsense"), WORKER("echo 'whole 0'"), WORKER("echo 'calibration 1 1 1 \\-'"),
        WORKER("name=another; " ANSWER), WORKER("head -c 3000000 /dev/zero | tr '\\0' x; echo")};
    for (size_t i = 0; i < LR_COUNT_OF(scripts); i++) {
        run_with(scripts[i], 1, 60 * LR_SECOND);
        const char *reason = expect_second_invalid()->reason;
        cr_expect(strstr(reason, "its worker wrote what no worker writes") == reason, "%s", reason);
    }
}

Test(scenario_crew, workers_that_cannot_even_start_to_work_make_each_case_invalid) {
    run_with("echo no >&2; exit 2", 2, 60 * LR_SECOND);
    cr_assert_eq(run.count, 3);
    for (size_t i = 0; i < 3; i++) {
        cr_expect_eq(run.cases[i].outcome, LR_CASE_INVALID);
        cr_expect_str_eq(run.cases[i].reason, "its worker left with exit status 2: no");
    }
    cr_expect_eq(run.exit_status, 3);
    cr_expect_neq(run.summary.calibration_error.code, LR_OK);
}

/* The cases are judged all the same, by the stated budgets; and the reports tell. */
Test(scenario_crew, a_calibration_that_fails_is_told_and_the_cases_are_run) {
    run_with("while read -r word world file name rest; do case $word in "
             "calibrate) echo 'calibration 3 1 1 our\\x20server\\x20is\\x20lost';; end) exit 0;; "
             "play) " ANSWER ";; esac; done",
             1, 60 * LR_SECOND);
    cr_expect_eq(run.count, 3);
    cr_expect_eq(run.exit_status, 0);
    cr_expect_str_eq(run.summary.calibration_error.text, "our server is lost");
    cr_expect_eq(run.summary.calibration.rounds, 0);
}

Test(scenario_crew, a_worker_that_leaves_badly_is_told) {
    const char *const argv[] = {
        "/bin/sh", "-c",
        "while read -r word rest; do case $word in calibrate) echo 'calibration 8 1 1 \\-';; "
        "end) echo 'ERROR: LeakSanitizer: leaks' >&2; exit 23;; esac; done",
        NULL};
    const struct lr_crew_options options = {
        .alloc = lr_alloc_system(), .argv = argv, .grace_ns = 60 * LR_SECOND};
    struct lr_crew *crew;
    struct lr_calibration calibration;
    struct lr_error error = {.code = LR_OK};
    cr_assert_eq(lr_crew_new(&crew, &options, &error), LR_OK);
    struct lr_player *player = lr_crew_player(crew);
    cr_assert_eq(player->calibrate(player, &calibration, &error), LR_OK, "%s", error.text);
    cr_expect_eq(calibration.rounds, 8);
    cr_expect_eq(lr_crew_dismiss(crew, &error), LR_EIO);
    cr_expect_str_eq(error.text, "after its last case its worker left with exit status 23: "
                                 "ERROR: LeakSanitizer: leaks");
    lr_crew_free(crew);
}

Test(scenario_crew, where_no_worker_can_be_started_the_harness_has_failed) {
    const char *const argv[] = {"/nonexistent/lastref", NULL};
    const struct lr_crew_options options = {
        .alloc = lr_alloc_system(), .argv = argv, .grace_ns = LR_SECOND};
    struct lr_crew *crew;
    struct lr_error error;
    cr_assert_eq(lr_crew_new(&crew, &options, &error), LR_OK);
    const struct lr_rig_options rig = {.player = lr_crew_player(crew)};
    lr_rig_run_text(&run, three_cases, &rig);
    cr_expect_eq(run.exit_status, 4);
    cr_expect_eq(run.count, 0);
    cr_expect(strstr(run.error.text, "no worker can be started") != NULL, "%s", run.error.text);
    lr_crew_free(crew);
}

static void interrupt(int number) {
    (void)number;
    (void)raise(SIGINT);
}

static void interrupt_soon(const char *name) {
    if (strstr(name, "n=2") != NULL) {
        const struct itimerval soon = {.it_value = {.tv_usec = 100000}};
        (void)signal(SIGALRM, interrupt);
        (void)setitimer(ITIMER_REAL, &soon, NULL);
    }
}

Test(scenario_crew, an_interruption_ends_what_runs_and_begins_no_more) {
    const char *const argv[] = {"/bin/sh", "-c", WORKER("exec sleep 1000"), NULL};
    const struct lr_crew_options options = {
        .alloc = lr_alloc_system(), .argv = argv, .grace_ns = 60 * LR_SECOND};
    struct lr_crew *crew;
    struct lr_error error;
    cr_assert_eq(lr_crew_new(&crew, &options, &error), LR_OK);
    const struct lr_rig_options rig = {.player = lr_crew_player(crew), .started = interrupt_soon};
    lr_rig_run_text(&run, three_cases, &rig);
    lr_crew_free(crew);
    cr_expect(run.summary.interrupted);
    cr_expect_eq(run.exit_status, 3);
    cr_assert_eq(run.count, 2, "the third has not begun");
    cr_expect_eq(run.cases[0].outcome, LR_CASE_AS_EXPECTED);
    cr_expect_eq(run.cases[1].outcome, LR_CASE_INVALID);
    cr_expect_str_eq(run.cases[1].reason, "interrupted");
}

Test(scenario_crew, no_descriptor_is_left) {
    run_with(WORKER("exit 1"), 1, 60 * LR_SECOND); /* libuv keeps a pipe for signals from then on */
    size_t before = lr_rig_descriptors();
    run_with(WORKER("kill -ABRT $$"), 3, 60 * LR_SECOND);
    cr_expect_eq(lr_rig_descriptors(), before);
}

Test(scenario_crew, last_words_are_those_that_say_what_was_wrong) {
    char words[64];
    cr_expect_str_eq(lr_crew_last_words(words, sizeof words, ""), "");
    cr_expect_str_eq(lr_crew_last_words(words, sizeof words, "one\ntwo\n\n"), "two");
    cr_expect_str_eq(
        lr_crew_last_words(words, sizeof words, "==1==ERROR: AddressSanitizer: x\n #0 main\n"),
        "==1==ERROR: AddressSanitizer: x");
    cr_expect_str_eq(lr_crew_last_words(words, 5, "a long line"), "a lo");
}

/* ---- without memory ---- */

/* One order, played by a worker. True: its result is there, whole and as expected. Whatever else
 * comes of it says that memory was refused. */
static bool play_one(struct lr_player *player) {
    const struct lr_order order = {.file = "a.lua",
                                   .name = "a case",
                                   .title = "t",
                                   .world = "live",
                                   .seed = 5,
                                   .limit_ns = LR_SECOND};
    struct lr_error error = {.code = LR_OK};
    struct lr_played played;
    enum lr_status status = player->begin(player, &order, 7, &error);
    cr_assert(status == LR_OK || status == LR_ENOMEM, "%s", error.text);
    if (status != LR_OK) {
        return false;
    }
    cr_assert(player->next(player, LR_TIME_NEVER, &played));
    cr_assert_eq(played.ticket, 7);
    if (played.result.alloc == NULL) { /* not even for that */
        return false;
    }
    bool whole = played.result.outcome == LR_CASE_AS_EXPECTED;
    const char *reason = played.result.reason;
    cr_assert_str_eq(played.result.name, "a case");
    cr_assert(whole || played.result.outcome == LR_CASE_INVALID);
    cr_assert(!whole || strcmp(played.result.release_verdict, "on time") == 0);
    cr_assert(whole || reason == NULL || strstr(reason, "memory") != NULL, "%s", reason);
    lr_case_result_deinit(&played.result);
    return whole;
}

static void work_poorly(struct lr_alloc *alloc, void *context) {
    const char *const argv[] = {"/bin/sh", "-c", WORKER(ANSWER), NULL};
    const struct lr_crew_options options = {
        .alloc = alloc, .argv = argv, .grace_ns = 60 * LR_SECOND};
    struct lr_crew *crew;
    struct lr_error error = {.code = LR_OK};
    bool whole = false;
    (void)context;
    if (lr_crew_new(&crew, &options, &error) == LR_OK) {
        whole = play_one(lr_crew_player(crew));
        whole = lr_crew_dismiss(crew, &error) == LR_OK && whole;
        lr_crew_free(crew);
    }
    cr_assert(error.code == LR_OK || error.code == LR_ENOMEM, "%s", error.text);
    cr_assert(whole || !lr_test_must_succeed(alloc), "%s", error.text);
}

Test(scenario_crew, a_case_is_played_or_invalid_whichever_allocation_fails) {
    lr_test_each_failure(work_poorly, NULL);
}
