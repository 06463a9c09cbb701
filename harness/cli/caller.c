/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/caller.h"

#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/platform.h"
#include "cli/service.h"
#include "world/live.h"

enum lr_status lr_caller_init(struct lr_caller *caller, const char *name,
                              const struct lr_log_options *log,
                              const struct lr_client_options *client, struct lr_error *error) {
    memset(caller, 0, sizeof *caller);
    caller->name = name;
    caller->goodbye_ns = client->linger_ns;
    lr_log_init(&caller->log, log, LR_TRACE_WARNING, LR_TRACE_ERROR);
    enum lr_status status = lr_service_seed(&caller->random, error);
    if (status != LR_OK) {
        return status;
    }
    const struct lr_live_options options = {.alloc = lr_alloc_system(), .trace = &caller->log.sink};
    status = lr_live_new(&caller->live, &options, error);
    if (status == LR_OK) {
        status = lr_live_catch_signals(caller->live, error);
    }
    if (status != LR_OK) {
        return status;
    }
    const struct lr_env env = {.alloc = lr_alloc_system(),
                               .device = lr_alloc_system(),
                               .random = &caller->random,
                               .trace = {&caller->log.sink, name}};
    status = lr_client_new(&caller->client, &env, client, error);
    if (status != LR_OK) {
        return status;
    }
    status = lr_live_add(caller->live, lr_client_role(caller->client), name, LR_PLANE_DATA,
                         &caller->host);
    return status == LR_OK ? LR_OK
                           : lr_error_set(error, status, "cannot put a client into the world: %s",
                                          lr_status_text(status));
}

lr_time lr_caller_now(const struct lr_caller *caller) {
    return lr_live_now(caller->live);
}

static void drop_result(struct lr_caller *caller, struct lr_result *result) {
    lr_session_unref(result->session, lr_caller_now(caller), "result dropped");
    lr_result_deinit(result);
}

/* Carries out what the client was asked for, and drops the results that nobody fetched. */
static void end_sessions(struct lr_caller *caller) {
    if (lr_live_signal(caller->live) != 0) {
        lr_platform_signals_default(); /* a second one does not wait for this */
    }
    lr_client_close(caller->client, lr_caller_now(caller));
    lr_live_drain(caller->host);
    lr_time until = lr_time_add(lr_caller_now(caller), caller->goodbye_ns);
    while (lr_live_host_sockets(caller->host) > 0 && lr_caller_now(caller) < until) {
        (void)lr_live_turn(caller->live, until);
    }
    struct lr_result result;
    while (lr_client_next_result(caller->client, &result)) {
        drop_result(caller, &result);
    }
    lr_live_remove(caller->host, true);
}

void lr_caller_deinit(struct lr_caller *caller) {
    if (caller->host != NULL) {
        end_sessions(caller);
    }
    lr_client_free(caller->client);
    lr_live_free(caller->live);
    caller->host = NULL;
    caller->client = NULL;
    caller->live = NULL;
}

bool lr_caller_pass(struct lr_caller *caller, lr_time until) {
    lr_live_drain(caller->host);
    bool going = lr_live_signal(caller->live) == 0;
    while (going && lr_caller_now(caller) < until) {
        going = lr_live_turn(caller->live, until);
    }
    return going;
}

enum lr_status lr_caller_wait(struct lr_caller *caller, lr_op op, lr_time until,
                              struct lr_result *result) {
    lr_live_drain(caller->host);
    for (;;) {
        while (lr_client_next_result(caller->client, result)) {
            if (result->op == op) {
                return LR_OK;
            }
            drop_result(caller, result);
        }
        if (lr_caller_now(caller) >= until) {
            return LR_ETIMEOUT;
        }
        if (!lr_live_turn(caller->live, until)) {
            return LR_ECANCELED;
        }
    }
}

int lr_caller_fail(struct lr_caller *caller, const struct lr_error *error) {
    int signal = caller->live != NULL ? lr_live_signal(caller->live) : 0;
    char text[LR_TRACE_TEXT_MAX];
    if (signal != 0) {
        (void)snprintf(text, sizeof text, "given up on signal %d", signal);
    } else {
        (void)snprintf(text, sizeof text, "%s", error->text);
    }
    if (caller->log.json) {
        lr_log_say(&caller->log, LR_TRACE_ERROR, caller->name, "%s", text);
    } else {
        (void)fprintf(stderr, "lastref %s: %s\n", caller->name, text);
    }
    if (signal != 0) {
        return LR_EXIT_SIGNAL + signal;
    }
    return error->code == LR_ENOMEM ? LR_EXIT_HARNESS : LR_EXIT_FAILED;
}
