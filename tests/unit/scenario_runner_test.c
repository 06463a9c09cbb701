/* SPDX-License-Identifier: Apache-2.0 */
/* How a run hands its cases out and tells of them, with a player that ends them in an order of its
 * own and plays nothing. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "scenario/runner.h"
#include "support/failing.h"

enum { CASES = 6, TOLD_MAX = 64, LOG_MAX = 1024 };

/* Ends what began last first; what is called "late" fails by lateness alone in its first try. */
struct fake {
    struct lr_player player;
    struct lr_order orders[CASES];
    size_t tickets[CASES];
    size_t under_way;
    size_t most; /* cases at a time, so far */
    bool calibrates;
    bool stops;             /* interrupted after the first end */
    bool fails;             /* cannot begin the third */
    struct lr_alloc *alloc; /* of the results; NULL: the system's */
    size_t begun;
    unsigned int late_tries;
    size_t beside_retry; /* cases under way when a late one began again */
    bool interrupted;
    lr_time now;
    char log[LOG_MAX]; /* what was asked of it */
};

static struct fake *fake_of(struct lr_player *player) {
    return LR_CONTAINER_OF(player, struct fake, player);
}

static void note(struct fake *fake, const char *word, const char *name) {
    size_t used = strlen(fake->log);
    (void)snprintf(fake->log + used, sizeof fake->log - used, "%s %s\n", word, name);
}

static enum lr_status calibrate(struct lr_player *player, struct lr_calibration *calibration,
                                struct lr_error *error) {
    struct fake *fake = fake_of(player);
    note(fake, "calibrate", "");
    cr_expect_eq(fake->under_way, 0);
    *calibration = (struct lr_calibration){.rounds = 8, .release_ns_max = 5};
    return fake->calibrates ? LR_OK : lr_error_set(error, LR_ETIMEOUT, "it never came back");
}

static enum lr_status begin(struct lr_player *player, const struct lr_order *order, size_t ticket,
                            struct lr_error *error) {
    struct fake *fake = fake_of(player);
    if (fake->fails && fake->begun == 2) {
        return lr_error_set(error, LR_EIO, "no more workers");
    }
    note(fake, "begin", order->name);
    fake->begun++;
    if (strcmp(order->name, "late") == 0 && fake->late_tries++ > 0) {
        fake->beside_retry = fake->under_way;
    }
    cr_assert_lt(fake->under_way, CASES);
    fake->orders[fake->under_way] = *order;
    fake->tickets[fake->under_way++] = ticket;
    fake->most = fake->under_way > fake->most ? fake->under_way : fake->most;
    return LR_OK;
}

static bool next(struct lr_player *player, lr_time until, struct lr_played *played) {
    struct fake *fake = fake_of(player);
    (void)until;
    cr_assert_gt(fake->under_way, 0);
    const struct lr_order *order = &fake->orders[--fake->under_way];
    played->ticket = fake->tickets[fake->under_way];
    struct lr_alloc *alloc = fake->alloc != NULL ? fake->alloc : lr_alloc_system();
    if (lr_order_result(order, alloc, &played->result) != LR_OK) {
        played->result = (struct lr_case_result){.alloc = NULL};
        return true;
    }
    played->result.outcome = LR_CASE_AS_EXPECTED;
    played->result.duration_ns = LR_SECOND;
    if (fake->alloc != NULL && strcmp(order->name, "b") == 0) {
        played->result.outcome = LR_CASE_UNEXPECTED;
    }
    if (strcmp(order->name, "late") == 0 && fake->late_tries == 1) {
        const struct lr_expectation late = {.text = "t", .late = true};
        if (lr_case_result_expect(&played->result, &late) != LR_OK) {
            lr_case_result_deinit(&played->result);
            return true;
        }
        played->result.outcome = LR_CASE_UNEXPECTED;
    }
    fake->interrupted = fake->stops;
    fake->now += LR_SECOND;
    return true;
}

static bool is_interrupted(const struct lr_player *player) {
    return LR_CONTAINER_OF(player, const struct fake, player)->interrupted;
}

static lr_time now(struct lr_player *player) {
    return fake_of(player)->now;
}

static struct fake fake_new(void) {
    return (struct fake){.player = {.calibrate = calibrate,
                                    .begin = begin,
                                    .next = next,
                                    .interrupted = is_interrupted,
                                    .now = now},
                         .calibrates = true};
}

/* Keeps what it is told. */
struct keeper {
    struct lr_reporter reporter;
    char log[LOG_MAX];
    size_t flushes;
    size_t finished;
};

static void ended(struct lr_reporter *reporter, const struct lr_case_result *result, size_t index,
                  size_t count) {
    struct keeper *keeper = LR_CONTAINER_OF(reporter, struct keeper, reporter);
    size_t used = strlen(keeper->log);
    cr_assert_lt(index, count);
    (void)snprintf(keeper->log + used, sizeof keeper->log - used, "%zu %s %s %s %u\n", index,
                   result->name, result->world, lr_case_outcome_name(result->outcome),
                   result->tries);
}

static void flushed(struct lr_reporter *reporter) {
    LR_CONTAINER_OF(reporter, struct keeper, reporter)->flushes++;
}

static enum lr_status finish(struct lr_reporter *reporter, const struct lr_run_summary *summary,
                             struct lr_error *error) {
    (void)summary;
    (void)error;
    LR_CONTAINER_OF(reporter, struct keeper, reporter)->finished++;
    return LR_OK;
}

static struct lr_suite_case cases[CASES] = {
    {.name = "a", .title = "t", .file = "f", .world = "sim"},
    {.name = "b", .title = "t", .file = "f", .world = "sim"},
    {.name = "c", .title = "t", .file = "f", .world = "live"},
    {.name = "late", .title = "t", .file = "f", .world = "live"},
    {.name = "d", .title = "t", .file = "f", .world = "live"},
    {.name = "e", .title = "t", .file = "f", .world = "live"},
};

struct ran {
    struct keeper keeper;
    struct lr_run_summary summary;
    struct lr_error error;
    int exit_status;
};

static void run(struct ran *ran, struct fake *fake, unsigned int jobs, unsigned int repeat) {
    *ran =
        (struct ran){.keeper = {.reporter = {.ended = ended, .flush = flushed, .finish = finish}}};
    struct lr_known_line lines[] = {{.pattern = "b", .verdict = "*", .reason = "so", .link = "l"}};
    struct lr_known known = {.lines = lines, .count = fake->alloc != NULL};
    const struct lr_suite suite = {.cases = cases, .count = CASES};
    struct lr_reporter *const reporters[] = {&ran->keeper.reporter};
    const struct lr_run_options options = {.suite = &suite,
                                           .known = &known,
                                           .player = &fake->player,
                                           .seed = 1,
                                           .repeat = repeat,
                                           .sim_jobs = jobs,
                                           .live_jobs = jobs,
                                           .worlds = LR_IN_ALL,
                                           .reporters = reporters,
                                           .reporter_count = 1};
    ran->exit_status = lr_run(&options, &ran->summary, &ran->error);
    cr_expect_eq(ran->keeper.finished, 1);
}

Test(scenario_runner, cases_are_told_in_their_order_whatever_ends_first) {
    struct fake fake = fake_new();
    struct ran ran;
    run(&ran, &fake, 4, 1);
    cr_expect_eq(ran.exit_status, 0);
    cr_expect_str_eq(ran.keeper.log, "0 a sim as expected 1\n"
                                     "1 b sim as expected 1\n"
                                     "2 c live as expected 1\n"
                                     "3 late live contention 2\n"
                                     "4 d live as expected 1\n"
                                     "5 e live as expected 1\n");
    cr_expect_eq(fake.most, 4);
    cr_expect_gt(ran.keeper.flushes, 0);
}

Test(scenario_runner, what_was_late_is_tried_again_beside_nothing) {
    for (unsigned int jobs = 1; jobs <= 4; jobs++) {
        struct fake fake = fake_new();
        struct ran ran;
        run(&ran, &fake, jobs, 1);
        cr_expect_eq(fake.late_tries, 2);
        cr_expect_eq(fake.beside_retry, 0);
        cr_expect_leq(fake.most, jobs);
    }
}

Test(scenario_runner, the_live_world_is_measured_when_the_simulated_one_is_done) {
    struct fake fake = fake_new();
    struct ran ran;
    run(&ran, &fake, 1, 2);
    const char *calibrated = strstr(fake.log, "calibrate");
    cr_assert_not_null(calibrated);
    cr_expect_eq(strncmp(fake.log, "begin a\nbegin b\nbegin a\nbegin b\ncalibrate", 41), 0, "%s",
                 fake.log);
    cr_expect_null(strstr(calibrated, "begin a"));
    cr_expect_eq(ran.summary.calibration.release_ns_max, 5);
    cr_expect_eq(ran.summary.world_count, 2);
    cr_expect_str_eq(ran.summary.world, "all");
    cr_expect_eq(ran.summary.worlds[0].cases, 4);
    cr_expect_eq(ran.summary.worlds[1].cases, 8);
    cr_expect_eq(ran.summary.worlds[1].duration_ns, 8 * LR_SECOND);
    cr_expect_eq(ran.summary.cases, 12);
}

Test(scenario_runner, a_machine_that_cannot_be_measured_is_told_and_its_cases_are_judged) {
    struct fake fake = fake_new();
    struct ran ran;
    fake.calibrates = false;
    run(&ran, &fake, 1, 1);
    cr_expect_eq(ran.exit_status, 0);
    cr_expect_eq(ran.summary.cases, CASES);
    cr_expect_eq(ran.summary.calibration.rounds, 0, "the stated budgets hold");
    cr_expect_str_eq(ran.summary.calibration_error.text, "it never came back");
}

Test(scenario_runner, an_interrupted_run_tells_of_all_that_had_begun) {
    struct fake fake = fake_new();
    struct ran ran;
    fake.stops = true;
    run(&ran, &fake, 2, 1);
    cr_expect(ran.summary.interrupted);
    cr_expect_eq(ran.exit_status, 3);
    cr_expect_str_eq(ran.keeper.log, "0 a sim as expected 1\n1 b sim as expected 1\n");
    cr_expect_null(strstr(fake.log, "calibrate"));
}

/* A late one that is not tried again stays what it was seen to be. */
Test(scenario_runner, what_was_late_stands_where_the_run_ends) {
    struct fake fake = fake_new();
    struct ran ran;
    const struct lr_suite_case first = cases[0];
    cases[0] = cases[3];
    cases[0].name = "late";
    fake.stops = true;
    cases[1].world = "live";
    cases[0].world = "live";
    run(&ran, &fake, 1, 1);
    cr_expect_str_eq(ran.keeper.log, "0 late live unexpected 1\n");
    cr_expect_eq(ran.exit_status, 1);
    cases[0] = first;
}

Test(scenario_runner, a_player_that_fails_ends_the_run_and_what_had_ended_is_told) {
    struct fake fake = fake_new();
    struct ran ran;
    fake.fails = true;
    run(&ran, &fake, 4, 1);
    cr_expect_eq(ran.exit_status, 4);
    cr_expect_str_eq(ran.error.text, "no more workers");
    cr_expect_str_eq(ran.keeper.log, "0 a sim as expected 1\n1 b sim as expected 1\n");
}

/* ---- without memory ---- */

/* The results, and the reasons that the run adds to them, are of memory that fails. */
static void run_poorly(struct lr_alloc *alloc, void *context) {
    struct fake fake = fake_new();
    struct ran ran;
    (void)context;
    fake.alloc = alloc;
    run(&ran, &fake, 4, 1);
    bool whole = lr_test_must_succeed(alloc);
    cr_assert_eq(ran.keeper.finished, 1);
    cr_assert_eq(ran.exit_status, whole ? 0 : 4, "it is a failure of the harness's own");
    cr_assert(whole ? ran.summary.cases == CASES : ran.error.code == LR_ENOMEM);
    cr_assert(!whole || ran.summary.counts[LR_CASE_KNOWN_FAILURE] == 1);
}

Test(scenario_runner, a_result_that_there_was_no_memory_for_ends_the_run) {
    lr_test_each_failure(run_poorly, NULL);
}
