/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines on stderr, from the trace of the roles and from the commands themselves: as TVM's,
 * "2026-11-23 13:54:39.562 INFO bind to 127.0.0.1:28034", or one JSON object a line. Each line is
 * one write. Colour where stderr is a terminal and NO_COLOR is not set. */
#ifndef LR_CLI_LOG_H
#define LR_CLI_LOG_H

#include <stdbool.h>

#include "cli/options.h"
#include "trace/trace.h"

/* What every command understands; embed it in the settings. */
struct lr_log_options {
    bool silent;
    bool verbose;
    bool json;
};

/* NOLINTBEGIN(bugprone-macro-parentheses): |type| and |member| name a type and a member. */
/* Rows for a table of options, |member| being the struct lr_log_options in |type|. */
#define LR_LOG_OPTIONS(type, member)                                                               \
    {.kind = LR_OPTION_HEADING, .help = "log (on stderr):"},                                       \
        {LR_OPTION(LR_OPTION_FLAG, "silent", NULL, type, member.silent,                            \
                   "only what goes wrong, as TVM's --silent")},                                    \
        {LR_OPTION(LR_OPTION_FLAG, "verbose", NULL, type, member.verbose,                          \
                   "every connection, matchkey and call, too")},                                   \
    {                                                                                              \
        LR_OPTION(LR_OPTION_FLAG, "log-json", NULL, type, member.json,                             \
                  "one JSON object a line: time, level, event, role, connection, text")            \
    }

/* NOLINTEND(bugprone-macro-parentheses) */

struct lr_log {
    struct lr_trace_sink sink; /* for roles; borrowed for their life */
    enum lr_trace_level level; /* what is below it is dropped */
    bool json;
    bool colour;
};

/* |silent_level| is what --silent leaves; |usual_level| holds without it. --verbose beats both. */
void lr_log_init(struct lr_log *log, const struct lr_log_options *options,
                 enum lr_trace_level usual_level, enum lr_trace_level silent_level);
/* A line of the command's own, as role |host|. */
void lr_log_say(struct lr_log *log, enum lr_trace_level level, const char *host, const char *format,
                ...) LR_PRINTF(4, 5);

#endif
