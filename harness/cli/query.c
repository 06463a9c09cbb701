/* SPDX-License-Identifier: Apache-2.0 */
/* `lastref query`: what `python -m tvm.exec.query_rpc_tracker` prints, and who holds which server.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/caller.h"
#include "cli/commands.h"
#include "cli/query_table.h"

/* Between tries with --wait: soon enough for a person, rare enough for the machine. */
#define RETRY_NS (200 * LR_MS)

struct settings {
    const char *host;
    uint16_t port;
    bool held;
    bool json;
    uint64_t wait_ns;
    struct lr_client_options client;
    struct lr_log_options log;
};

#define ROW(kind_, name_, value_, member_, help_)                                                  \
    LR_OPTION(kind_, name_, value_, struct settings, member_, help_)

static const struct lr_option options[] = {
    {ROW(LR_OPTION_TEXT, "host", "HOST", host,
         "of the tracker (default: TVM_TRACKER_HOST, or 127.0.0.1)")},
    {ROW(LR_OPTION_COUNT, "port", "PORT", port,
         "of the tracker (default: TVM_TRACKER_PORT, or 9190)"),
     .min = 1},
    {ROW(LR_OPTION_FLAG, "held", NULL, held, "which client holds which server, since when")},
    {ROW(LR_OPTION_FLAG, "json", NULL, json, "all of it as one JSON object")},
    {ROW(LR_OPTION_SECONDS, "wait", "SECONDS", wait_ns,
         "for a tracker that is not there; 0: it has to be")},
    {.kind = LR_OPTION_HEADING, .help = "limits, beyond which the tracker is left:"},
    {ROW(LR_OPTION_BYTES, "summary-max", "BYTES", client.summary_bytes_max, "its whole summary"),
     .min = 64, .max = INT32_MAX},
    LR_CALLER_OPTIONS(struct settings, client),
    LR_LOG_OPTIONS(struct settings, log),
};

static const struct lr_command_line line = {
    .command = "lastref query",
    .operands = "",
    .summary =
        "Prints the servers of a tracker and how many are free and waited for under each key,\n"
        "as `python -m tvm.exec.query_rpc_tracker` does. Fails at once where there is none.\n",
    .epilogue =
        "--held asks what only lastref's trackers tell; of another one the exit status is 3.\n",
    .options = options,
    .option_count = LR_COUNT_OF(options),
};

static bool can_be_retried(enum lr_status status) {
    return status == LR_EREFUSED || status == LR_ERESET || status == LR_ECLOSED ||
           status == LR_ETIMEOUT || status == LR_EIO;
}

/* Asks until there is an answer, a reason not to, or |until|. */
static enum lr_status ask(struct lr_caller *caller, bool held, lr_time until,
                          struct lr_result *result, struct lr_error *error) {
    for (bool first = true;; first = false) {
        lr_op op;
        enum lr_status status = lr_client_summary(caller->client, lr_caller_now(caller), held, &op);
        if (status == LR_OK) {
            status = lr_caller_wait(caller, op, LR_TIME_NEVER, result);
        }
        if (status != LR_OK) {
            return lr_error_set(error, status, "cannot ask: %s", lr_status_text(status));
        }
        if (result->error.code == LR_OK) {
            return LR_OK;
        }
        *error = result->error;
        lr_result_deinit(result);
        lr_time next = lr_time_add(lr_caller_now(caller), RETRY_NS);
        if (!can_be_retried(error->code) || next > until) {
            return error->code;
        }
        if (first) {
            char left[32];
            lr_log_say(&caller->log, LR_TRACE_WARNING, caller->name, "%s; trying for %s",
                       error->text,
                       lr_text_duration(left, sizeof left, until - lr_caller_now(caller)));
        }
        if (!lr_caller_pass(caller, next)) {
            return lr_error_set(error, LR_ECANCELED, "given up");
        }
    }
}

static int print(struct lr_caller *caller, const struct settings *settings,
                 const struct lr_tracker_answer *summary) {
    struct lr_buf out;
    struct lr_error error;
    lr_buf_init(&out, lr_alloc_system());
    enum lr_status status;
    if (settings->json) {
        status = lr_query_json(summary, lr_text_of(settings->host), settings->port, &out);
    } else {
        status =
            settings->held ? lr_query_held_table(summary, &out) : lr_query_table(summary, &out);
    }
    int result = LR_EXIT_OK;
    if (status != LR_OK) {
        (void)lr_error_set(&error, status, "the tracker's summary cannot be shown: %s",
                           lr_status_text(status));
        result = lr_caller_fail(caller, &error);
    } else {
        if (!settings->json) {
            /* as TVM: an IPv6 address without brackets, here and in the table */
            (void)printf("Tracker address %s:%u\n\n", settings->host, (unsigned int)settings->port);
        }
        (void)fwrite(lr_buf_data(&out), 1, lr_buf_size(&out), stdout);
        (void)fputs(settings->json ? "" : "\n",
                    stdout); /* as print() after a text that ends a line */
    }
    lr_buf_deinit(&out);
    return result;
}

static int answer(struct lr_caller *caller, const struct settings *settings,
                  const struct lr_result *result) {
    if (!result->has_summary) {
        struct lr_error error;
        (void)lr_error_set(&error, LR_EPROTO, "the tracker answered without a summary");
        return lr_caller_fail(caller, &error);
    }
    if (settings->held && !lr_summary_has_held(&result->summary)) {
        struct lr_error error;
        (void)lr_error_set(&error, LR_ENOTSUP,
                           "the tracker at " LR_ADDRESS_FORMAT
                           " does not tell who holds its servers; a `lastref tracker` does",
                           LR_ADDRESS_WORDS(settings->host, settings->port));
        (void)lr_caller_fail(caller, &error);
        return LR_EXIT_NOT_RUN;
    }
    return print(caller, settings, &result->summary);
}

static int query(const struct settings *settings) {
    struct lr_caller caller;
    struct lr_error error = {0};
    struct lr_client_options client = settings->client;
    client.tracker_host = settings->host;
    client.tracker_port = settings->port;
    int exit_status;
    enum lr_status status = lr_caller_init(&caller, "query", &settings->log, &client, &error);
    if (status == LR_OK) {
        struct lr_result result = {.op = 0};
        lr_time until = lr_time_add(lr_caller_now(&caller), settings->wait_ns);
        status = ask(&caller, settings->held || settings->json, until, &result, &error);
        if (status == LR_OK) {
            exit_status = answer(&caller, settings, &result);
            lr_result_deinit(&result);
        } else {
            exit_status = lr_caller_fail(&caller, &error);
        }
    } else {
        exit_status = lr_caller_fail(&caller, &error);
    }
    lr_caller_deinit(&caller);
    return exit_status;
}

/* What was not given comes from the environment, as in TVM. */
static int complete(struct settings *settings) {
    if (settings->host == NULL || settings->host[0] == '\0') {
        const char *host = getenv("TVM_TRACKER_HOST");
        settings->host = host != NULL && host[0] != '\0' ? host : "127.0.0.1";
    }
    if (settings->port == 0) {
        const char *port = getenv("TVM_TRACKER_PORT");
        uint64_t number = 9190;
        if (port != NULL &&
            (lr_text_to_u64(lr_text_of(port), UINT16_MAX, &number) != LR_OK || number == 0)) {
            return lr_options_refuse(&line, "TVM_TRACKER_PORT in the environment is no port: %s",
                                     port);
        }
        settings->port = (uint16_t)number;
    }
    return LR_OPTIONS_GO_ON;
}

int lr_cli_query(int argc, char **argv) {
    struct settings settings = {.client = lr_client_options_default};
    char **operands;
    size_t operand_count;
    int status = lr_options_parse(&line, argc, argv, &settings, &operands, &operand_count);
    if (status == LR_OPTIONS_GO_ON) {
        status = complete(&settings);
    }
    return status != LR_OPTIONS_GO_ON ? status : query(&settings);
}
