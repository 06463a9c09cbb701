/* SPDX-License-Identifier: Apache-2.0 */
/* Of systems that have no network namespaces: there is no such network. */
#include "world/live_net.h"

#include "base/assert.h"

enum lr_status lr_net_new(struct lr_net **out, struct lr_alloc *alloc, struct lr_error *error) {
    (void)out;
    (void)alloc;
    return lr_error_set(error, LR_ENOTSUP, "this system has no network namespaces");
}

void lr_net_free(struct lr_net *net) {
    LR_ASSERT(net == NULL);
}

enum lr_status lr_net_host(struct lr_net *net, const char *name, int *host,
                           struct lr_error *error) {
    (void)net;
    (void)name;
    (void)host;
    (void)error;
    LR_UNREACHABLE();
}

const char *lr_net_address(const struct lr_net *net, int host) {
    (void)net;
    (void)host;
    LR_UNREACHABLE();
}

void lr_net_enter(struct lr_net *net, int host) {
    (void)host;
    LR_ASSERT(net == NULL);
}

void lr_net_leave(struct lr_net *net) {
    LR_ASSERT(net == NULL);
}

enum lr_status lr_net_set_group(struct lr_net *net, int host, int group, struct lr_error *error) {
    (void)net;
    (void)host;
    (void)group;
    (void)error;
    LR_UNREACHABLE();
}

int lr_net_group(const struct lr_net *net, int host) {
    (void)net;
    (void)host;
    LR_UNREACHABLE();
}
