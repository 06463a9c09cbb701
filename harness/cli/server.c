/* SPDX-License-Identifier: Apache-2.0 */
/* `lastref server`: the options of `python -m tvm.exec.rpc_server`, its dialect, slots and limits.
 */
#include "rpc/server.h"

#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/service.h"

#define NO_EFFECT " has no effect: all sessions live in this process"

struct settings {
    struct lr_server_options server;
    struct lr_address tracker;
    struct lr_log_options log;
    const char *load_library;
    bool through_proxy;
    bool fork;
    bool no_fork;
};

static const char *const dialects[] = {
    [LR_SPEAK_AUTO] = "auto",
    [LR_SPEAK_LEGACY] = "legacy",
    [LR_SPEAK_FFI] = "ffi",
    NULL,
};

#define ROW(kind_, name_, value_, member_, help_)                                                  \
    LR_OPTION(kind_, name_, value_, struct settings, member_, help_)

static const struct lr_option options[] = {
    {ROW(LR_OPTION_TEXT, "host", "HOST", server.host, "address or name to listen on")},
    {ROW(LR_OPTION_COUNT, "port", "PORT", server.port, "first port to try; 0: any free one")},
    {ROW(LR_OPTION_COUNT, "port-end", "END", server.port_end,
         "ports below it are tried (default: 9199, or PORT + 1)"),
     .min = 1, .max = 65536},
    {ROW(LR_OPTION_ADDRESS, "tracker", "HOST:PORT", tracker,
         "register there; [ADDRESS]:PORT for IPv6. Without it clients connect directly")},
    {ROW(LR_OPTION_TEXT, "key", "KEY", server.key, "the kind of device, which clients ask for")},
    {ROW(LR_OPTION_TEXT, "custom-addr", "HOST", server.custom_host,
         "where clients find this server, if not where the tracker sees it")},
    {ROW(LR_OPTION_CHOICE, "dialect", "auto|legacy|ffi", server.dialect,
         "legacy: TVM 0.8 to 0.20; ffi: from 0.21; auto: ffi, until a client shows that it speaks "
         "the other one"),
     .choices = dialects},
    {ROW(LR_OPTION_COUNT, "sessions", "N", server.sessions_max, "sessions at the same time"),
     .min = 1, .max = 65536},
    {.kind = LR_OPTION_HEADING, .help = "accepted for TVM's sake:"},
    {ROW(LR_OPTION_TEXT, "load-library", "FILE", load_library,
         "refused: no compiled code is ever loaded here")},
    {ROW(LR_OPTION_FLAG, "through-proxy", NULL, through_proxy, "refused: there is no proxy")},
    {ROW(LR_OPTION_FLAG, "fork", NULL, fork, "no effect: all sessions live in this process")},
    {ROW(LR_OPTION_FLAG, "no-fork", NULL, no_fork, "no effect likewise")},
    {.kind = LR_OPTION_HEADING, .help = "limits, beyond which a peer gets an error or is closed:"},
    {ROW(LR_OPTION_BYTES, "key-max", "BYTES", server.key_bytes_max, "a client's key with options"),
     .min = 1, .max = INT32_MAX},
    {ROW(LR_OPTION_BYTES, "packet-max", "BYTES", server.packet_bytes_max, "one packet"), .min = 64,
     .max = INT64_MAX},
    {ROW(LR_OPTION_BYTES, "memory-max", "BYTES", server.memory_bytes_max,
         "device memory and files of one session"),
     .min = 1, .max = INT64_MAX},
    {ROW(LR_OPTION_COUNT, "handles-max", "N", server.handles_max,
         "functions, arrays and allocations of one session"),
     .min = 1, .max = INT32_MAX},
    {ROW(LR_OPTION_BYTES, "backlog-max", "BYTES", server.backlog_bytes_max,
         "packets that wait for a call to end; then the client has to wait"),
     .min = 1, .max = INT32_MAX},
    {ROW(LR_OPTION_BYTES, "unsent-max", "BYTES", server.unsent_bytes_max,
         "answers that the client has not read; then no further packet is served"),
     .min = 1, .max = INT32_MAX},
    {ROW(LR_OPTION_BYTES, "answer-max", "BYTES", server.answer_bytes_max,
         "an answer of the tracker"),
     .min = 64, .max = INT32_MAX},
    {ROW(LR_OPTION_COUNT, "connections-max", "N", server.connections_max, "open connections"),
     .min = 1, .max = INT32_MAX},
    {ROW(LR_OPTION_COUNT, "values-max", "N", server.values.count_max, "values in one packet"),
     .min = 1, .max = INT32_MAX},
    {ROW(LR_OPTION_COUNT, "ndim-max", "N", server.values.ndim_max, "dimensions of an array"),
     .min = 1, .max = LR_NDIM_MAX},
    {ROW(LR_OPTION_SECONDS, "handshake", "SECONDS", server.handshake_ns,
         "until a connection has shown its key"),
     .min = LR_MS},
    {ROW(LR_OPTION_SECONDS, "linger", "SECONDS", server.linger_ns,
         "for a peer to read what we sent last and to close")},
    {ROW(LR_OPTION_SECONDS, "unused", "SECONDS", server.unused_ns,
         "until a granted matchkey that nobody came with is replaced"),
     .min = LR_MS},
    {ROW(LR_OPTION_SECONDS, "connect", "SECONDS", server.connect_ns,
         "for the tracker to accept a connection"),
     .min = LR_MS},
    {ROW(LR_OPTION_SECONDS, "retry-max", "SECONDS", server.retry_max_ns,
         "at most between tries to reach a tracker that is gone"),
     .min = LR_MS},
    LR_PATIENCE_OPTIONS(struct settings, server),
    LR_LOG_OPTIONS(struct settings, log),
};

static const struct lr_command_line line = {
    .command = "lastref server",
    .operands = "",
    .summary =
        "Serves sessions to clients of TVM's RPC: functions, arrays on the CPU, files. Ends and\n"
        "frees everything of a session with it. Takes the options of\n"
        "`python -m tvm.exec.rpc_server`.\n",
    .epilogue =
        "SIGINT and SIGTERM end its sessions and then the program, with exit status 0; a second\n"
        "one ends it at once.\n",
    .options = options,
    .option_count = LR_COUNT_OF(options),
};

LR_SERVICE_OPS(server, LR_PLANE_DATA, LR_TRACE_ERROR);

/* What the table cannot tell. LR_OPTIONS_GO_ON, or the exit status after an error. */
static int check(const struct settings *settings) {
    if (settings->load_library != NULL) {
        return lr_options_refuse(&line,
                                 "option --load-library is not supported: this server holds the "
                                 "functions of TVM's test suite and loads no compiled code, so "
                                 "that whatever a session leaves can be counted");
    }
    if (settings->through_proxy) {
        return lr_options_refuse(&line,
                                 "option --through-proxy is not supported: the server cannot "
                                 "connect to an RPC proxy; clients connect to --host and --port");
    }
    if (settings->server.tracker_host != NULL && settings->server.key[0] == '\0') {
        return lr_options_refuse(&line,
                                 "option --tracker needs --key: the tracker has to know what "
                                 "kind of device this is");
    }
    return LR_OPTIONS_GO_ON;
}

int lr_cli_server(int argc, char **argv) {
    struct settings settings = {.server = lr_server_options_default};
    settings.server.port_end = 0; /* until it is given, or worked out */
    char **operands;
    size_t operand_count;
    int status = lr_options_parse(&line, argc, argv, &settings, &operands, &operand_count);
    if (status != LR_OPTIONS_GO_ON) {
        return status;
    }
    if (settings.tracker.host[0] != '\0') {
        settings.server.tracker_host = settings.tracker.host;
        settings.server.tracker_port = settings.tracker.port;
    }
    status = check(&settings);
    if (status == LR_OPTIONS_GO_ON) {
        status =
            lr_service_port_range(&line, settings.server.port, lr_server_options_default.port_end,
                                  &settings.server.port_end);
    }
    if (status != LR_OPTIONS_GO_ON) {
        return status;
    }
    const char *note = settings.fork      ? "--fork" NO_EFFECT
                       : settings.no_fork ? "--no-fork" NO_EFFECT
                                          : NULL;
    const struct lr_service_settings service = {.options = &settings.server,
                                                .log = &settings.log,
                                                .host = settings.server.host,
                                                .host_chosen = settings.server.host !=
                                                               lr_server_options_default.host,
                                                .note = note,
                                                .goodbye_ns = settings.server.linger_ns};
    return lr_service_run(&service_ops, &service);
}
