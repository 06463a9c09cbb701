/* SPDX-License-Identifier: Apache-2.0 */
/* lastref run PATH..: plays scenarios and says for every session whether it was released. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/log.h"
#include "cli/options.h"
#include "reports/reports.h"
#include "scenario/runner.h"

enum { REPORTERS_MAX = 3 };

struct run_settings {
    const char *filter;
    const char *json;
    const char *junit;
    const char *known;
    const char *programs;
    uint64_t seed;
    unsigned int repeat;
    bool strict;
    bool list;
    struct lr_log_options log;
};

static const struct lr_option run_options[] = {
    {LR_OPTION(LR_OPTION_TEXT, "filter", "TEXT", struct run_settings, filter,
               "only cases whose names contain TEXT")},
    {LR_OPTION(LR_OPTION_FLAG, "list", NULL, struct run_settings, list,
               "print the names and titles of the cases, and run none")},
    {LR_OPTION(LR_OPTION_COUNT, "repeat", "N", struct run_settings, repeat,
               "run each case N times, with the seeds that follow"),
     .min = 1, .max = 1000000},
    {LR_OPTION(LR_OPTION_COUNT, "seed", "N", struct run_settings, seed,
               "what chance is drawn from")},
    {LR_OPTION(LR_OPTION_TEXT, "known-failures", "FILE", struct run_settings, known,
               "cases that are known to fail: `CASE | VERDICT | REASON | LINK`, a line each")},
    {LR_OPTION(LR_OPTION_FLAG, "strict", NULL, struct run_settings, strict,
               "exit with 3 where a case could not run or was late only once")},
    {LR_OPTION(LR_OPTION_TEXT, "json", "FILE", struct run_settings, json,
               "write the results as JSON, case by case (docs/results.md)")},
    {LR_OPTION(LR_OPTION_TEXT, "junit", "FILE", struct run_settings, junit,
               "write the results as JUnit XML")},
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
    struct lr_tvm tvm;
    struct lr_log log;
    struct lr_reporter *reporters[REPORTERS_MAX];
    size_t reporter_count;
};

static int add_reporter(struct running *running, enum lr_status status,
                        struct lr_reporter *reporter, const struct lr_error *error) {
    if (status != LR_OK) {
        fprintf(stderr, "lastref run: %s\n", error->text);
        return LR_EXIT_HARNESS;
    }
    running->reporters[running->reporter_count++] = reporter;
    return LR_EXIT_OK;
}

static int add_reporters(struct running *running, const struct run_settings *settings) {
    struct lr_alloc *alloc = lr_alloc_system();
    struct lr_error error = {.code = LR_OK};
    struct lr_reporter *reporter = NULL;
    enum lr_status status = lr_console_reporter(&reporter, alloc, stdout, &error);
    int result = add_reporter(running, status, reporter, &error);
    if (result == LR_EXIT_OK && settings->json != NULL) {
        status = lr_json_reporter(&reporter, alloc, settings->json, &error);
        result = add_reporter(running, status, reporter, &error);
    }
    if (result == LR_EXIT_OK && settings->junit != NULL) {
        status = lr_junit_reporter(&reporter, alloc, settings->junit, &error);
        result = add_reporter(running, status, reporter, &error);
    }
    return result;
}

static int list_cases(const struct lr_suite *suite) {
    for (size_t i = 0; i < suite->count; i++) {
        printf("%s\n    %s\n", suite->cases[i].name, suite->cases[i].title);
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

static int run_suite(struct running *running, const struct run_settings *settings) {
    struct lr_error error = {.code = LR_OK};
    int result = add_reporters(running, settings);
    if (result != LR_EXIT_OK) {
        return result;
    }
    lr_tvm_find(&running->tvm, settings->programs);
    /* What goes wrong in a case is its report's to tell: the log is for who asks for it. */
    lr_log_init(&running->log, &settings->log, LR_TRACE_ERROR, LR_TRACE_ERROR);
    struct lr_run_options options = {
        .alloc = lr_alloc_system(),
        .suite = &running->suite,
        .known = &running->known,
        .tvm = &running->tvm,
        .trace = &running->log.sink,
        .seed = settings->seed,
        .repeat = settings->repeat,
        .strict = settings->strict,
        .whole = settings->filter == NULL,
        .reporters = running->reporters,
        .reporter_count = running->reporter_count,
    };
    struct lr_run_summary summary;
    result = lr_run(&options, &summary, &error);
    if (result == LR_EXIT_HARNESS) {
        fprintf(stderr, "lastref run: %s\n", error.text);
    }
    if (summary.known_unmatched > 0) {
        name_unmatched(&running->known);
    }
    return result;
}

static int run_paths(struct running *running, const struct run_settings *settings, char **paths,
                     size_t path_count) {
    struct lr_alloc *alloc = lr_alloc_system();
    struct lr_error error = {.code = LR_OK};
    if (settings->known != NULL &&
        lr_known_read(&running->known, alloc, settings->known, &error) != LR_OK) {
        return lr_options_refuse(&run_line, "%s", error.text);
    }
    if (lr_suite_gather(&running->suite, alloc, (const char *const *)paths, path_count,
                        settings->filter, "live", &error) != LR_OK) {
        return lr_options_refuse(&run_line, "%s", error.text);
    }
    if (running->suite.count == 0) {
        return lr_options_refuse(&run_line, "no case%s%s in %zu files",
                                 settings->filter != NULL ? " has a name that contains " : "",
                                 settings->filter != NULL ? settings->filter : "",
                                 running->suite.files);
    }
    return settings->list ? list_cases(&running->suite) : run_suite(running, settings);
}

int lr_cli_run(int argc, char **argv) {
    struct run_settings settings = {.programs = "scenarios/programs", .seed = 1, .repeat = 1};
    char **paths;
    size_t path_count;
    int result = lr_options_parse(&run_line, argc, argv, &settings, &paths, &path_count);
    if (result != LR_OPTIONS_GO_ON) {
        return result;
    }
    struct running running = {.reporter_count = 0};
    running.suite.alloc = lr_alloc_system();
    result = run_paths(&running, &settings, paths, path_count);
    for (size_t i = 0; i < running.reporter_count; i++) {
        running.reporters[i]->free(running.reporters[i]);
    }
    lr_suite_deinit(&running.suite);
    lr_known_deinit(&running.known);
    return result;
}
