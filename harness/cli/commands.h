/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands of `lastref`, one file each. Each takes its own part of the command line, argv[0]
 * being its name, and returns the exit status (docs/commands.md). Results go to stdout, everything
 * else to stderr. */
#ifndef LR_CLI_COMMANDS_H
#define LR_CLI_COMMANDS_H

enum lr_exit_status {
    LR_EXIT_OK = 0,
    LR_EXIT_FAILED = 1,  /* what was asked for did not work out */
    LR_EXIT_USAGE = 2,   /* the command line is wrong */
    LR_EXIT_NOT_RUN = 3, /* it could not be found out */
    LR_EXIT_HARNESS = 4, /* lastref itself failed: memory, descriptors */
    LR_EXIT_SIGNAL =
        128 /* plus the signal's number: given up on SIGINT or SIGTERM before the result */
};

int lr_cli_run(int argc, char **argv);
int lr_cli_explore(int argc, char **argv);
int lr_cli_report(int argc, char **argv);
int lr_cli_show(int argc, char **argv);
/* Not for people: a process that `lastref run` starts to play cases in. */
int lr_cli_worker(int argc, char **argv);
int lr_cli_tracker(int argc, char **argv);
int lr_cli_server(int argc, char **argv);
int lr_cli_query(int argc, char **argv);
int lr_cli_call(int argc, char **argv);

#endif
