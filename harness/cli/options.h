/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of every subcommand, from one table: `--name VALUE`, `--name=VALUE`, flags and
 * operands, with `--help` written from the same table. A value lands in a member of the caller's
 * structure of settings; what the member holds before is the default that --help shows. Errors name
 * the option and what is wrong with it. Of an option that is given twice, the last counts. `--`
 * ends the options; a negative number is an operand. */
#ifndef LR_CLI_OPTIONS_H
#define LR_CLI_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "rpc/role.h"

enum lr_option_kind {
    LR_OPTION_HEADING, /* no option: |help| is a line between groups of them */
    LR_OPTION_FLAG,    /* bool, set to true */
    LR_OPTION_TEXT,    /* const char *, borrowed from argv */
    LR_OPTION_COUNT,   /* unsigned integer of |width| bytes, from |min| to |max| */
    LR_OPTION_BYTES,   /* likewise; K, M and G behind it stand for powers of 1024 */
    LR_OPTION_SECONDS, /* uint64_t of ns, from |min| to |max|; on the command line seconds, or a
                          number with its unit: 2, 0.5, 2s, 500ms */
    LR_OPTION_INTEGER, /* int64_t */
    LR_OPTION_ADDRESS, /* struct lr_address: HOST:PORT, [IPV6]:PORT; an empty host is none */
    LR_OPTION_CHOICE   /* unsigned integer of |width| bytes: the index in |choices| */
};

struct lr_option {
    enum lr_option_kind kind;
    const char *name;  /* without the dashes */
    const char *value; /* how --help calls the value: "PORT" */
    size_t offset;     /* of the member in the settings */
    size_t width;      /* its size */
    uint64_t min;
    uint64_t max;               /* 0: as large as |width| holds */
    const char *const *choices; /* NULL-terminated */
    const char *help;
};

/* A row for |member| of the structure |type|; more designated members may follow. */
#define LR_OPTION(option_kind, option_name, option_value, type, member, option_help)               \
    .kind = (option_kind), .name = (option_name), .value = (option_value),                         \
    .offset = offsetof(type, member), .width = sizeof(((type *)NULL)->member),                     \
    .help = (option_help)

/* NOLINTBEGIN(bugprone-macro-parentheses): |type| and |member| name a type and a member. */
/* Rows for |member|, a struct lr_keepalive in |type|. */
#define LR_KEEPALIVE_OPTIONS(type, member)                                                         \
    {LR_OPTION(LR_OPTION_SECONDS, "keepalive-idle", "SECONDS", type, member.idle_ns,               \
               "silence before a peer's host is probed; 0: never")},                               \
        {LR_OPTION(LR_OPTION_SECONDS, "keepalive-interval", "SECONDS", type, member.interval_ns,   \
                   "between probes"),                                                              \
         .min = LR_SECOND},                                                                        \
    {                                                                                              \
        LR_OPTION(LR_OPTION_COUNT, "keepalive-probes", "N", type, member.probes,                   \
                  "unanswered, and the connection is given up"),                                   \
            .min = 1, .max = 100                                                                   \
    }
/* Rows for what struct |options| of a role, |member| in |type|, may wait for a peer in a message.
 */
#define LR_PATIENCE_OPTIONS(type, member)                                                          \
    {LR_OPTION(LR_OPTION_SECONDS, "stalled", "SECONDS", type, member.stalled_ns,                   \
               "for a packet or message that has begun"),                                          \
     .min = LR_MS},                                                                                \
        {LR_OPTION(LR_OPTION_SECONDS, "unread", "SECONDS", type, member.unread_ns,                 \
                   "for a peer that does not read"),                                               \
         .min = LR_MS},                                                                            \
        LR_KEEPALIVE_OPTIONS(type, member.keepalive)
/* NOLINTEND(bugprone-macro-parentheses) */

struct lr_command_line {
    const char *command;  /* "lastref tracker" */
    const char *operands; /* how --help calls them: "FUNCTION [ARGUMENT..]"; "" for none */
    size_t operands_min;
    size_t operands_max;
    const char *summary;  /* a few lines, each with its newline */
    const char *epilogue; /* the same, behind the options; NULL for none */
    const struct lr_option *options;
    size_t option_count;
};

enum { LR_OPTIONS_GO_ON = -1 };

/* Reads argv[1] .. into |settings|, moving the operands to the front: |*operands| is set to them
 * and
 * |*operand_count| to their number. LR_OPTIONS_GO_ON, or the exit status with which the command
 * ends now:
 * --help has been written to stdout, or an error to stderr. */
int lr_options_parse(const struct lr_command_line *line, int argc, char **argv, void *settings,
                     char ***operands, size_t *operand_count);

/* Writes "COMMAND: |sentence|" and where to find help to stderr; returns LR_EXIT_USAGE. */
int lr_options_refuse(const struct lr_command_line *line, const char *format, ...) LR_PRINTF(2, 3);

/* Writes the text of --help to stdout (options_help.c). */
void lr_options_help(const struct lr_command_line *line, const void *settings);
/* The unsigned integer of |width| bytes at |member|. */
uint64_t lr_options_load(const void *member, size_t width);

/* "HOST:PORT" or "[IPV6]:PORT". LR_EINVAL with a sentence; |*address| is then as before. */
LR_NODISCARD enum lr_status lr_options_address(const char *text, struct lr_address *address,
                                               struct lr_error *error);

/* Of |names| the one that was most likely meant by |word|; NULL where none is near. |next| gives
 * the name at |index|, or NULL behind the last. */
const char *lr_options_nearest(const char *word,
                               const char *(*next)(const void *names, size_t index),
                               const void *names);

#endif
