/* SPDX-License-Identifier: Apache-2.0 */
/* lastref run PATH..: plays scenarios and says for every session whether it was released. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/log.h"
#include "cli/options.h"
#include "cli/platform.h"
#include "reports/reports.h"
#include "scenario/crew.h"
#include "scenario/runner.h"
#include "scenario/torturer.h"
#include "world/live.h"

enum { REPORTERS_MAX = 4, GRACE_SECONDS = 30, WORKER_PATH_MAX = 4096 };

enum world_choice { WORLD_SIM, WORLD_LIVE, WORLD_ALL };

static const char *const world_names[] = {"sim", "live", "all", NULL};
static const unsigned int world_sets[] = {
    [WORLD_SIM] = LR_IN_SIM, [WORLD_LIVE] = LR_IN_LIVE, [WORLD_ALL] = LR_IN_ALL};

struct run_settings {
    const char *filter;
    const char *json;
    const char *junit;
    const char *tap;
    const char *known;
    const char *programs;
    uint64_t seed;
    uint64_t grace_ns;
    unsigned int world;
    unsigned int jobs; /* 0: not said */
    unsigned int repeat;
    const char *torture_text;
    struct lr_torture torture;
    bool strict;
    bool list;
    struct lr_log_options log;
};

static const struct lr_option run_options[] = {
    {LR_OPTION(LR_OPTION_CHOICE, "world", "WORLD", struct run_settings, world,
               "where they run: sim, live, or all, each in those that it fits"),
     .choices = world_names},
    {LR_OPTION(LR_OPTION_TEXT, "filter", "TEXT", struct run_settings, filter,
               "only cases whose names contain TEXT")},
    {LR_OPTION(LR_OPTION_FLAG, "list", NULL, struct run_settings, list,
               "print the cases' names, worlds and titles, and run none")},
    {LR_OPTION(LR_OPTION_COUNT, "jobs", "N", struct run_settings, jobs,
               "cases at a time (0: 1 in the live world, one a processor in sim)"),
     .max = LR_CREW_MAX},
    {LR_OPTION(LR_OPTION_COUNT, "repeat", "N", struct run_settings, repeat,
               "run each case N times, with the seeds that follow"),
     .min = 1, .max = 1000000},
    {LR_OPTION(LR_OPTION_COUNT, "seed", "N", struct run_settings, seed,
               "what chance is drawn from")},
    {LR_OPTION(LR_OPTION_SECONDS, "grace", "SECONDS", struct run_settings, grace_ns,
               "what a case may take beyond its limit before its worker is killed"),
     .min = LR_SECOND / 10, .max = 86400 * LR_SECOND},
    {LR_OPTION(LR_OPTION_TEXT, "torture", "WHAT", struct run_settings, torture_text,
               "memory or io: repeat each case, in sim, with the n-th allocation or transport call "
               "of its roles failing, for every n; memory=17: that one alone")},
    {LR_OPTION(LR_OPTION_TEXT, "known-failures", "FILE", struct run_settings, known,
               "cases that are known to fail: `CASE | VERDICT | REASON | LINK`, a line each")},
    {LR_OPTION(LR_OPTION_FLAG, "strict", NULL, struct run_settings, strict,
               "exit with 3 where a case could not run or was late only once")},
    {LR_OPTION(LR_OPTION_TEXT, "json", "FILE", struct run_settings, json,
               "write the results as JSON, case by case (docs/results.md)")},
    {LR_OPTION(LR_OPTION_TEXT, "junit", "FILE", struct run_settings, junit,
               "write the results as JUnit XML")},
    {LR_OPTION(LR_OPTION_TEXT, "tap", "FILE", struct run_settings, tap,
               "write the results as TAP, version 14")},
    {LR_OPTION(LR_OPTION_TEXT, "programs", "FOLDER", struct run_settings, programs,
               "where the stepped programs of foreign clients are")},
    LR_LOG_OPTIONS(struct run_settings, log),
};

static const struct lr_command_line run_line = {
    .command = "lastref run",
    .operands = "PATH..",
    .operands_min = 1,
    .operands_max = 1000,
    .summary = "Plays scenarios (files *.lua, or folders of them): trackers, servers and clients,\n"
               "ours or real TVM's, hold on, die and time out, and the ledger says for every\n"
               "session whether it was released, when, and after what.\n",
    .epilogue =
        "Exit status: 1 if a case is unexpected or a known failure stale, else 3 if one proves\n"
        "nothing (with --strict also: not run, contention), else 0; 2 wrong usage or a wrong\n"
        "script; 4 the harness itself failed.\n",
    .options = run_options,
    .option_count = LR_COUNT_OF(run_options),
};

struct running {
    struct lr_suite suite;
    struct lr_known known;
    struct lr_log log;
    struct lr_crew *crew;
    struct lr_torturer torturer;
    struct lr_reporter *reporters[REPORTERS_MAX];
    size_t reporter_count;
};

static int complain(const struct lr_error *error) {
    fprintf(stderr, "lastref run: %s\n", error->text);
    return LR_EXIT_HARNESS;
}

/* What the command was given cannot be read: its user's mistake, or no memory of ours. */
static int refuse(const struct lr_error *error) {
    return error->code == LR_ENOMEM ? complain(error)
                                    : lr_options_refuse(&run_line, "%s", error->text);
}

static int add_reporters(struct running *running, const struct run_settings *settings) {
    struct lr_alloc *alloc = lr_alloc_system();
    struct lr_error error = {.code = LR_OK};
    const struct {
        const char *path;
        enum lr_status (*make)(struct lr_reporter **reporter, struct lr_alloc *alloc,
                               const char *path, struct lr_error *error);
    } files[] = {{settings->json, lr_json_reporter},
                 {settings->junit, lr_junit_reporter},
                 {settings->tap, lr_tap_reporter}};
    struct lr_reporter **next = &running->reporters[0];
    if (lr_console_reporter(next, alloc, stdout, &error) != LR_OK) {
        return complain(&error);
    }
    running->reporter_count++;
    for (size_t i = 0; i < LR_COUNT_OF(files); i++) {
        next = &running->reporters[running->reporter_count];
        if (files[i].path == NULL) {
            continue;
        }
        if (files[i].make(next, alloc, files[i].path, &error) != LR_OK) {
            return complain(&error);
        }
        running->reporter_count++;
    }
    return LR_EXIT_OK;
}

/* Each case once, with all the worlds that it would run in. */
static int list_cases(const struct lr_suite *suite, unsigned int worlds) {
    for (size_t i = 0; i < suite->count; i++) {
        const struct lr_suite_case *one = &suite->cases[i];
        bool again = strcmp(one->world, "live") == 0 && (one->worlds & worlds & LR_IN_SIM) != 0;
        if (!again) {
            printf("%s  (%s)\n    %s\n", one->name, lr_worlds_text(one->worlds), one->title);
        }
    }
    return LR_EXIT_OK;
}

static void name_unmatched(const struct lr_known *known) {
    for (size_t i = 0; i < known->count; i++) {
        if (!known->lines[i].matched) {
            fprintf(stderr, "lastref run: %s:%d: no case is called %s\n", known->path,
                    known->lines[i].line, known->lines[i].pattern);
        }
    }
}

/* Plays the suite with a crew of workers: other processes of this very program. */
static int run_with(struct running *running, const struct run_settings *settings,
                    struct lr_run_summary *summary) {
    struct lr_error error = {.code = LR_OK};
    unsigned int processors = lr_platform_processors();
    bool torturing = settings->torture.kind != LR_TORTURE_NONE && !settings->torture.alone;
    if (torturing) {
        lr_torturer_init(&running->torturer, lr_alloc_system(), lr_crew_player(running->crew),
                         settings->torture.kind);
    }
    const struct lr_run_options options = {
        .suite = &running->suite,
        .known = &running->known,
        .player = torturing ? &running->torturer.player : lr_crew_player(running->crew),
        .torture = settings->torture.alone ? settings->torture
                                           : (struct lr_torture){.kind = LR_TORTURE_NONE},
        .seed = settings->seed,
        .repeat = settings->repeat,
        .sim_jobs = settings->jobs > 0                       ? settings->jobs
                    : processors < (unsigned int)LR_CREW_MAX ? processors
                                                             : (unsigned int)LR_CREW_MAX,
        .live_jobs = settings->jobs > 0 ? settings->jobs : 1,
        .worlds = world_sets[settings->world],
        .strict = settings->strict,
        .whole = settings->filter == NULL,
        .reporters = running->reporters,
        .reporter_count = running->reporter_count,
    };
    int result = lr_run(&options, summary, &error);
    if (result == LR_EXIT_HARNESS) {
        (void)complain(&error);
    }
    if (summary->known_unmatched > 0) {
        name_unmatched(&running->known);
    }
    if (!summary->interrupted && lr_crew_dismiss(running->crew, &error) != LR_OK) {
        result = complain(&error);
    }
    return result;
}

static int run_suite(struct running *running, const struct run_settings *settings) {
    char worker[WORKER_PATH_MAX];
    char level[16];
    struct lr_error error = {.code = LR_OK};
    struct lr_run_summary summary;
    int result = add_reporters(running, settings);
    if (result != LR_EXIT_OK) {
        return result;
    }
    if (lr_live_beside(worker, sizeof worker, "lastref") != LR_OK) {
        lr_error_set(&error, LR_ENOTSUP, "the path of this executable is not known");
        return complain(&error);
    }
    /* What goes wrong in a case is its report's to tell: the log is for who asks for it. */
    lr_log_init(&running->log, &settings->log, LR_TRACE_NOTHING, LR_TRACE_NOTHING);
    (void)snprintf(level, sizeof level, "%d", (int)running->log.sink.level);
    const char *const argv[] = {worker,    "worker", "--programs", settings->programs,
                                "--trace", level,    NULL};
    const struct lr_crew_options crew = {.alloc = lr_alloc_system(),
                                         .argv = argv,
                                         .grace_ns = settings->grace_ns,
                                         .trace = &running->log.sink};
    if (lr_crew_new(&running->crew, &crew, &error) != LR_OK) {
        return complain(&error);
    }
    printf("%zu cases, seed %" PRIu64 "\n\n", running->suite.count * settings->repeat,
           settings->seed);
    (void)fflush(stdout); /* what a killed run leaves says how to repeat it */
    result = run_with(running, settings, &summary);
    lr_crew_free(running->crew);
    return result;
}

/* No case is left: which name is near to what was asked for? */
static int refuse_empty(const struct run_settings *settings, const struct lr_suite *suite,
                        const char *const *paths, size_t path_count) {
    struct lr_suite whole;
    struct lr_error error = {.code = LR_OK};
    if (settings->filter == NULL) {
        return lr_options_refuse(&run_line, "no case for this world in %zu files", suite->files);
    }
    const char *near = NULL;
    bool elsewhere = suite->elsewhere > 0;
    if (lr_suite_gather(&whole, lr_alloc_system(), paths, path_count, NULL, LR_IN_ALL, &error) ==
        LR_OK) {
        near = lr_suite_nearest(&whole, settings->filter);
    }
    int result =
        elsewhere
            ? lr_options_refuse(&run_line,
                                "%zu cases have a name that contains %s, none for world %s",
                                suite->elsewhere, settings->filter, world_names[settings->world])
        : near != NULL
            ? lr_options_refuse(&run_line,
                                "no case has a name that contains %s in %zu files; is it %s?",
                                settings->filter, suite->files, near)
            : lr_options_refuse(&run_line, "no case has a name that contains %s in %zu files",
                                settings->filter, suite->files);
    lr_suite_deinit(&whole);
    return result;
}

static int run_paths(struct running *running, const struct run_settings *settings,
                     const char *const *paths, size_t path_count) {
    struct lr_alloc *alloc = lr_alloc_system();
    struct lr_error error = {.code = LR_OK};
    if (settings->known != NULL &&
        lr_known_read(&running->known, alloc, settings->known, &error) != LR_OK) {
        return refuse(&error);
    }
    if (lr_suite_gather(&running->suite, alloc, paths, path_count, settings->filter,
                        world_sets[settings->world], &error) != LR_OK) {
        return refuse(&error);
    }
    if (running->suite.count == 0) {
        return refuse_empty(settings, &running->suite, paths, path_count);
    }
    return settings->list ? list_cases(&running->suite, world_sets[settings->world])
                          : run_suite(running, settings);
}

int lr_cli_run(int argc, char **argv) {
    struct run_settings settings = {.programs = "scenarios/programs",
                                    .seed = 1,
                                    .repeat = 1,
                                    .world = WORLD_ALL,
                                    .grace_ns = GRACE_SECONDS * LR_SECOND};
    char **paths;
    size_t path_count;
    int result = lr_options_parse(&run_line, argc, argv, &settings, &paths, &path_count);
    if (result != LR_OPTIONS_GO_ON) {
        return result;
    }
    if (settings.torture_text != NULL) {
        if (!lr_torture_parse(settings.torture_text, &settings.torture)) {
            return lr_options_refuse(&run_line, "--torture takes memory, io, or one of them with a "
                                                "number: memory=17");
        }
        if (settings.world == WORLD_LIVE) {
            return lr_options_refuse(&run_line, "--torture needs the simulated world");
        }
        settings.world = WORLD_SIM;
    }
    struct running running = {.reporter_count = 0};
    running.suite.alloc = lr_alloc_system();
    result = run_paths(&running, &settings, (const char *const *)paths, path_count);
    for (size_t i = 0; i < running.reporter_count; i++) {
        running.reporters[i]->free(running.reporters[i]);
    }
    lr_suite_deinit(&running.suite);
    lr_known_deinit(&running.known);
    return result;
}
