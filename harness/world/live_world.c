/* SPDX-License-Identifier: Apache-2.0 */
/* The live world behind the common face of all worlds. */
#include "world/live_host.h"

#include "base/assert.h"

static struct lr_live *live_of(struct lr_world *world) {
    return LR_CONTAINER_OF(world, struct lr_live, world);
}

static struct lr_live_host *host_of(struct lr_host *host) {
    return LR_CONTAINER_OF(host, struct lr_live_host, base);
}

static lr_time now(const struct lr_world *world) {
    return lr_live_now(LR_CONTAINER_OF(world, const struct lr_live, world));
}

static bool turn(struct lr_world *world, lr_time until) {
    return lr_live_turn(live_of(world), until);
}

static struct lr_storage *storage(struct lr_world *world) {
    return lr_live_storage(live_of(world));
}

static enum lr_status add(struct lr_world *world, struct lr_role *role, const char *name,
                          enum lr_plane plane, struct lr_host **out) {
    struct lr_live_host *host;
    enum lr_status status = lr_live_add(live_of(world), role, name, plane, &host);
    if (status == LR_OK) {
        *out = &host->base;
    }
    return status;
}

static void drain(struct lr_host *host) {
    lr_live_drain(host_of(host));
}

static void take_out(struct lr_host *host, bool graceful) {
    lr_live_remove(host_of(host), graceful);
}

static uint16_t conn_port(struct lr_host *host, lr_conn conn) {
    return lr_live_conn_port(host_of(host), conn);
}

static size_t host_sockets(const struct lr_host *host) {
    return lr_live_host_sockets(LR_CONTAINER_OF(host, const struct lr_live_host, base));
}

/* A relay binds to one, and lets it go. */
static uint16_t free_port(struct lr_world *world, const char *address) {
    struct lr_relay *relay;
    struct lr_address nowhere = {.host = "127.0.0.1", .port = 9};
    if (lr_live_relay(live_of(world), "port", LR_PLANE_CONTROL, address, 0, &nowhere, &relay,
                      NULL) != LR_OK) {
        return 0;
    }
    uint16_t port = lr_relay_port(relay);
    lr_relay_close(relay);
    return port;
}

static enum lr_status fault(struct lr_world *world, uint32_t number, struct lr_fault *fault) {
    return lr_live_fault(live_of(world), number, fault);
}

static void fault_next(struct lr_world *world, const char *service, struct lr_fault *fault) {
    lr_live_fault_next(live_of(world), service, fault);
}

static void undo(struct lr_world *world, struct lr_fault *fault) {
    lr_live_undo(live_of(world), fault);
}

static enum lr_status host_fault(struct lr_host *host, struct lr_host_fault *fault) {
    (void)host;
    (void)fault;
    return LR_ENOTSUP;
}

static void host_heal(struct lr_host_fault *fault) {
    (void)fault;
    LR_UNREACHABLE(); /* none is on any host */
}

static size_t storm(struct lr_world *world, const char *service) {
    return lr_live_storm(live_of(world), service);
}

static void free_world(struct lr_world *world) {
    lr_live_free(live_of(world));
}

const struct lr_world_ops lr_live_ops = {
    .name = "live",
    .real_time = true,
    .now = now,
    .turn = turn,
    .storage = storage,
    .add = add,
    .drain = drain,
    .remove = take_out,
    .conn_port = conn_port,
    .host_sockets = host_sockets,
    .free_port = free_port,
    .fault = fault,
    .fault_next = fault_next,
    .undo = undo,
    .storm = storm,
    .host_fault = host_fault,
    .host_heal = host_heal,
    .free = free_world,
};

struct lr_world *lr_live_world(struct lr_live *live) {
    return &live->world;
}
