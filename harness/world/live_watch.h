/* SPDX-License-Identifier: Apache-2.0 */
/* Watched links of the live world, and their faults. */
#ifndef LR_WORLD_LIVE_WATCH_H
#define LR_WORLD_LIVE_WATCH_H

#include "world/live_internal.h"

/* A link with what carries out its faults. |link| is its first member. */
struct lr_watched {
    struct lr_link link;
    void (*act)(struct lr_watched *watched, enum lr_link_action action);
    enum lr_link_action
        at_opening; /* a fault of byte 0 fired: to be done when its ends are ready */
    bool relayed;   /* a relay of ours passes its bytes on */
    void *user;
};

/* What a link leads to. */
struct lr_watch_ends {
    enum lr_plane plane;
    const char *service; /* name */
    int64_t service_pid;
    const struct sockaddr_storage *service_address;
    const char *client; /* name; NULL: found by its address, or unknown */
    const struct sockaddr_storage *client_address;
    uint16_t reached_port; /* the one that the client connected to, where |client| is NULL */
    bool relayed;
};

/* Opens a link. NULL: no memory. The world must have a ledger. */
struct lr_watched *lr_watch_open(struct lr_live *live, const struct lr_watch_ends *ends, void *user,
                                 void (*act)(struct lr_watched *watched,
                                             enum lr_link_action action));
void lr_watch_close(struct lr_live *live, struct lr_watched *watched, const char *reason);
void lr_live_undo(struct lr_live *live, struct lr_fault *fault);
size_t lr_live_storm(struct lr_live *live, const char *service);
/* The foreign service at |address|, or NULL. */
const struct lr_service *lr_watch_find_service(const struct lr_live *live, const char *host,
                                               const struct sockaddr_storage *address);

#endif
