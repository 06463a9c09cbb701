/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners of our roles. */
#include "world/live_host.h"

#include <string.h>

struct lr_host_listener {
    struct lr_listener listener; /* first */
    struct lr_numbered numbered;
    struct lr_live *live;
    struct lr_resolve *resolve; /* while its name is asked for */
    uint32_t port_end;
    bool opened; /* given to lr_listener_open: it closes through libuv */
};

static struct lr_host_listener *listener_of(struct lr_numbered *numbered) {
    return LR_CONTAINER_OF(numbered, struct lr_host_listener, numbered);
}

uint16_t lr_serve_port(const struct lr_numbered *numbered) {
    return lr_address_port(
        &LR_CONTAINER_OF(numbered, const struct lr_host_listener, numbered)->listener.address);
}

static void take_connection(struct lr_listener *listener) {
    struct lr_host_listener *serve = LR_CONTAINER_OF(listener, struct lr_host_listener, listener);
    lr_conn_accepted(listener, serve->numbered.host, serve->numbered.number);
}

static void free_listener(struct lr_listener *listener) {
    struct lr_host_listener *serve = LR_CONTAINER_OF(listener, struct lr_host_listener, listener);
    while (serve->numbered.known && serve->numbered.pending != 0) {
        lr_host_settle(serve->numbered.host); /* its failure is heard before its record goes */
    }
    LR_FREE(serve->live->alloc, serve);
}

static void open_at(struct lr_host_listener *serve, const struct sockaddr_storage *address) {
    const int place = serve->numbered.host->place;
    struct sockaddr_storage own = *address;
    serve->opened = true;
    lr_live_settle_address(serve->live, place, &own);
    lr_net_enter(serve->live->net, place);
    int result = lr_listener_open(&serve->listener, serve->live, &own, serve->port_end);
    lr_net_leave(serve->live->net);
    lr_host_pend(&serve->numbered, result == 0 ? LR_PENDING_LISTENING : LR_PENDING_LISTEN_FAILED,
                 result);
}

static void fail(struct lr_host_listener *serve, int error) {
    struct lr_live_host *host = serve->numbered.host;
    lr_host_pend(&serve->numbered, LR_PENDING_LISTEN_FAILED, error);
    while (serve->numbered.known) {
        lr_host_settle(host);
    }
    LR_FREE(serve->live->alloc, serve);
}

static void take_addresses(void *context, int error, const struct addrinfo *addresses) {
    struct lr_host_listener *serve = context;
    serve->resolve = NULL;
    if (error != 0 || addresses == NULL ||
        addresses->ai_addrlen > sizeof(struct sockaddr_storage)) {
        fail(serve, error != 0 ? error : UV_EAI_NONAME);
        return;
    }
    struct sockaddr_storage address;
    memset(&address, 0, sizeof address);
    memcpy(&address, addresses->ai_addr, addresses->ai_addrlen);
    open_at(serve, &address);
    lr_host_settle(serve->numbered.host);
}

void lr_serve_start(struct lr_live_host *host, struct lr_command *command) {
    struct lr_host_listener *serve = LR_NEW(host->live->alloc, struct lr_host_listener);
    const struct lr_address *wanted = command->address;
    if (serve == NULL) {
        lr_host_refuse(host, command->conn, true);
        return;
    }
    serve->live = host->live;
    serve->port_end = command->port_end;
    serve->listener.keepalive = command->keepalive;
    serve->listener.accepted = take_connection;
    serve->listener.closed = free_listener;
    serve->numbered.is_listener = true;
    lr_host_number(host, &serve->numbered, command->conn);
    struct sockaddr_storage address;
    if (lr_address_numeric(wanted->host, wanted->port, &address)) {
        open_at(serve, &address);
        return;
    }
    int result = lr_resolve_start(host->live, wanted->host, wanted->port, true, take_addresses,
                                  serve, &serve->resolve);
    if (result != 0) {
        lr_host_forget(&serve->numbered);
        LR_FREE(host->live->alloc, serve);
        lr_host_refuse(host, command->conn, true);
    }
}

/* The role has ended it, or leaves. */
void lr_serve_stop(struct lr_numbered *numbered) {
    struct lr_host_listener *serve = listener_of(numbered);
    if (serve->opened) {
        lr_listener_close(&serve->listener);
    } else {
        lr_resolve_cancel(serve->resolve);
        LR_FREE(serve->live->alloc, serve);
    }
}
