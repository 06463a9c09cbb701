/* SPDX-License-Identifier: Apache-2.0 */
/* `lastref`: finds the subcommand and hands its part of the line on. */
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "cli/commands.h"
#include "cli/options.h"

#ifndef LR_VERSION
#define LR_VERSION "unknown"
#endif

struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary; /* NULL: not for people, so not told */
};

static const struct subcommand subcommands[] = {
    {"run", lr_cli_run, "runs scenarios and says for every session whether it was released"},
    {"explore", lr_cli_explore, "makes up cases from seeds, and shrinks what breaks"},
    {"report", lr_cli_report, "joins what the shards of an exploration have written"},
    {"show", lr_cli_show, "what a case demands: where it stands, its world, its limit, its source"},
    {"tracker", lr_cli_tracker, "our tracker, in place of python -m tvm.exec.rpc_tracker"},
    {"server", lr_cli_server, "our server, in place of python -m tvm.exec.rpc_server"},
    {"query", lr_cli_query, "what a tracker has, and who holds it"},
    {"call", lr_cli_call, "one remote call from the shell"},
    {"worker", lr_cli_worker, NULL}, /* the last: it is not told */
};

enum { NAMES_TOLD = LR_COUNT_OF(subcommands) - 1 };

static void write_help(FILE *out) {
    (void)fprintf(out, "usage: lastref COMMAND [OPTION..] [ARGUMENT..]\n\n"
                       "Is every RPC session released on time, whatever happens?\n\n");
    for (size_t i = 0; i < NAMES_TOLD; i++) {
        (void)fprintf(out, "  %-9s %s\n", subcommands[i].name, subcommands[i].summary);
    }
    (void)fprintf(out,
                  "\nlastref COMMAND --help tells more; lastref --version which one this is.\n"
                  "Exit status: 0 as wanted, 1 not, 2 wrong usage, 3 not run, 4 lastref failed.\n");
}

static const char *name_at(const void *names, size_t index) {
    const struct subcommand *list = names;
    return index < NAMES_TOLD ? list[index].name : NULL;
}

static int refuse(const char *word) {
    char quoted[64];
    (void)lr_text_quote(quoted, sizeof quoted, lr_text_of(word));
    const char *near = lr_options_nearest(word, name_at, subcommands);
    (void)fprintf(stderr, "lastref: no command %s", quoted);
    if (near != NULL) {
        (void)fprintf(stderr, "; did you mean %s?", near);
    }
    (void)fprintf(stderr, "\nsee: lastref --help\n");
    return LR_EXIT_USAGE;
}

/* Results that could not be written are no results. */
static int finish(int status) {
    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)fprintf(stderr, "lastref: cannot write to standard output\n");
        return status == LR_EXIT_OK ? LR_EXIT_FAILED : status;
    }
    return status;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        write_help(stderr);
        return LR_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        (strcmp(argv[1], "help") == 0 && argc == 2)) {
        write_help(stdout);
        return finish(LR_EXIT_OK);
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("lastref %s\n", LR_VERSION);
        return finish(LR_EXIT_OK);
    }
    for (size_t i = 0; i < LR_COUNT_OF(subcommands); i++) {
        if (strcmp(argv[1], subcommands[i].name) == 0) {
            return finish(subcommands[i].run(argc - 1, argv + 1));
        }
    }
    return refuse(argv[1]);
}
