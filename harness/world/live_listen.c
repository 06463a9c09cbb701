/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets: the first free port of a range, and what waits there. */
#include "world/live_internal.h"

#include <string.h>

enum { RETRY_MS = 20, NO_SOCKET = -1 };

static void watch(struct lr_listener *listener);

static void finish(uv_handle_t *handle) {
    struct lr_listener *listener = handle->data;
    listener->closed(listener);
}

/* Out of descriptors, mostly; the log says so, at most once a second. */
static void complain(struct lr_live *live, int error) {
    lr_time now = lr_live_clock(live);
    if (now - live->complained_at >= LR_SECOND) {
        live->complained_at = now;
        lr_trace_emit(&live->trace, now, LR_TRACE_FAILURE, 0, "a connection has to wait: %s",
                      uv_strerror(error));
    }
}

static void offer(struct lr_listener *listener) {
    listener->accepted(listener);
    if (listener->next == NO_SOCKET) {
        watch(listener);
    }
}

static void accept_next(struct lr_listener *listener) {
    int result = lr_system_accept(listener->descriptor, &listener->peer, &listener->next);
    if (result == 0) {
        offer(listener);
    } else if (result != UV_EAGAIN && result != UV_ECONNABORTED) {
        lr_listener_retry(listener, result);
    }
}

static void try_again(uv_timer_t *timer) {
    struct lr_listener *listener = timer->data;
    if (listener->next != NO_SOCKET) {
        offer(listener);
    } else {
        watch(listener);
    }
}

/* Nobody listens meanwhile: who waits would be told of over and over. */
void lr_listener_retry(struct lr_listener *listener, int error) {
    complain(listener->live, error);
    uv_poll_stop(&listener->poll);
    uv_timer_start(&listener->retry, try_again, RETRY_MS, 0);
}

static void take_waiting(uv_poll_t *poll, int status, int events) {
    (void)events;
    if (status == 0) {
        accept_next(poll->data);
    }
}

static void watch(struct lr_listener *listener) {
    if (!uv_is_closing((uv_handle_t *)&listener->poll) &&
        !uv_is_active((uv_handle_t *)&listener->poll)) {
        uv_poll_start(&listener->poll, UV_READABLE, take_waiting);
    }
}

int lr_listener_refuse(struct lr_listener *listener, bool refuse) {
    if (refuse) {
        uv_poll_stop(&listener->poll);
        uv_timer_stop(&listener->retry);
    }
    int result = lr_system_take_connections(listener->descriptor, !refuse);
    if (result == 0 && !refuse) {
        watch(listener);
    }
    return result;
}

uv_os_sock_t lr_listener_take(struct lr_listener *listener) {
    uv_os_sock_t taken = listener->next;
    listener->next = NO_SOCKET;
    return taken;
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
    listener->descriptor = NO_SOCKET;
    listener->next = NO_SOCKET;
    lr_list_init(&listener->node);
    uv_timer_init(&live->loop, &listener->retry);
    listener->retry.data = listener;
    listener->poll.data = listener;
    uv_os_sock_t made;
    int result = find_port(listener, address, port_end, &made);
    if (result == 0) {
        result = uv_poll_init_socket(&live->loop, &listener->poll, made);
        if (result != 0) {
            lr_system_close(made);
        } else {
            listener->descriptor = made;
            result = lr_system_bound_address(made, &listener->address);
        }
    }
    if (result == 0) {
        lr_list_append(&live->listeners, &listener->node);
        watch(listener);
    } else {
        lr_listener_close(listener);
    }
    return result;
}

/* libuv ends the one closed last first, so the timer, with which the listener goes, has to wait. */
static void close_retry(uv_handle_t *poll) {
    struct lr_listener *listener = poll->data;
    uv_close((uv_handle_t *)&listener->retry, finish);
}

void lr_listener_close(struct lr_listener *listener) {
    if (listener->descriptor == NO_SOCKET) {
        if (!uv_is_closing((uv_handle_t *)&listener->retry)) {
            uv_close((uv_handle_t *)&listener->retry, finish);
        }
    } else if (!uv_is_closing((uv_handle_t *)&listener->poll)) {
        lr_list_remove(&listener->node);
        uv_timer_stop(&listener->retry);
        uv_close((uv_handle_t *)&listener->poll, close_retry);
        lr_system_close(listener->descriptor);
        if (listener->next != NO_SOCKET) {
            lr_system_close(lr_listener_take(listener));
        }
    }
}

bool lr_listener_is_ours(const struct lr_live *live, const struct sockaddr_storage *address,
                         const struct sockaddr_storage *local) {
    if (live->net == NULL && !lr_address_is_loopback(address) &&
        !lr_address_same_host(address, local)) {
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
