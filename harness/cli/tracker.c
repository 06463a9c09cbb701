/* SPDX-License-Identifier: Apache-2.0 */
/* `lastref tracker`: the options of `python -m tvm.exec.rpc_tracker`, and its limits. */
#include "rpc/tracker.h"

#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/service.h"

struct settings {
    struct lr_tracker_options tracker;
    struct lr_log_options log;
};

#define ROW(kind_, name_, value_, member_, help_)                                                  \
    LR_OPTION(kind_, name_, value_, struct settings, member_, help_)

static const struct lr_option options[] = {
    {ROW(LR_OPTION_TEXT, "host", "HOST", tracker.host, "address or name to listen on")},
    {ROW(LR_OPTION_COUNT, "port", "PORT", tracker.port, "first port to try; 0: any free one")},
    {ROW(LR_OPTION_COUNT, "port-end", "END", tracker.port_end,
         "ports below it are tried (default: 9199, or PORT + 1)"),
     .min = 1, .max = 65536},
    {ROW(LR_OPTION_TEXT, "stop-key", "KEY", tracker.stop_key,
         "who sends it with STOP stops the tracker; a random one if not given")},
    {.kind = LR_OPTION_HEADING, .help = "limits, beyond which a connection is refused or closed:"},
    {ROW(LR_OPTION_BYTES, "message-max", "BYTES", tracker.message_bytes_max, "one message"),
     .min = 64, .max = INT32_MAX},
    {ROW(LR_OPTION_BYTES, "key-max", "BYTES", tracker.key_bytes_max,
         "a key, matchkey, user or host"),
     .min = 1, .max = INT32_MAX},
    {ROW(LR_OPTION_COUNT, "connections-max", "N", tracker.connections_max, "open connections"),
     .min = 1, .max = INT32_MAX},
    {ROW(LR_OPTION_COUNT, "entries-max", "N", tracker.entries_max,
         "matchkeys and requests of one connection that wait"),
     .min = 1, .max = INT32_MAX},
    {ROW(LR_OPTION_BYTES, "unsent-max", "BYTES", tracker.unsent_bytes_max,
         "answers that a peer has not read; then no more of it is read"),
     .min = 1, .max = INT32_MAX},
    {ROW(LR_OPTION_BYTES, "backlog-max", "BYTES", tracker.backlog_bytes_max,
         "questions of such a peer that are kept"),
     .min = 1, .max = INT32_MAX},
    {ROW(LR_OPTION_SECONDS, "handshake", "SECONDS", tracker.handshake_ns,
         "until a connection has said who it is"),
     .min = LR_MS},
    LR_PATIENCE_OPTIONS(struct settings, tracker),
    LR_LOG_OPTIONS(struct settings, log),
};

static const struct lr_command_line line = {
    .command = "lastref tracker",
    .operands = "",
    .summary = "Keeps which servers are free under which key and gives them to those who ask.\n"
               "Speaks the protocol of `python -m tvm.exec.rpc_tracker` and takes its options.\n",
    .epilogue = "SIGINT and SIGTERM end it cleanly, with exit status 0; a second one at once.\n",
    .options = options,
    .option_count = LR_COUNT_OF(options),
};

LR_SERVICE_OPS(tracker, LR_PLANE_CONTROL, LR_TRACE_WARNING);

int lr_cli_tracker(int argc, char **argv) {
    struct settings settings = {.tracker = lr_tracker_options_default};
    settings.tracker.port_end = 0; /* until it is given, or worked out */
    char **operands;
    size_t operand_count;
    int status = lr_options_parse(&line, argc, argv, &settings, &operands, &operand_count);
    if (status != LR_OPTIONS_GO_ON) {
        return status;
    }
    status = lr_service_port_range(&line, settings.tracker.port,
                                   lr_tracker_options_default.port_end, &settings.tracker.port_end);
    if (status != LR_OPTIONS_GO_ON) {
        return status;
    }
    const struct lr_service_settings service = {.options = &settings.tracker,
                                                .log = &settings.log,
                                                .host = settings.tracker.host,
                                                .host_chosen = settings.tracker.host !=
                                                               lr_tracker_options_default.host,
                                                .goodbye_ns = LR_SECOND};
    return lr_service_run(&service_ops, &service);
}
