/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/service.h"

#include <string.h>

#include "cli/commands.h"
#include "cli/platform.h"
#include "world/live.h"

/* How long a peer may take to read what a session's end tells it, and to close. */
#define GOODBYE_NS LR_SECOND

enum lr_status lr_service_seed(struct lr_prng *random, struct lr_error *error) {
    uint8_t state[sizeof random->state];
    lr_prng_init(random, 0);
    if (!lr_platform_entropy(state, sizeof state)) {
        return lr_error_set(error, LR_EIO, "the system has no random numbers");
    }
    for (size_t i = 0; i < LR_COUNT_OF(random->state); i++) {
        uint64_t word;
        memcpy(&word, state + i * sizeof word, sizeof word);
        random->state[i] ^=
            word; /* an all-zero state, which would stay so, is as good as impossible */
    }
    return LR_OK;
}

enum lr_status lr_service_init(struct lr_service *service, const char *name,
                               const struct lr_log_options *log, enum lr_trace_level silent_level,
                               struct lr_error *error) {
    memset(service, 0, sizeof *service);
    service->name = name;
    lr_log_init(&service->log, log, LR_TRACE_INFO, silent_level);
    lr_platform_raise_descriptors();
    enum lr_status status = lr_service_seed(&service->random, error);
    if (status != LR_OK) {
        return status;
    }
    const struct lr_live_options options = {.alloc = lr_alloc_system(),
                                            .trace = &service->log.sink};
    status = lr_live_new(&service->live, &options, error);
    if (status == LR_OK) {
        status = lr_live_catch_signals(service->live, error);
    }
    if (status == LR_OK) {
        service->env = (struct lr_env){.alloc = lr_alloc_system(),
                                       .device = lr_alloc_system(),
                                       .random = &service->random,
                                       .storage = lr_live_storage(service->live),
                                       .trace = {&service->log.sink, name}};
    }
    return status;
}

void lr_service_deinit(struct lr_service *service) {
    lr_live_free(service->live);
    service->live = NULL;
}

bool lr_service_port_range(uint16_t port, uint32_t usual_end, uint32_t *port_end) {
    if (*port_end == 0) {
        *port_end = port < usual_end ? usual_end : (uint32_t)port + 1;
    }
    return *port_end > port;
}

void lr_service_tell_host(struct lr_service *service, const char *host, bool chosen) {
    if (!chosen) {
        lr_log_say(
            &service->log, LR_TRACE_INFO, service->name,
            "listening on %s alone, as no --host was given (TVM's default is 0.0.0.0: everybody)",
            host);
    }
}

int lr_service_give_up(struct lr_service *service, const struct lr_error *error) {
    lr_log_say(&service->log, LR_TRACE_ERROR, service->name, "%s", error->text);
    return error->code == LR_EINVAL   ? LR_EXIT_USAGE
           : error->code == LR_ENOMEM ? LR_EXIT_HARNESS
                                      : LR_EXIT_FAILED;
}

/* Turns the world until the role's sockets are gone, or time is up. */
static void say_goodbye(struct lr_service *service, struct lr_live_host *host) {
    lr_time until = lr_time_add(lr_live_now(service->live), GOODBYE_NS);
    while (lr_live_host_sockets(host) > 0 && lr_live_now(service->live) < until) {
        (void)lr_live_turn(service->live, until);
    }
    size_t left = lr_live_host_sockets(host);
    if (left > 0) {
        lr_log_say(&service->log, LR_TRACE_WARNING, service->name,
                   "%zu connections were still open after a second", left);
    }
}

static void tell_signal(struct lr_service *service) {
    lr_platform_signals_default();
    lr_log_say(&service->log, LR_TRACE_INFO, service->name,
               "signal %d: ending cleanly; a second one ends at once",
               lr_live_signal(service->live));
}

static int run_role(struct lr_service *service, const struct lr_service_ops *ops, void *context,
                    struct lr_live_host *host) {
    while (ops->failure(context) == NULL && !ops->stopped(context)) {
        if (!lr_live_turn(service->live, LR_TIME_NEVER)) {
            tell_signal(service);
            ops->stop(context, lr_live_now(service->live));
            lr_live_drain(host);
            break;
        }
    }
    if (ops->failure(context) != NULL) { /* the role has said why, in the log */
        lr_log_say(&service->log, LR_TRACE_ERROR, service->name,
                   "give a free port with --port PORT, or a longer range up to --port-end END "
                   "(exclusive); --host HOST says where");
        return LR_EXIT_FAILED;
    }
    say_goodbye(service, host);
    return LR_EXIT_OK;
}

int lr_service_run(struct lr_service *service, const struct lr_service_ops *ops, void *context) {
    struct lr_error error = {0};
    struct lr_live_host *host;
    enum lr_status status =
        lr_live_add(service->live, ops->role(context), service->name, ops->plane, &host);
    if (status != LR_OK) {
        (void)lr_error_set(&error, status, "cannot put the %s into the world: %s", service->name,
                           lr_status_text(status));
        return lr_service_give_up(service, &error);
    }
    int result = LR_EXIT_HARNESS;
    status = ops->start(context, lr_live_now(service->live));
    if (status == LR_OK) {
        lr_live_drain(host);
        result = run_role(service, ops, context, host);
    } else {
        (void)lr_error_set(&error, status, "cannot start the %s: %s", service->name,
                           lr_status_text(status));
        (void)lr_service_give_up(service, &error);
    }
    lr_live_remove(host, true);
    return result;
}
