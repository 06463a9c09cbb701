/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets: the first free port of a range, and what waits there. */
#include "world/live_internal.h"

#include <string.h>

enum { RETRY_MS = 20 }; /* until memory may be there again */

static void finish(uv_handle_t *handle) {
    struct lr_listener *listener = handle->data;
    listener->closed(listener);
}

/* Out of descriptors, mostly: libuv has refused the peer; the log says so, at most once a second.
 */
static void complain(struct lr_live *live, int error) {
    lr_time now = lr_live_clock(live);
    if (now - live->complained_at >= LR_SECOND) {
        live->complained_at = now;
        lr_trace_emit(&live->trace, now, LR_TRACE_FAILURE, 0, "a connection was refused: %s",
                      uv_strerror(error));
    }
}

static void take_waiting(uv_stream_t *server, int status) {
    struct lr_listener *listener = server->data;
    if (status != 0) {
        complain(listener->live, status);
    } else {
        listener->accepted(listener);
    }
}

static void try_again(uv_timer_t *timer) {
    struct lr_live *live = timer->data;
    LR_LIST_EACH (node, &live->listeners) {
        struct lr_listener *listener = LR_CONTAINER_OF(node, struct lr_listener, node);
        if (listener->waiting) {
            listener->waiting = false;
            listener->accepted(listener);
        }
    }
}

void lr_listener_retry(struct lr_listener *listener) {
    listener->waiting = true;
    complain(listener->live, UV_ENOMEM);
    uv_timer_start(&listener->live->retry, try_again, RETRY_MS, 0);
}

static int find_port(struct lr_listener *listener, const struct sockaddr_storage *address,
                     uint32_t port_end, uv_os_sock_t *out) {
    uint32_t port = lr_address_port(address);
    int result;
    listener->address = *address;
    do {
        lr_address_set_port(&listener->address, (uint16_t)port);
        result = lr_system_listen(&listener->address, &listener->keepalive, out);
        port++;
    } while (result == UV_EADDRINUSE && port > 1 && port < port_end && port <= UINT16_MAX);
    return result;
}

int lr_listener_open(struct lr_listener *listener, struct lr_live *live,
                     const struct sockaddr_storage *address, uint32_t port_end) {
    listener->live = live;
    lr_list_init(&listener->node);
    uv_tcp_init(&live->loop, &listener->tcp);
    listener->tcp.data = listener;
    uv_os_sock_t made;
    int result = find_port(listener, address, port_end, &made);
    if (result == 0) {
        result = uv_tcp_open(&listener->tcp, made);
        if (result != 0) {
            lr_system_close(made);
        }
    }
    if (result == 0) {
        /* It listens already; this makes libuv watch it. */
        result = uv_listen((uv_stream_t *)&listener->tcp, LR_LISTEN_BACKLOG, take_waiting);
    }
    int size = (int)sizeof listener->address;
    if (result == 0) {
        result = uv_tcp_getsockname(&listener->tcp, (struct sockaddr *)&listener->address, &size);
    }
    if (result == 0) {
        lr_list_append(&live->listeners, &listener->node);
    } else {
        lr_listener_close(listener);
    }
    return result;
}

void lr_listener_close(struct lr_listener *listener) {
    if (!uv_is_closing((uv_handle_t *)&listener->tcp)) {
        lr_list_remove(&listener->node);
        uv_close((uv_handle_t *)&listener->tcp, finish);
    }
}

bool lr_listener_is_ours(const struct lr_live *live, const struct sockaddr_storage *address,
                         const struct sockaddr_storage *local) {
    if (!lr_address_is_loopback(address) && !lr_address_same_host(address, local)) {
        return false; /* another machine */
    }
    LR_LIST_EACH (node, &live->listeners) {
        const struct lr_listener *listener = LR_CONTAINER_OF(node, struct lr_listener, node);
        if (lr_address_port(&listener->address) == lr_address_port(address) &&
            (lr_address_is_any(&listener->address) ||
             lr_address_same_host(&listener->address, address))) {
            return true;
        }
    }
    return false;
}
