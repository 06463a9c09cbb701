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
    {ROW(LR_OPTION_SECONDS, "handshake", "SECONDS", tracker.handshake_ns,
         "until a connection has said who it is"),
     .min = LR_MS},
    {ROW(LR_OPTION_SECONDS, "stalled", "SECONDS", tracker.stalled_ns,
         "for a message that has begun"),
     .min = LR_MS},
    {ROW(LR_OPTION_SECONDS, "unread", "SECONDS", tracker.unread_ns,
         "for a peer that does not read"),
     .min = LR_MS},
    {ROW(LR_OPTION_SECONDS, "keepalive-idle", "SECONDS", tracker.keepalive.idle_ns,
         "silence before a peer's host is probed; 0: never")},
    {ROW(LR_OPTION_SECONDS, "keepalive-interval", "SECONDS", tracker.keepalive.interval_ns,
         "between probes"),
     .min = LR_SECOND},
    {ROW(LR_OPTION_COUNT, "keepalive-probes", "N", tracker.keepalive.probes,
         "unanswered, and the connection is given up"),
     .min = 1, .max = 100},
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

static struct lr_role *role(void *context) {
    return lr_tracker_role(context);
}

static enum lr_status start(void *context, lr_time now) {
    return lr_tracker_start(context, now);
}

static void stop(void *context, lr_time now) {
    lr_tracker_stop(context, now);
}

static bool stopped(const void *context) {
    return lr_tracker_stopped(context);
}

static const struct lr_error *failure(const void *context) {
    return lr_tracker_failure(context);
}

static const struct lr_service_ops ops = {.plane = LR_PLANE_CONTROL,
                                          .role = role,
                                          .start = start,
                                          .stop = stop,
                                          .stopped = stopped,
                                          .failure = failure};

static int serve(const struct settings *settings) {
    struct lr_service service;
    struct lr_tracker *tracker = NULL;
    struct lr_error error = {0};
    int result;
    enum lr_status status =
        lr_service_init(&service, "tracker", &settings->log, LR_TRACE_WARNING, &error);
    if (status == LR_OK) {
        status = lr_tracker_new(&tracker, &service.env, &settings->tracker, &error);
    }
    if (status == LR_OK) {
        lr_service_tell_host(&service, settings->tracker.host,
                             settings->tracker.host != lr_tracker_options_default.host);
        result = lr_service_run(&service, &ops, tracker);
    } else {
        result = lr_service_give_up(&service, &error);
    }
    /* The role's connections were the world's: it has to be out of there before it goes. */
    lr_tracker_free(tracker);
    lr_service_deinit(&service);
    return result;
}

int lr_cli_tracker(int argc, char **argv) {
    struct settings settings = {.tracker = lr_tracker_options_default};
    settings.tracker.port_end = 0; /* until it is given, or worked out */
    char **operands;
    size_t operand_count;
    int status = lr_options_parse(&line, argc, argv, &settings, &operands, &operand_count);
    if (status != LR_OPTIONS_GO_ON) {
        return status;
    }
    if (!lr_service_port_range(settings.tracker.port, lr_tracker_options_default.port_end,
                               &settings.tracker.port_end)) {
        return lr_options_refuse(&line, "option --port-end must be beyond --port, which is %u",
                                 (unsigned int)settings.tracker.port);
    }
    return serve(&settings);
}
