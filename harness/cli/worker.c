/* SPDX-License-Identifier: Apache-2.0 */
/* lastref worker: plays cases for `lastref run`, which starts it; not for people. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "scenario/worker.h"

struct worker_settings {
    const char *programs;
    unsigned int trace;
};

static const struct lr_option worker_options[] = {
    {LR_OPTION(LR_OPTION_TEXT, "programs", "FOLDER", struct worker_settings, programs,
               "where the stepped programs of foreign clients are")},
    {LR_OPTION(LR_OPTION_COUNT, "trace", "LEVEL", struct worker_settings, trace,
               "what of the roles' trace is passed on"),
     .max = LR_TRACE_NOTHING},
};

static const struct lr_command_line worker_line = {
    .command = "lastref worker",
    .operands = "",
    .summary = "Plays cases for lastref run, which starts it and gives it its orders.\n",
    .options = worker_options,
    .option_count = LR_COUNT_OF(worker_options),
};

int lr_cli_worker(int argc, char **argv) {
    struct worker_settings settings = {.programs = "scenarios/programs", .trace = LR_TRACE_NOTHING};
    char **operands;
    size_t operand_count;
    int result = lr_options_parse(&worker_line, argc, argv, &settings, &operands, &operand_count);
    if (result != LR_OPTIONS_GO_ON) {
        return result;
    }
    struct lr_error error;
    struct lr_tvm tvm;
    lr_tvm_find(&tvm, settings.programs);
    const struct lr_worker_options options = {.alloc = lr_alloc_system(),
                                              .tvm = &tvm,
                                              .level = (enum lr_trace_level)settings.trace,
                                              .in = stdin,
                                              .out = stdout};
    enum lr_status status = lr_worker_run(&options, &error);
    if (status != LR_OK) {
        (void)fprintf(stderr, "lastref worker: %s\n", error.text);
    }
    return status == LR_OK ? LR_EXIT_OK : status == LR_EPROTO ? LR_EXIT_USAGE : LR_EXIT_HARNESS;
}
