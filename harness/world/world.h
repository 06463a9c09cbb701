/* SPDX-License-Identifier: Apache-2.0 */
/* A world: the hosts, the links between them, and the time in which they live. One vtable is all
 * that differs between the live world (real sockets and time, world/live.h) and the simulated one
 * (seeded, virtual time, world/sim.h): whoever plays a case asks here and cannot tell which it is.
 *
 * One thread; everything returns to the caller between turns, nothing calls back into it. */
#ifndef LR_WORLD_WORLD_H
#define LR_WORLD_WORLD_H

#include "ledger/ledger.h"
#include "rpc/role.h"
#include "world/host_fault.h"
#include "world/link.h"

struct lr_world;

/* One of our roles in its world. The first member of each world's own. */
struct lr_host {
    struct lr_world *world;
    void *user; /* its owner's */
};

/* What the functions below say. */
struct lr_world_ops {
    const char *name; /* "live", "sim" */
    bool real_time;   /* its time is the machine's: budgets are calibrated */
    lr_time (*now)(const struct lr_world *world);
    bool (*turn)(struct lr_world *world, lr_time until);
    struct lr_storage *(*storage)(struct lr_world *world);
    enum lr_status (*add)(struct lr_world *world, struct lr_role *role, const char *name,
                          enum lr_plane plane, struct lr_host **out);
    void (*drain)(struct lr_host *host);
    void (*remove)(struct lr_host *host, bool graceful);
    uint16_t (*conn_port)(struct lr_host *host, lr_conn conn);
    size_t (*host_sockets)(const struct lr_host *host);
    uint16_t (*free_port)(struct lr_world *world, const char *address);
    enum lr_status (*fault)(struct lr_world *world, uint32_t number, struct lr_fault *fault);
    void (*fault_next)(struct lr_world *world, const char *service, struct lr_fault *fault);
    void (*undo)(struct lr_world *world, struct lr_fault *fault);
    size_t (*storm)(struct lr_world *world, const char *service);
    enum lr_status (*host_fault)(struct lr_host *host, struct lr_host_fault *fault);
    void (*host_heal)(struct lr_host_fault *fault);
    void (*free)(struct lr_world *world);
};

/* The first member of each world. */
struct lr_world {
    const struct lr_world_ops *ops;
};

static inline const char *lr_world_name(const struct lr_world *world) {
    return world->ops->name;
}

static inline bool lr_world_real_time(const struct lr_world *world) {
    return world->ops->real_time;
}

/* The time of this turn, in ns. */
static inline lr_time lr_world_now(const struct lr_world *world) {
    return world->ops->now(world);
}

/* One turn: goes on until something has happened or |until|, handles all of it, returns. False: it
 * was interrupted (a signal). */
static inline bool lr_world_turn(struct lr_world *world, lr_time until) {
    return world->ops->turn(world, until);
}

/* Storage for the sessions of server roles. Borrowed for the world's life. */
static inline struct lr_storage *lr_world_storage(struct lr_world *world) {
    return world->ops->storage(world);
}

/* Puts |role| into the world as |name| (copied). The role must outlive its host. Its links are
 * watched: as a service of |plane| for connections that it accepts. LR_ENOMEM. */
LR_NODISCARD static inline enum lr_status lr_world_add(struct lr_world *world, struct lr_role *role,
                                                       const char *name, enum lr_plane plane,
                                                       struct lr_host **out) {
    return world->ops->add(world, role, name, plane, out);
}

/* Carries out what the role's owner has made it append (after any call of a role's function);
 * events that come of it at once (LISTENING, WRITABLE, ..) are handed to the role before this
 * returns. */
static inline void lr_world_drain(struct lr_host *host) {
    host->world->ops->drain(host);
}

/* Takes the role out: its connections are reset (|graceful| false: as when its process is killed)
 * or closed with FIN. The role hears nothing of it. |host| is gone. */
static inline void lr_world_remove(struct lr_host *host, bool graceful) {
    host->world->ops->remove(host, graceful);
}

/* The local port of the role's connection |conn|: what the ledger knows it by. 0: there is none
 * such. */
static inline uint16_t lr_world_conn_port(struct lr_host *host, lr_conn conn) {
    return host->world->ops->conn_port(host, conn);
}

/* Connections of |host| that are open, lingering ones included. */
static inline size_t lr_world_host_sockets(const struct lr_host *host) {
    return host->world->ops->host_sockets(host);
}

/* A port of |address| at which nobody listens. 0: none. */
static inline uint16_t lr_world_free_port(struct lr_world *world, const char *address) {
    return world->ops->free_port(world, address);
}

/* Arms |fault| on the live link with this number in the ledger, doing at once what it does at once.
 * LR_ENOTFOUND. LR_ENOTSUP: not on this link, in this world (world/fault.h says where it is). */
static inline enum lr_status lr_world_fault(struct lr_world *world, uint32_t number,
                                            struct lr_fault *fault) {
    return world->ops->fault(world, number, fault);
}

/* Arms it on the next link that opens towards the service |service| (copied, at most
 * LR_FAULT_SERVICE_MAX - 1 bytes). Several may wait for the same link. */
static inline void lr_world_fault_next(struct lr_world *world, const char *service,
                                       struct lr_fault *fault) {
    world->ops->fault_next(world, service, fault);
}

/* Disarms it; what it has done to a link and lasts ends. */
static inline void lr_world_undo(struct lr_world *world, struct lr_fault *fault) {
    world->ops->undo(world, fault);
}

/* Resets all links to the service |service| that are open, as one fault: how many they were. */
static inline size_t lr_world_storm(struct lr_world *world, const char *service) {
    return world->ops->storm(world, service);
}

/* Puts |fault| on |host|. Of one kind the newest counts. LR_ENOTSUP: not in this world. */
static inline enum lr_status lr_world_host_fault(struct lr_host *host,
                                                 struct lr_host_fault *fault) {
    return host->world->ops->host_fault(host, fault);
}

/* Takes it off, if it is on one; its receipt stays. */
static inline void lr_world_host_heal(struct lr_host_fault *fault) {
    if (fault->host != NULL) {
        fault->host->world->ops->host_heal(fault);
    }
}

/* Ends everything in it, and frees it. NULL is fine. */
static inline void lr_world_free(struct lr_world *world) {
    if (world != NULL) {
        world->ops->free(world);
    }
}

#endif
