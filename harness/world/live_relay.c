/* SPDX-License-Identifier: Apache-2.0 */
/* A port of ours before a foreign service: what comes passes, in both directions, with
 * back-pressure, FIN and RST; the link is watched, and can be broken, in between. */
#include "world/live_relay.h"

#include "base/assert.h"

enum { RELAY_LINGER_S = 5 }; /* to flush the last bytes once both ends have ended */

struct lr_relay {
    struct lr_listener listener; /* first */
    struct lr_live *live;
    struct lr_list node;
    struct lr_list pairs;
    const char *name;
    int place; /* on the host of the service */
    enum lr_plane plane;
    struct sockaddr_storage target;
};

static struct lr_relay_end *end_of(struct lr_socket *socket) {
    return LR_CONTAINER_OF(socket, struct lr_relay_end, socket);
}

static struct lr_socket *other_of(const struct lr_relay_end *end) {
    return &end->pair
                ->ends[lr_relay_direction(end) == LR_TO_SERVICE ? LR_FROM_SERVICE : LR_TO_SERVICE]
                .socket;
}

void lr_relay_reset_both(struct lr_pair *pair, const char *reason) {
    pair->end_reason = pair->end_reason != NULL ? pair->end_reason : reason;
    lr_socket_reset(&pair->ends[0].socket);
    lr_socket_reset(&pair->ends[1].socket);
}

static void close_when_done(struct lr_pair *pair) {
    if (pair->ends[0].socket.got_end && pair->ends[1].socket.got_end &&
        !lr_pass_holds(&pair->ends[0]) && !lr_pass_holds(&pair->ends[1])) {
        lr_socket_close(&pair->ends[0].socket, RELAY_LINGER_S * LR_SECOND);
        lr_socket_close(&pair->ends[1].socket, RELAY_LINGER_S * LR_SECOND);
    }
}

/* ---- faults ---- */

static void see_peer_gone(struct lr_socket *socket, int error) {
    struct lr_relay_end *end = end_of(socket);
    struct lr_pair *pair = end->pair;
    end->gone = true;
    if (pair->watched != NULL) {
        lr_time now = lr_live_clock(pair->live);
        if (error != 0) {
            (void)lr_link_reset(&pair->watched->link, now, lr_relay_direction(end));
        } else {
            (void)lr_link_fin(&pair->watched->link, now, lr_relay_direction(end));
        }
    }
    if (pair->ends[0].gone && pair->ends[1].gone) {
        lr_socket_drop(&pair->ends[0].socket);
        lr_socket_drop(&pair->ends[1].socket);
    }
}

static void go_on(struct lr_pair *pair) {
    for (int i = 0; i < 2; i++) {
        lr_pass_go_on(&pair->ends[i]);
    }
}

void lr_relay_act(struct lr_watched *watched, enum lr_link_action action) {
    struct lr_pair *pair = watched->user;
    pair->live->handed += action != LR_LINK_PASS ? 1 : 0; /* the turn ends: a fault has fired */
    switch (action) {
    case LR_LINK_PASS:
        break;
    case LR_LINK_DROP:
        if (watched->link.black_hole) {
            lr_socket_freeze(&pair->ends[0].socket, see_peer_gone);
            lr_socket_freeze(&pair->ends[1].socket, see_peer_gone);
        }
        break;
    case LR_LINK_RST:
        lr_relay_reset_both(pair, "fault");
        break;
    case LR_LINK_SHAPE:
    case LR_LINK_SPOIL:
        go_on(pair);
        break;
    case LR_LINK_FIN:
    case LR_LINK_HALF_CLOSE:
        for (int i = 0; i < 2; i++) {
            if (watched->link.cut[i] &&
                !lr_pass_cut(&pair->ends[i])) { /* what has passed before is still delivered */
                lr_socket_shut(other_of(&pair->ends[i]));
            }
        }
        break;
    }
}

/* ---- what the sockets tell ---- */

void lr_relay_send(struct lr_relay_end *end, const uint8_t *bytes, size_t size) {
    struct lr_buf copy;
    lr_buf_init(&copy, end->pair->live->alloc);
    if (lr_buf_append(&copy, bytes, size) != LR_OK) {
        lr_relay_reset_both(end->pair, "out of memory");
        return;
    }
    struct lr_buf *buffers[] = {&copy};
    struct lr_socket *other = other_of(end);
    lr_socket_send(other, buffers, 1);
    if (other->unsent > 0) {
        lr_socket_read(&end->socket, false);
    }
}

static void take_bytes(struct lr_socket *socket, const uint8_t *bytes, size_t size) {
    struct lr_relay_end *end = end_of(socket);
    struct lr_watched *watched = end->pair->watched;
    size_t pass = size;
    enum lr_link_action action = LR_LINK_PASS;
    if (lr_pass_is_used(end)) {
        lr_pass_take(end, bytes, size);
        return;
    }
    if (watched != NULL) {
        action = lr_link_bytes(&watched->link, lr_live_clock(socket->live), lr_relay_direction(end),
                               bytes, size, &pass);
    }
    if (pass > 0) {
        lr_relay_send(end, bytes, pass);
    }
    if (action != LR_LINK_PASS) {
        lr_relay_act(watched, action);
    }
}

static void take_progress(struct lr_socket *socket) {
    struct lr_socket *source = other_of(end_of(socket));
    if (socket->unsent == 0 && !source->closing && !lr_pass_is_full(end_of(source))) {
        lr_socket_read(source, true);
    }
}

void lr_relay_finish(struct lr_relay_end *end) {
    struct lr_watched *watched = end->pair->watched;
    bool pass = end->fin_told
                    ? end->fin_passes
                    : watched == NULL || lr_link_fin(&watched->link, lr_live_clock(end->pair->live),
                                                     lr_relay_direction(end));
    if (pass) {
        lr_socket_shut(other_of(end));
    }
    close_when_done(end->pair);
}

/* The service's own end is told when it comes, whatever is held back before it. */
static void take_end(struct lr_socket *socket) {
    struct lr_relay_end *end = end_of(socket);
    struct lr_watched *watched = end->pair->watched;
    end->ended = lr_pass_holds(end);
    if (!end->ended) {
        lr_relay_finish(end);
    } else if (lr_relay_direction(end) == LR_FROM_SERVICE && watched != NULL) {
        end->fin_passes = lr_link_fin(&watched->link, lr_live_clock(socket->live), LR_FROM_SERVICE);
        end->fin_told = true;
    }
}

static void take_failure(struct lr_socket *socket, int error) {
    struct lr_relay_end *end = end_of(socket);
    struct lr_pair *pair = end->pair;
    bool reset = error == UV_ECONNRESET || error == UV_EPIPE || error == UV_ECONNABORTED;
    if (reset && pair->watched != NULL) {
        (void)lr_link_reset(&pair->watched->link, lr_live_clock(pair->live),
                            lr_relay_direction(end));
    }
    lr_relay_reset_both(pair, uv_err_name(error));
}

static void free_end(struct lr_socket *socket) {
    struct lr_pair *pair = end_of(socket)->pair;
    struct lr_live *live = pair->live;
    pair->open--;
    lr_pass_deinit(end_of(socket));
    if (pair->open == 0) {
        lr_watch_close(live, pair->watched, pair->end_reason);
        lr_list_remove(&pair->node);
        LR_FREE(live->alloc, pair);
    }
}

static void watch_pair(struct lr_pair *pair) {
    struct lr_relay *relay = pair->relay;
    if (pair->live->ledger == NULL) {
        return;
    }
    const char *program = NULL;
    const struct lr_port_pair target = {lr_address_port(&relay->target), 0};
    struct sockaddr_storage client;
    lr_socket_address(&pair->ends[LR_TO_SERVICE].socket, true, &client);
    struct lr_watch_ends ends = {.plane = relay->plane,
                                 .service = relay->name,
                                 .service_pid = lr_live_pid_of_ports(pair->live, target, &program),
                                 .service_address = &relay->target,
                                 .client_address = &client,
                                 .reached_port = lr_relay_port(relay),
                                 .relayed = true};
    pair->watched = lr_watch_open(pair->live, &ends, pair, lr_relay_act);
    if (pair->watched == NULL) {
        lr_relay_reset_both(pair, "out of memory");
    }
}

static void take_connected(struct lr_socket *socket, int error) {
    struct lr_pair *pair = end_of(socket)->pair;
    if (error != 0 || pair->relay == NULL) {
        lr_relay_reset_both(pair, "refused");
        return;
    }
    pair->connected = true;
    watch_pair(pair);
    lr_socket_read(&pair->ends[0].socket, true);
    lr_socket_read(&pair->ends[1].socket, true);
    if (pair->watched != NULL && pair->watched->at_opening != LR_LINK_PASS) {
        lr_relay_act(pair->watched, pair->watched->at_opening);
    }
}

static const struct lr_socket_ops end_ops = {
    .connected = take_connected,
    .received = take_bytes,
    .ended = take_end,
    .failed = take_failure,
    .progressed = take_progress,
    .closed = free_end,
};

/* ---- the relay ---- */

static void take_connection(struct lr_listener *listener) {
    struct lr_relay *relay = LR_CONTAINER_OF(listener, struct lr_relay, listener);
    struct lr_pair *pair = LR_NEW(relay->live->alloc, struct lr_pair);
    if (pair == NULL) {
        lr_listener_retry(listener, UV_ENOMEM);
        return;
    }
    pair->live = relay->live;
    pair->relay = relay;
    pair->open = 2;
    lr_list_init(&pair->node);
    lr_list_append(&relay->pairs, &pair->node);
    for (int i = 0; i < 2; i++) {
        pair->ends[i].pair = pair;
        lr_pass_init(&pair->ends[i]);
        lr_socket_init(&pair->ends[i].socket, relay->live, &end_ops);
    }
    int result = lr_socket_accept(&pair->ends[LR_TO_SERVICE].socket, listener);
    if (result == 0) {
        lr_net_enter(pair->live->net, relay->place);
        result = lr_socket_connect(&pair->ends[LR_FROM_SERVICE].socket, &relay->target, NULL);
        lr_net_leave(pair->live->net);
    }
    if (result == 0) {
        lr_socket_no_delay(&pair->ends[LR_FROM_SERVICE].socket);
        lr_socket_keep_alive(&pair->ends[LR_FROM_SERVICE].socket, &listener->keepalive);
    }
    if (result != 0) {
        lr_relay_reset_both(pair, uv_err_name(result));
    }
}

static void free_relay(struct lr_listener *listener) {
    struct lr_relay *relay = LR_CONTAINER_OF(listener, struct lr_relay, listener);
    LR_FREE(relay->live->alloc, relay);
}

enum lr_status lr_live_relay(struct lr_live *live, const char *name, enum lr_plane plane,
                             const char *host, uint16_t port, const struct lr_address *target,
                             struct lr_relay **out, struct lr_error *error) {
    struct sockaddr_storage address;
    struct lr_relay *relay = LR_NEW(live->alloc, struct lr_relay);
    if (relay == NULL || (relay->name = lr_live_keep_name(live, name)) == NULL) {
        lr_alloc_free(live->alloc, relay, relay == NULL ? 0 : sizeof *relay);
        return lr_error_set(error, LR_ENOMEM, "no memory for a relay");
    }
    if (!lr_address_numeric(host, port, &address) ||
        !lr_address_numeric(target->host, target->port, &relay->target)) {
        LR_FREE(live->alloc, relay);
        return lr_error_set(error, LR_EINVAL, "a relay needs numeric addresses, not %s and %s",
                            host, target->host);
    }
    enum lr_status status = lr_live_place(live, relay->name, &relay->place, error);
    if (status != LR_OK) {
        LR_FREE(live->alloc, relay);
        return status;
    }
    lr_live_settle_address(live, relay->place, &address);
    relay->live = live;
    relay->plane = plane;
    relay->listener.accepted = take_connection;
    relay->listener.closed = free_relay;
    lr_list_init(&relay->pairs);
    lr_list_init(&relay->node);
    lr_net_enter(live->net, relay->place);
    int result = lr_listener_open(&relay->listener, live, &address, (uint32_t)port + 1);
    lr_net_leave(live->net);
    if (result != 0) {
        return lr_error_set(error, lr_uv_status(result), "the relay cannot listen on %s:%u: %s",
                            host, (unsigned int)port, uv_strerror(result));
    }
    lr_list_append(&live->relays, &relay->node);
    *out = relay;
    return LR_OK;
}

uint16_t lr_relay_port(const struct lr_relay *relay) {
    return lr_address_port(&relay->listener.address);
}

void lr_relay_close(struct lr_relay *relay) {
    LR_LIST_EACH (node, &relay->pairs) {
        struct lr_pair *pair = LR_CONTAINER_OF(node, struct lr_pair, node);
        lr_list_remove(node);
        pair->relay = NULL;
        lr_relay_reset_both(pair, "relay closed");
    }
    lr_list_remove(&relay->node);
    lr_listener_close(&relay->listener);
}

void lr_relays_free_all(struct lr_live *live) {
    LR_LIST_EACH (node, &live->relays) {
        lr_relay_close(LR_CONTAINER_OF(node, struct lr_relay, node));
    }
}

enum lr_status lr_relay_refuse(struct lr_relay *relay, struct lr_host_fault *receipt) {
    int result = lr_listener_refuse(&relay->listener, receipt != NULL);
    if (result == 0 && receipt != NULL) { /* whom the system turns away it does not tell of */
        receipt->armed = true;
        receipt->fired++;
        receipt->fired_at = lr_live_clock(relay->live);
    }
    return result == 0 ? LR_OK : LR_EIO;
}

static bool goes_out_from(const struct lr_relay *relay, const struct sockaddr_storage *peer) {
    LR_LIST_EACH (node, &relay->pairs) {
        const struct lr_pair *pair = LR_CONTAINER_OF(node, struct lr_pair, node);
        struct sockaddr_storage own;
        lr_socket_address(&pair->ends[LR_FROM_SERVICE].socket, false, &own);
        if (lr_address_port(&own) == lr_address_port(peer) && lr_address_same_host(&own, peer)) {
            return true;
        }
    }
    return false;
}

/* The system gives one local port to connections to several services, so where it leads is asked,
 * too. */
bool lr_relay_is_from(const struct lr_live *live, const struct sockaddr_storage *peer,
                      const struct sockaddr_storage *reached) {
    LR_LIST_EACH (node, &live->relays) {
        const struct lr_relay *relay = LR_CONTAINER_OF(node, const struct lr_relay, node);
        if (lr_address_port(&relay->target) == lr_address_port(reached) &&
            goes_out_from(relay, peer)) {
            return true;
        }
    }
    return false;
}
