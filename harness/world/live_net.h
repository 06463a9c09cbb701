/* SPDX-License-Identifier: Apache-2.0 */
/* A network of the live world's own, so that a host of it can fall silent below TCP: no FIN, no
 * RST, no acknowledgement, as when its power or its cable goes. Each host is a network namespace of
 * Linux with one address, joined to all others by a router, which is one more; what the router does
 * not pass is gone, and nobody is told. Sockets and programs are of the host that the thread has
 * entered when they are made, and stay there.
 *
 * Nothing of it is seen outside, or stays: no name, no interface, no route of the machine's. */
#ifndef LR_WORLD_LIVE_NET_H
#define LR_WORLD_LIVE_NET_H

#include <stdbool.h>

#include "base/alloc.h"
#include "base/status.h"

struct lr_net;

enum {
    LR_NET_HOSTS_MAX = 64,
    LR_NET_NOWHERE = -1, /* no host: the machine's own network */
    LR_NET_TOGETHER = 0, /* the group in which all hosts are at first */
    LR_NET_ALONE = -1    /* .. and that of a host that reaches nobody */
};

/* Its router, and no host yet. LR_ENOTSUP: the system has no network namespaces, or does not let us
 * have any: |error| says which. LR_ENOMEM, LR_EIO. Free with lr_net_free, after all who live in it.
 * Without the rights of root the process gets a user namespace of its own, and with it loses the
 * machine's network for good: LR_ENOTSUP where it has threads already. */
LR_NODISCARD enum lr_status lr_net_new(struct lr_net **out, struct lr_alloc *alloc,
                                       struct lr_error *error);
void lr_net_free(struct lr_net *net); /* NULL is fine */

/* The host called |name| (kept; borrowed for the net's life), made where there is none of that name
 * yet. LR_ELIMIT: there are LR_NET_HOSTS_MAX. LR_EIO with what the system said. */
LR_NODISCARD enum lr_status lr_net_host(struct lr_net *net, const char *name, int *host,
                                        struct lr_error *error);
/* The address at which the others reach it, as text. Borrowed for the net's life. */
const char *lr_net_address(const struct lr_net *net, int host);

/* What this thread makes from now on is of |host|, until it leaves. NULL as the net and
 * LR_NET_NOWHERE change nothing. */
void lr_net_enter(struct lr_net *net, int host);
void lr_net_leave(struct lr_net *net);

/* Hosts reach each other that are in the same group; LR_NET_ALONE: none. What is under way is
 * lost. LR_EIO. */
LR_NODISCARD enum lr_status lr_net_set_group(struct lr_net *net, int host, int group,
                                             struct lr_error *error);
int lr_net_group(const struct lr_net *net, int host);

#endif
