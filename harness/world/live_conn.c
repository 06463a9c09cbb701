/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of our roles: what the socket and the link between them make of bytes, ends and
 * faults. */
#include "world/live_host.h"

#include "base/assert.h"

enum {
    PROBED_AFTER_S = 1,   /* a connection of ours is old enough for keep-alive */
    LEAVE_LINGER_S = 1,   /* for the peer to end, too, when a role leaves the world */
    OBSERVED_LINGER_S = 1 /* for the end of a service that only our client's socket shows */
};

static struct lr_host_conn *conn_of(struct lr_socket *socket) {
    return LR_CONTAINER_OF(socket, struct lr_host_conn, socket);
}

static lr_time now_of(const struct lr_host_conn *conn) {
    return lr_live_clock(conn->socket.live);
}

static enum lr_direction in_of(const struct lr_host_conn *conn) {
    return conn->out == LR_TO_SERVICE ? LR_FROM_SERVICE : LR_TO_SERVICE;
}

static void settle(struct lr_host_conn *conn) {
    if (conn->numbered.host != NULL && !conn->numbered.host->settling) {
        lr_host_settle(conn->numbered.host);
    }
}

/* The last event of a connection must be handed in before its record goes. */
static void settle_end(struct lr_host_conn *conn) {
    while (conn->numbered.known && conn->numbered.pending != 0) {
        lr_host_settle(conn->numbered.host);
    }
}

/* ---- leaving the host ---- */

static void leave_host(struct lr_host_conn *conn) {
    if (conn->numbered.host != NULL) {
        lr_host_forget(&conn->numbered);
        lr_list_remove(&conn->node);
        conn->numbered.host->conn_count--;
        conn->numbered.host = NULL;
    }
}

/* Nothing of this connection's end reaches the peer: it stays, as a dead host's does, until the
 * peer has ended or the world ends. */
static void become_ghost(struct lr_host_conn *conn) {
    leave_host(conn);
    lr_socket_discard(&conn->socket);
    lr_live_unset_alarm(conn->socket.live, &conn->socket.timer);
    if (conn->peer_gone) {
        lr_socket_drop(&conn->socket);
    }
}

/* ---- faults ---- */

static void see_peer_gone(struct lr_socket *socket, int error) {
    struct lr_host_conn *conn = conn_of(socket);
    conn->peer_gone = true;
    if (conn->watched != NULL) {
        if (error != 0) {
            (void)lr_link_reset(&conn->watched->link, now_of(conn), in_of(conn));
        } else {
            (void)lr_link_fin(&conn->watched->link, now_of(conn), in_of(conn));
        }
    }
    if (!conn->numbered.known) {
        lr_socket_drop(socket);
    }
}

/* The probes of the system would still be answered by the peer's, so the world does what they do.
 */
static void begin_silence(struct lr_host_conn *conn) {
    const struct lr_keepalive *keepalive = &conn->keepalive;
    lr_socket_freeze(&conn->socket, see_peer_gone);
    if (conn->socket.lingering) {
        become_ghost(conn);
        return;
    }
    if (keepalive->idle_ns > 0 && conn->numbered.known) {
        uint64_t patience = keepalive->idle_ns + keepalive->interval_ns * keepalive->probes;
        conn->socket.timer.kind = LR_ALARM_SILENCE;
        lr_live_set_alarm(conn->socket.live, &conn->socket.timer,
                          lr_time_add(conn->socket.heard_at, patience));
    }
}

static void pend_half_closed(struct lr_host_conn *conn) {
    if (!conn->half_closed) {
        conn->half_closed = true;
        lr_host_pend(&conn->numbered, LR_PENDING_HALF_CLOSED, 0);
    }
}

static void cut_ends(struct lr_host_conn *conn) {
    const struct lr_link *link = &conn->watched->link;
    if (link->cut[in_of(conn)]) {
        pend_half_closed(conn);
    }
    if (link->cut[conn->out]) {
        lr_socket_cut(&conn->socket);
    }
}

/* Does what a fault wants; what the role hears of it waits. */
static void apply(struct lr_host_conn *conn, enum lr_link_action action) {
    switch (action) {
    case LR_LINK_PASS:
        break;
    case LR_LINK_DROP:
        if (conn->watched->link.black_hole) {
            begin_silence(conn);
        }
        break;
    case LR_LINK_RST:
        conn->end_reason = "fault";
        lr_socket_reset(&conn->socket);
        lr_host_pend(&conn->numbered, LR_PENDING_RESET, UV_ECONNRESET);
        break;
    case LR_LINK_FIN:
    case LR_LINK_HALF_CLOSE:
        cut_ends(conn);
        break;
    case LR_LINK_SHAPE: /* those need a relay */
    case LR_LINK_SPOIL:
        LR_UNREACHABLE();
    }
}

static void act(struct lr_watched *watched, enum lr_link_action action) {
    struct lr_host_conn *conn = watched->user;
    apply(conn, action);
    settle(conn);
}

/* ---- what the socket tells ---- */

static void take_bytes(struct lr_socket *socket, const uint8_t *bytes, size_t size) {
    struct lr_host_conn *conn = conn_of(socket);
    size_t pass = size;
    if (conn->watched != NULL) {
        struct lr_watched *watched = conn->watched;
        apply(conn, lr_link_begin(&watched->link, now_of(conn), in_of(conn), bytes, size));
        apply(conn, lr_link_bytes(&watched->link, now_of(conn), in_of(conn), bytes, size, &pass));
    }
    if (!conn->numbered.known) {
        return;
    }
    struct lr_live_host *host = conn->numbered.host;
    if (pass > 0) {
        struct lr_event event = {
            .kind = LR_EVENT_RECEIVED, .conn = conn->numbered.number, .data = bytes, .size = pass};
        lr_host_hand(host, &event);
    } else {
        lr_host_settle(host);
    }
}

static void take_end(struct lr_socket *socket) {
    struct lr_host_conn *conn = conn_of(socket);
    if (conn->watched == NULL || lr_link_fin(&conn->watched->link, now_of(conn), in_of(conn))) {
        pend_half_closed(conn);
        settle(conn);
    }
}

static bool is_reset(int error) {
    return error == UV_ECONNRESET || error == UV_EPIPE || error == UV_ECONNABORTED;
}

/* The role hears that nobody answers; the socket itself is a ghost from now on. */
static void give_up_silent(struct lr_host_conn *conn) {
    conn->end_reason = "keep-alive";
    if (conn->out == LR_FROM_SERVICE) { /* our service has let go of it: that is the link's end */
        lr_watch_close(conn->socket.live, conn->watched, conn->end_reason);
        conn->watched = NULL;
        conn->socket.tapped = false;
    }
    lr_host_pend(&conn->numbered, LR_PENDING_CLOSED, UV_ETIMEDOUT);
    settle_end(conn);
    become_ghost(conn);
}

static void take_failure(struct lr_socket *socket, int error) {
    struct lr_host_conn *conn = conn_of(socket);
    if (socket->frozen && !socket->closing) {
        give_up_silent(conn);
        return;
    }
    conn->end_reason = conn->end_reason != NULL ? conn->end_reason : uv_err_name(error);
    if (is_reset(error)) {
        if (conn->watched != NULL) {
            (void)lr_link_reset(&conn->watched->link, now_of(conn), in_of(conn));
        }
        lr_host_pend(&conn->numbered, LR_PENDING_RESET, error);
    } else {
        lr_host_pend(&conn->numbered, LR_PENDING_CLOSED, error);
    }
    settle(conn);
}

static void take_progress(struct lr_socket *socket) {
    struct lr_host_conn *conn = conn_of(socket);
    lr_host_pend(&conn->numbered, LR_PENDING_WRITABLE, 0);
    settle(conn);
}

static size_t give_room(struct lr_socket *socket, const uint8_t *bytes, size_t size) {
    struct lr_host_conn *conn = conn_of(socket);
    struct lr_link *link = &conn->watched->link;
    if (!lr_link_has_faults(link)) {
        return SIZE_MAX;
    }
    enum lr_link_action action = lr_link_begin(link, now_of(conn), conn->out, bytes, size);
    if (action != LR_LINK_PASS) {
        apply(conn, action);
        return 0;
    }
    size_t room = lr_link_room(link, conn->out);
    return room < size ? room : size;
}

static void tell_sent(struct lr_socket *socket, const uint8_t *bytes, size_t size) {
    struct lr_host_conn *conn = conn_of(socket);
    size_t pass;
    apply(conn, lr_link_bytes(&conn->watched->link, now_of(conn), conn->out, bytes, size, &pass));
}

static bool tell_finishing(struct lr_socket *socket) {
    struct lr_host_conn *conn = conn_of(socket);
    return conn->watched == NULL || lr_link_fin(&conn->watched->link, now_of(conn), conn->out);
}

static void take_connected(struct lr_socket *socket, int error) {
    lr_dial_done(conn_of(socket), error);
}

/* Keep-alive is for connections that live for long, and takes some system calls. */
static void grow_old(struct lr_socket *socket) {
    lr_socket_keep_alive(socket, &conn_of(socket)->keepalive);
}

static void free_conn(struct lr_socket *socket) {
    struct lr_host_conn *conn = conn_of(socket);
    struct lr_live *live = socket->live;
    if (conn->ports.local != 0) {
        lr_tree_remove(&live->local_ports, &conn->port_node);
        conn->ports.local = 0;
    }
    if (conn->dial != NULL && lr_dial_again(conn)) {
        return;
    }
    lr_watch_close(live, conn->watched, conn->end_reason);
    conn->watched = NULL;
    settle_end(conn);
    LR_ASSERT(!conn->numbered.known);
    leave_host(conn);
    LR_FREE(live->alloc, conn);
}

static const struct lr_socket_ops conn_ops = {
    .connected = take_connected,
    .received = take_bytes,
    .ended = take_end,
    .failed = take_failure,
    .progressed = take_progress,
    .room = give_room,
    .sent = tell_sent,
    .finishing = tell_finishing,
    .aged = grow_old,
    .closed = free_conn,
};

/* ---- what the role wants ---- */

void lr_conn_close(struct lr_host_conn *conn, uint64_t linger_ns) {
    if (conn->dial != NULL) {
        lr_dial_stop(conn);
        lr_socket_drop(&conn->socket);
    } else if (conn->socket.frozen && !conn->socket.closing) {
        lr_socket_discard(&conn->socket);
        (void)tell_finishing(&conn->socket);
        become_ghost(conn);
    } else {
        bool is_observed = conn->watched != NULL && conn->out == LR_TO_SERVICE;
        uint64_t linger_min_ns = is_observed ? OBSERVED_LINGER_S * LR_SECOND : 0;
        lr_socket_close(&conn->socket, linger_ns > linger_min_ns ? linger_ns : linger_min_ns);
    }
}

void lr_conn_reset(struct lr_host_conn *conn) {
    lr_dial_stop(conn);
    bool pass = conn->watched == NULL || conn->socket.closing ||
                lr_link_reset(&conn->watched->link, now_of(conn), conn->out) ||
                !conn->watched->link.black_hole;
    if (pass) {
        lr_socket_reset(&conn->socket);
    } else {
        become_ghost(conn);
    }
}

/* What waits to be written is in the role's memory, which goes with the role. */
void lr_conn_leave(struct lr_host_conn *conn, bool graceful) {
    if (!conn->socket.lingering) { /* else it is ended already */
        if (graceful) {
            lr_conn_close(conn, LEAVE_LINGER_S * LR_SECOND);
        } else {
            lr_conn_reset(conn);
        }
    }
    if (!graceful || !lr_socket_adopt(&conn->socket)) {
        lr_socket_discard(&conn->socket);
        if (!conn->socket.frozen) {
            lr_socket_reset(&conn->socket);
        }
    }
    leave_host(conn);
}

/* ---- how it begins ---- */

/* The system gives one local port to connections to several services, so it takes both. */
static int compare_pairs(const struct lr_port_pair *a, const struct lr_port_pair *b) {
    int difference = (int)a->local - (int)b->local;
    return difference != 0 ? difference : (int)a->remote - (int)b->remote;
}

static int compare_ports(const struct lr_tree_node *a, const struct lr_tree_node *b) {
    return compare_pairs(&LR_CONTAINER_OF(a, struct lr_host_conn, port_node)->ports,
                         &LR_CONTAINER_OF(b, struct lr_host_conn, port_node)->ports);
}

static int compare_port(const void *key, const struct lr_tree_node *node) {
    return compare_pairs(key, &LR_CONTAINER_OF(node, const struct lr_host_conn, port_node)->ports);
}

const char *lr_host_name_of_ports(const struct lr_live *live, struct lr_port_pair ports) {
    struct lr_tree_node *node = lr_tree_find(&live->local_ports, &ports, compare_port);
    return node == NULL ? NULL : LR_CONTAINER_OF(node, struct lr_host_conn, port_node)->host_name;
}

void lr_conn_note_ports(struct lr_host_conn *conn, const struct sockaddr_storage *peer) {
    struct sockaddr_storage local;
    struct lr_live *live = conn->socket.live;
    if (live->ledger == NULL) {
        return;
    }
    if (live->local_ports.compare == NULL) {
        lr_tree_init(&live->local_ports, compare_ports);
    }
    lr_socket_address(&conn->socket, false, &local);
    conn->ports = (struct lr_port_pair){lr_address_port(&local), lr_address_port(peer)};
    if (conn->ports.local != 0 && !lr_tree_insert(&live->local_ports, &conn->port_node)) {
        conn->ports.local = 0; /* the same ports of another address of this machine */
    }
}

struct lr_host_conn *lr_conn_new(struct lr_live_host *host) {
    struct lr_host_conn *conn = LR_NEW(host->live->alloc, struct lr_host_conn);
    if (conn != NULL) {
        lr_socket_init(&conn->socket, host->live, &conn_ops);
        conn->out = LR_TO_SERVICE;
        conn->host_name = host->name;
        conn->numbered.host = host;
        lr_list_init(&conn->node);
        lr_list_init(&conn->numbered.pending_node);
        lr_list_append(&host->conns, &conn->node);
        host->conn_count++;
    }
    return conn;
}

/* Reads from now on, and does what a fault of byte 0 wants. */
static void begin(struct lr_host_conn *conn) {
    struct lr_watched *watched = conn->watched;
    lr_socket_read(&conn->socket, true);
    if (watched != NULL && watched->at_opening != LR_LINK_PASS) {
        apply(conn, watched->at_opening);
    }
}

static bool watch(struct lr_host_conn *conn, const struct lr_watch_ends *ends) {
    conn->watched = lr_watch_open(conn->socket.live, ends, conn, act);
    conn->socket.tapped = conn->watched != NULL;
    return conn->watched != NULL;
}

static bool watch_accepted(struct lr_host_conn *conn, struct lr_live_host *host,
                           const struct sockaddr_storage *peer) {
    struct sockaddr_storage local;
    if (host->live->ledger == NULL) {
        return true;
    }
    lr_socket_address(&conn->socket, false, &local);
    if (lr_relay_is_from(host->live, peer, &local)) {
        return true;
    }
    return watch(conn, &(struct lr_watch_ends){.plane = host->plane,
                                               .service = host->name,
                                               .service_address = &local,
                                               .client_address = peer,
                                               .reached_port = lr_address_port(&local)});
}

void lr_conn_accepted(struct lr_listener *listener, struct lr_live_host *host, lr_conn number) {
    struct lr_host_conn *conn = lr_conn_new(host);
    if (conn == NULL) {
        lr_listener_retry(listener, UV_ENOMEM);
        return;
    }
    conn->out = LR_FROM_SERVICE;
    conn->keepalive = listener->keepalive;
    struct lr_address address;
    const struct sockaddr_storage peer = listener->peer;
    if (lr_socket_accept(&conn->socket, listener) != 0) {
        lr_socket_drop(&conn->socket);
        return;
    }
    if (!watch_accepted(conn, host, &peer)) {
        lr_socket_reset(&conn->socket);
        return;
    }
    lr_conn given = lr_outbox_accept(&host->role->outbox);
    if (given == 0) {
        lr_conn_reset(conn);
        return;
    }
    lr_host_number(host, &conn->numbered, given);
    lr_address_split(&peer, &address);
    begin(conn);
    lr_host_hand(
        host, &(struct lr_event){
                  .kind = LR_EVENT_ACCEPTED, .conn = given, .listener = number, .peer = &address});
}

/* Where the service is ours, too, the link is watched there; a foreign one that nobody has named is
 * none of a scenario's. */
static bool watch_connected(struct lr_host_conn *conn, const char *name,
                            const struct sockaddr_storage *address) {
    struct lr_live *live = conn->socket.live;
    struct sockaddr_storage local;
    if (live->ledger == NULL) {
        return true;
    }
    lr_socket_address(&conn->socket, false, &local);
    if (lr_listener_is_ours(live, address, &local)) {
        return true;
    }
    const struct lr_service *service = lr_watch_find_service(live, name, address);
    if (service == NULL) {
        return true;
    }
    const char *program = NULL;
    const struct lr_port_pair ports = {lr_address_port(address), 0};
    return watch(conn,
                 &(struct lr_watch_ends){.plane = service->plane,
                                         .service = service->name,
                                         .service_pid = lr_live_pid_of_ports(live, ports, &program),
                                         .service_address = address,
                                         .client = conn->numbered.host->name,
                                         .client_address = &local});
}

bool lr_conn_begin(struct lr_host_conn *conn, const char *name,
                   const struct sockaddr_storage *address, struct lr_event *event,
                   struct lr_address *peer) {
    if (!watch_connected(conn, name, address)) {
        lr_socket_reset(&conn->socket);
        lr_host_pend(&conn->numbered, LR_PENDING_CONNECT_FAILED, UV_ENOMEM);
        return false;
    }
    lr_address_split(address, peer);
    begin(conn);
    if (conn->keepalive.idle_ns > 0) {
        lr_socket_age(&conn->socket, PROBED_AFTER_S * LR_SECOND);
    }
    *event =
        (struct lr_event){.kind = LR_EVENT_CONNECTED, .conn = conn->numbered.number, .peer = peer};
    return true;
}

void lr_conn_connected(struct lr_host_conn *conn, const char *name,
                       const struct sockaddr_storage *address) {
    struct lr_event event;
    struct lr_address peer;
    if (!lr_conn_begin(conn, name, address, &event, &peer)) {
        settle(conn);
        return;
    }
    lr_host_hand(conn->numbered.host, &event);
    lr_socket_no_delay(&conn->socket);
}
