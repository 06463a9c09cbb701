/* SPDX-License-Identifier: Apache-2.0 */
/* `lastref call`: one session, one call, and whatever happens the session is closed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/caller.h"
#include "cli/commands.h"
#include "cli/value_words.h"

/* A server that keeps to the session's timeout says so itself; this much later we end the call. */
#define TIMEOUT_GRACE_NS (2 * LR_SECOND)

struct settings {
    struct lr_address tracker;
    struct lr_address server;
    const char *key;
    uint64_t timeout_ns;
    struct lr_request_options request;
    struct lr_client_options client;
    struct lr_log_options log;
    const char *function;
};

#define ROW(kind_, name_, value_, member_, help_)                                                  \
    LR_OPTION(kind_, name_, value_, struct settings, member_, help_)

static const struct lr_option options[] = {
    {ROW(LR_OPTION_ADDRESS, "tracker", "HOST:PORT", tracker,
         "ask there for a server; [ADDRESS]:PORT for IPv6")},
    {ROW(LR_OPTION_ADDRESS, "server", "HOST:PORT", server, "or connect straight to this one")},
    {ROW(LR_OPTION_TEXT, "key", "KEY", key,
         "what kind of server; one without a tracker: its --key")},
    {ROW(LR_OPTION_SECONDS, "timeout", "SECONDS", timeout_ns,
         "the session's timeout, which the server keeps; 0: none")},
    {ROW(LR_OPTION_INTEGER, "priority", "N", request.priority,
         "of the request; higher ones are served first")},
    {ROW(LR_OPTION_SECONDS, "wait", "SECONDS", request.wait_ns,
         "at most for a server to be free; 0: as long as it takes")},
    {.kind = LR_OPTION_HEADING, .help = "limits, beyond which the peer is left:"},
    {ROW(LR_OPTION_BYTES, "key-max", "BYTES", client.key_bytes_max, "a key, ours or a server's"),
     .min = 1, .max = INT32_MAX},
    {ROW(LR_OPTION_BYTES, "grant-max", "BYTES", client.grant_bytes_max,
         "the tracker's answer to the request"),
     .min = 16, .max = INT32_MAX},
    {ROW(LR_OPTION_BYTES, "packet-max", "BYTES", client.packet_bytes_max, "one packet, either way"),
     .min = 64, .max = INT64_MAX},
    {ROW(LR_OPTION_BYTES, "text-max", "BYTES", client.text_bytes_max,
         "an answer that holds no data: an exception with its trace"),
     .min = 64, .max = INT64_MAX},
    {ROW(LR_OPTION_COUNT, "values-max", "N", client.values.count_max, "values in one packet"),
     .min = 1, .max = INT32_MAX},
    {ROW(LR_OPTION_COUNT, "ndim-max", "N", client.values.ndim_max, "dimensions of an array"),
     .min = 1, .max = LR_NDIM_MAX},
    {ROW(LR_OPTION_SECONDS, "linger", "SECONDS", client.linger_ns,
         "for the server to read the session's end and to close")},
    LR_CALLER_OPTIONS(struct settings, client),
    LR_LOG_OPTIONS(struct settings, log),
};

static const struct lr_command_line line = {
    .command = "lastref call",
    .operands = "FUNCTION [ARGUMENT..]",
    .operands_min = 1,
    .operands_max = SIZE_MAX,
    .summary =
        "Calls one function on a server and prints its result. The session is closed at the end,\n"
        "however it comes: also on an error, SIGINT or SIGTERM.\n",
    .epilogue =
        "Arguments and results: 5 or i:5 (int), f:0.5 (float), s:text (string), b:00ff (bytes in\n"
        "hex), null; any other word is a string. In strings %XX is a byte of UTF-8. A result that\n"
        "stays on the server is printed as function, array or module.\n\n"
        "  lastref call --tracker 127.0.0.1:9190 --key test rpc.test.addone 41\n",
    .options = options,
    .option_count = LR_COUNT_OF(options),
};

/* Opens a session: one reference, in |*session|. */
static enum lr_status open_session(struct lr_caller *caller, const struct settings *settings,
                                   struct lr_session **session, struct lr_error *error) {
    lr_op op;
    lr_time now = lr_caller_now(caller);
    struct lr_text key = lr_text_of(settings->key);
    enum lr_status status =
        settings->tracker.host[0] != '\0'
            ? lr_client_request(caller->client, now, key, &settings->request, &op)
            : lr_client_connect(caller->client, now, &settings->server, key, settings->timeout_ns,
                                &op);
    struct lr_result result;
    if (status == LR_OK) {
        status = lr_caller_wait(caller, op, LR_TIME_NEVER, &result);
    }
    if (status != LR_OK) {
        return lr_error_set(error, status, "no session: %s", lr_status_text(status));
    }
    *error = result.error;
    *session = result.session;
    lr_result_deinit(&result);
    return error->code;
}

/* The exception's whole text, which may have many lines. */
static void print_exception(const struct lr_result *result) {
    struct lr_text text = {(const char *)lr_buf_data(&result->bytes), lr_buf_size(&result->bytes)};
    while (text.size > 0 && text.data[text.size - 1] == '\n') {
        text.size--;
    }
    if (text.size == 0) {
        text = lr_text_of("(the exception has no text)");
    }
    (void)fputs("lastref call: remote exception: ", stderr);
    (void)fwrite(text.data, 1, text.size, stderr);
    (void)fputc('\n', stderr);
}

static int print_result(struct lr_caller *caller, const struct settings *settings,
                        struct lr_result *result) {
    if (result->error.code == LR_EREMOTE && !caller->log.json) {
        print_exception(result);
        return LR_EXIT_FAILED;
    }
    if (result->error.code == LR_ENOTFOUND) {
        char quoted[80];
        (void)lr_error_set(&result->error, LR_ENOTFOUND, "the server has no function %s",
                           lr_text_quote(quoted, sizeof quoted, lr_text_of(settings->function)));
    }
    if (result->error.code != LR_OK) {
        return lr_caller_fail(caller, &result->error);
    }
    struct lr_buf out;
    struct lr_error error;
    lr_buf_init(&out, lr_alloc_system());
    int exit_status = LR_EXIT_OK;
    if (lr_value_words_show(result, &out) == LR_OK) {
        (void)fwrite(lr_buf_data(&out), 1, lr_buf_size(&out), stdout);
        (void)fputc('\n', stdout);
    } else {
        (void)lr_error_set(&error, LR_ENOMEM, "out of memory for the result");
        exit_status = lr_caller_fail(caller, &error);
    }
    lr_buf_deinit(&out);
    return exit_status;
}

static int call_in(struct lr_caller *caller, const struct settings *settings,
                   const struct lr_value_words *arguments, struct lr_session *session) {
    lr_op op;
    struct lr_result result;
    struct lr_error error;
    lr_time until =
        settings->timeout_ns == 0
            ? LR_TIME_NEVER
            : lr_time_add(lr_caller_now(caller), settings->timeout_ns + TIMEOUT_GRACE_NS);
    enum lr_status status =
        lr_session_call_name(session, lr_caller_now(caller), lr_text_of(settings->function),
                             arguments->items, arguments->count, &op);
    if (status == LR_OK) {
        status = lr_caller_wait(caller, op, until, &result);
    }
    if (status != LR_OK) {
        const struct lr_address *at = lr_session_address(session);
        const struct lr_error *end = status == LR_ECLOSED ? lr_session_end(session) : NULL;
        (void)lr_error_set(&error, status,
                           "the call of %s at " LR_ADDRESS_FORMAT " has not come back: %s",
                           settings->function, LR_ADDRESS_WORDS(at->host, at->port),
                           end != NULL ? end->text : lr_status_text(status));
        return lr_caller_fail(caller, &error);
    }
    int exit_status = print_result(caller, settings, &result);
    lr_result_deinit(&result);
    return exit_status;
}

static int call(const struct settings *settings, const struct lr_value_words *arguments) {
    struct lr_caller caller;
    struct lr_error error = {0};
    struct lr_session *session = NULL;
    struct lr_client_options client = settings->client;
    if (settings->tracker.host[0] != '\0') {
        client.tracker_host = settings->tracker.host;
        client.tracker_port = settings->tracker.port;
    }
    enum lr_status status = lr_caller_init(&caller, "call", &settings->log, &client, &error);
    if (status == LR_OK) {
        status = open_session(&caller, settings, &session, &error);
    }
    int exit_status;
    if (status == LR_OK) {
        exit_status = call_in(&caller, settings, arguments, session);
        lr_session_close(session, lr_caller_now(&caller));
        lr_session_unref(session, lr_caller_now(&caller), "end of the command");
    } else {
        exit_status = lr_caller_fail(&caller, &error);
    }
    lr_caller_deinit(&caller);
    return exit_status;
}

static int check(const struct settings *settings) {
    bool tracker = settings->tracker.host[0] != '\0';
    bool server = settings->server.host[0] != '\0';
    if (tracker == server) {
        return lr_options_refuse(&line, "either --tracker HOST:PORT and --key KEY, or --server "
                                        "HOST:PORT, says where to call");
    }
    if (tracker && settings->key[0] == '\0') {
        return lr_options_refuse(&line,
                                 "option --tracker needs --key: what kind of server to ask for");
    }
    return LR_OPTIONS_GO_ON;
}

int lr_cli_call(int argc, char **argv) {
    struct settings settings = {
        .key = "", .request = lr_request_options_default, .client = lr_client_options_default};
    struct lr_error error = {0};
    struct lr_value_words arguments;
    char **operands;
    size_t operand_count;
    int status = lr_options_parse(&line, argc, argv, &settings, &operands, &operand_count);
    if (status == LR_OPTIONS_GO_ON) {
        status = check(&settings);
    }
    if (status != LR_OPTIONS_GO_ON) {
        return status;
    }
    settings.function = operands[0];
    settings.request.session_timeout_ns = settings.timeout_ns;
    if (lr_value_words_init(&arguments, lr_alloc_system(), (const char *const *)operands + 1,
                            operand_count - 1, &error) == LR_OK) {
        status = call(&settings, &arguments);
    } else {
        status = lr_options_refuse(&line, "argument %s", error.text);
    }
    lr_value_words_deinit(&arguments);
    return status;
}
