/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/service.h"

#include <string.h>

#include "cli/commands.h"
#include "cli/platform.h"
#include "world/live.h"

struct service {
    const struct lr_service_ops *ops;
    const struct lr_service_settings *settings;
    struct lr_log log;
    struct lr_prng random;
    struct lr_env env; /* for making the role */
    struct lr_live *live;
    void *role; /* as |ops| knows it */
};

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

static enum lr_status init_service(struct service *service, struct lr_error *error) {
    const struct lr_service_ops *ops = service->ops;
    lr_log_init(&service->log, service->settings->log, LR_TRACE_INFO, ops->silent_level);
    lr_platform_raise_descriptors();
    enum lr_status status = lr_service_seed(&service->random, error);
    const struct lr_live_options options = {.alloc = lr_alloc_system(),
                                            .trace = &service->log.sink};
    if (status == LR_OK) {
        status = lr_live_new(&service->live, &options, error);
    }
    if (status == LR_OK) {
        status = lr_live_catch_signals(service->live, error);
    }
    if (status == LR_OK) {
        service->env = (struct lr_env){.alloc = lr_alloc_system(),
                                       .device = lr_alloc_system(),
                                       .random = &service->random,
                                       .storage = lr_live_storage(service->live),
                                       .trace = {&service->log.sink, ops->name}};
        status = ops->make(&service->role, &service->env, service->settings->options, error);
    }
    return status;
}

int lr_service_port_range(const struct lr_command_line *line, uint16_t port, uint32_t usual_end,
                          uint32_t *port_end) {
    if (*port_end == 0) {
        *port_end = port < usual_end ? usual_end : (uint32_t)port + 1;
    }
    return *port_end > port
               ? LR_OPTIONS_GO_ON
               : lr_options_refuse(line, "option --port-end must be beyond --port, which is %u",
                                   (unsigned int)port);
}

static void tell_settings(struct service *service) {
    const struct lr_service_settings *settings = service->settings;
    if (!settings->host_chosen) {
        lr_log_say(
            &service->log, LR_TRACE_INFO, service->ops->name,
            "listening on %s alone, as no --host was given (TVM's default is 0.0.0.0: everybody)",
            settings->host);
    }
    if (settings->note != NULL) {
        lr_log_say(&service->log, LR_TRACE_INFO, service->ops->name, "%s", settings->note);
    }
}

/* Says why the command ends, and returns the exit status for it. */
static int give_up(struct service *service, const struct lr_error *error) {
    lr_log_say(&service->log, LR_TRACE_ERROR, service->ops->name, "%s", error->text);
    return error->code == LR_EINVAL   ? LR_EXIT_USAGE
           : error->code == LR_ENOMEM ? LR_EXIT_HARNESS
                                      : LR_EXIT_FAILED;
}

/* Turns the world until the role's sockets are gone, or time is up. */
static void say_goodbye(struct service *service, struct lr_live_host *host) {
    uint64_t most = service->settings->goodbye_ns;
    lr_time until = lr_time_add(lr_live_now(service->live), most);
    while (lr_live_host_sockets(host) > 0 && lr_live_now(service->live) < until) {
        (void)lr_live_turn(service->live, until);
    }
    size_t left = lr_live_host_sockets(host);
    if (left > 0) {
        char waited[32];
        lr_log_say(&service->log, LR_TRACE_WARNING, service->ops->name,
                   "%zu connections were still open after %s", left,
                   lr_text_duration(waited, sizeof waited, most));
    }
}

static void tell_signal(struct service *service) {
    lr_platform_signals_default();
    lr_log_say(&service->log, LR_TRACE_INFO, service->ops->name,
               "signal %d: ending cleanly; a second one ends at once",
               lr_live_signal(service->live));
}

static int run_role(struct service *service, struct lr_live_host *host) {
    const struct lr_service_ops *ops = service->ops;
    while (ops->failure(service->role) == NULL && !ops->stopped(service->role)) {
        if (!lr_live_turn(service->live, LR_TIME_NEVER)) {
            tell_signal(service);
            ops->stop(service->role, lr_live_now(service->live));
            lr_live_drain(host);
            break;
        }
    }
    if (ops->failure(service->role) != NULL) { /* the role has said why, in the log */
        lr_log_say(&service->log, LR_TRACE_ERROR, ops->name,
                   "give a free port with --port PORT, or a longer range up to --port-end END "
                   "(exclusive); --host HOST says where");
        return LR_EXIT_FAILED;
    }
    say_goodbye(service, host);
    return LR_EXIT_OK;
}

/* Puts the role into the world, runs it and takes it out. */
static int serve(struct service *service) {
    const struct lr_service_ops *ops = service->ops;
    struct lr_error error = {0};
    struct lr_live_host *host;
    enum lr_status status =
        lr_live_add(service->live, ops->role(service->role), ops->name, ops->plane, &host);
    if (status != LR_OK) {
        (void)lr_error_set(&error, status, "cannot put the %s into the world: %s", ops->name,
                           lr_status_text(status));
        return give_up(service, &error);
    }
    int result = LR_EXIT_HARNESS;
    status = ops->start(service->role, lr_live_now(service->live));
    if (status == LR_OK) {
        lr_live_drain(host);
        result = run_role(service, host);
    } else {
        (void)lr_error_set(&error, status, "cannot start the %s: %s", ops->name,
                           lr_status_text(status));
        (void)give_up(service, &error);
    }
    lr_live_remove(host, true);
    return result;
}

int lr_service_run(const struct lr_service_ops *ops, const struct lr_service_settings *settings) {
    struct service service = {.ops = ops, .settings = settings};
    struct lr_error error = {0};
    int result;
    if (init_service(&service, &error) == LR_OK) {
        tell_settings(&service);
        result = serve(&service);
    } else {
        result = give_up(&service, &error);
    }
    /* The role's connections were the world's: it has to be out of there before it goes. */
    ops->free(service.role);
    lr_live_free(service.live);
    return result;
}
