/* SPDX-License-Identifier: Apache-2.0 */
/* A role of ours as a program of its own: put into the live world, run until it stops, fails or a
 * signal comes, then ended cleanly. What `lastref tracker` and `lastref server` share. */
#ifndef LR_CLI_SERVICE_H
#define LR_CLI_SERVICE_H

#include "base/prng.h"
#include "cli/log.h"
#include "ledger/ledger.h"
#include "rpc/role.h"

/* A role as the service needs it. LR_SERVICE_OPS makes one. */
struct lr_service_ops {
    const char *name; /* "tracker" */
    enum lr_plane plane;
    enum lr_trace_level silent_level; /* what --silent leaves of the log */
    enum lr_status (*make)(void **role, const struct lr_env *env, const void *options,
                           struct lr_error *error);
    struct lr_role *(*role)(void *role);
    enum lr_status (*start)(void *role, lr_time now);
    void (*stop)(void *role, lr_time now);
    bool (*stopped)(const void *role);
    const struct lr_error *(*failure)(const void *role);
    void (*free)(void *role);
};

/* NOLINTBEGIN(bugprone-macro-parentheses): |kind| is a part of names. */
/* Defines |service_ops| for the role lr_|kind|, whose functions all have the same shapes. */
#define LR_SERVICE_OPS(kind, its_plane, its_silent_level)                                          \
    static enum lr_status make_role(void **role, const struct lr_env *env,                         \
                                    const void *its_options, struct lr_error *error) {             \
        struct lr_##kind *made = NULL;                                                             \
        enum lr_status status = lr_##kind##_new(&made, env, its_options, error);                   \
        *role = made;                                                                              \
        return status;                                                                             \
    }                                                                                              \
    static struct lr_role *role_of(void *role) {                                                   \
        return lr_##kind##_role(role);                                                             \
    }                                                                                              \
    static enum lr_status start_role(void *role, lr_time now) {                                    \
        return lr_##kind##_start(role, now);                                                       \
    }                                                                                              \
    static void stop_role(void *role, lr_time now) {                                               \
        lr_##kind##_stop(role, now);                                                               \
    }                                                                                              \
    static bool role_stopped(const void *role) {                                                   \
        return lr_##kind##_stopped(role);                                                          \
    }                                                                                              \
    static const struct lr_error *role_failure(const void *role) {                                 \
        return lr_##kind##_failure(role);                                                          \
    }                                                                                              \
    static void free_role(void *role) {                                                            \
        lr_##kind##_free(role);                                                                    \
    }                                                                                              \
    static const struct lr_service_ops service_ops = {.name = #kind,                               \
                                                      .plane = (its_plane),                        \
                                                      .silent_level = (its_silent_level),          \
                                                      .make = make_role,                           \
                                                      .role = role_of,                             \
                                                      .start = start_role,                         \
                                                      .stop = stop_role,                           \
                                                      .stopped = role_stopped,                     \
                                                      .failure = role_failure,                     \
                                                      .free = free_role}
/* NOLINTEND(bugprone-macro-parentheses) */

/* What the command line said. */
struct lr_service_settings {
    const void *options; /* of the role */
    const struct lr_log_options *log;
    const char *host;    /* to listen on */
    bool host_chosen;    /* otherwise the log says what is different from TVM's default */
    const char *note;    /* a further line of the log; NULL: none */
    uint64_t goodbye_ns; /* for peers to read what a session's end tells them, and to close */
};

/* Makes the live world and the role in it, runs that to its end and frees both. Returns the exit
 * status: 0 also after SIGINT or SIGTERM, of which a second one ends the process at once. */
int lr_service_run(const struct lr_service_ops *ops, const struct lr_service_settings *settings);

/* Sets |*port_end| where it was not given (0): |usual_end| as in TVM, or just beyond a |port| that
 * is not below that. LR_OPTIONS_GO_ON, or the exit status where it was given and is not beyond
 * |port|. */
int lr_service_port_range(const struct lr_command_line *line, uint16_t port, uint32_t usual_end,
                          uint32_t *port_end);

/* Fills |random| from the system's chance. LR_EIO. */
LR_NODISCARD enum lr_status lr_service_seed(struct lr_prng *random, struct lr_error *error);

#endif
