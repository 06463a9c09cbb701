/* SPDX-License-Identifier: Apache-2.0 */
#include "mocks/peers/deaf_server.h"

#include "rpc/server.h"

static const struct lr_role_ops *honest;
static bool are_deaf;

static void handle(struct lr_role *role, const struct lr_event *event) {
    if (event->kind != LR_EVENT_HALF_CLOSED) {
        honest->handle(role, event);
    }
}

static lr_time deadline(const struct lr_role *role) {
    return honest->deadline(role);
}

static const struct lr_role_ops hard_of_hearing = {
    .name = "hard of hearing", .handle = handle, .deadline = deadline};

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the names are those of
 * --wrap. */
enum lr_status __real_lr_server_new(struct lr_server **out, const struct lr_env *env,
                                    const struct lr_server_options *options,
                                    struct lr_error *error);
enum lr_status __wrap_lr_server_new(struct lr_server **out, const struct lr_env *env,
                                    const struct lr_server_options *options,
                                    struct lr_error *error);

enum lr_status __wrap_lr_server_new(struct lr_server **out, const struct lr_env *env,
                                    const struct lr_server_options *options,
                                    struct lr_error *error) {
    enum lr_status status = __real_lr_server_new(out, env, options, error);
    if (status == LR_OK && are_deaf) {
        honest = lr_server_role(*out)->ops;
        lr_server_role(*out)->ops = &hard_of_hearing;
    }
    return status;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

void lr_deaf_servers(bool deaf) {
    are_deaf = deaf;
}
