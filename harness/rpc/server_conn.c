/* SPDX-License-Identifier: Apache-2.0 */
/* A client's connection: its bytes in order, one packet after the other, and no more than the
 * client reads. While a call runs, or answers wait to be read, later bytes are kept, and beyond a
 * limit the client has to wait. Each connection does its handshake by itself, so a silent one is in
 * nobody's way.
 */
#include <stdio.h>

#include "base/assert.h"
#include "rpc/server_internal.h"
#include "rpc/server_session.h"

static struct lr_server_conn *conn_of(const struct lr_tree_node *node) {
    return LR_CONTAINER_OF(node, struct lr_server_conn, node);
}

static int compare_conns(const struct lr_tree_node *a, const struct lr_tree_node *b) {
    return LR_ORDER(conn_of(a)->id, conn_of(b)->id);
}

static int compare_id(const void *key, const struct lr_tree_node *node) {
    return LR_ORDER(*(const lr_conn *)key, conn_of(node)->id);
}

void lr_server_conns_init(struct lr_server *server) {
    lr_tree_init(&server->conns, compare_conns);
}

struct lr_server_conn *lr_server_conn_find(struct lr_server *server, lr_conn id) {
    struct lr_tree_node *node = lr_tree_find(&server->conns, &id, compare_id);
    return node == NULL ? NULL : conn_of(node);
}

void lr_server_conn_accept(struct lr_server *server, const struct lr_event *event) {
    struct lr_server_conn *conn = NULL;
    if (server->stopped) {
        lr_outbox_reset(&server->role.outbox, event->conn);
        return;
    }
    if (server->conns.count >= server->options.connections_max) {
        lr_server_trace(server, event->now, LR_TRACE_LIMIT, event->conn,
                        "connection of " LR_ADDRESS_FORMAT " refused: there are %zu",
                        LR_ADDRESS_WORDS(event->peer->host, event->peer->port),
                        server->conns.count);
    } else {
        conn = LR_NEW(server->role.env.alloc, struct lr_server_conn);
    }
    if (conn == NULL) {
        lr_outbox_reset(&server->role.outbox, event->conn);
        return;
    }
    conn->server = server;
    conn->id = event->conn;
    conn->peer = *event->peer;
    conn->handshake.kind = LR_SERVER_TIMER_HANDSHAKE;
    conn->stalled.kind = LR_SERVER_TIMER_STALLED;
    conn->unsent_timer.kind = LR_SERVER_TIMER_UNSENT;
    lr_list_init(&conn->queue);
    lr_framer_init(&conn->framer, server->role.env.alloc, LR_FRAME_WORD);
    conn->framer.keep_max = SIZE_MAX;
    lr_buf_init(&conn->backlog, server->role.env.alloc);
    (void)lr_tree_insert(&server->conns, &conn->node); /* numbers are used once */
    lr_timers_arm(&server->timers, &conn->handshake,
                  lr_time_add(event->now, server->options.handshake_ns));
    lr_server_trace(server, event->now, LR_TRACE_CONNECTION, conn->id,
                    "connection from " LR_ADDRESS_FORMAT,
                    LR_ADDRESS_WORDS(conn->peer.host, conn->peer.port));
}

void lr_server_conn_end(struct lr_server_conn *conn, enum lr_server_end how, lr_time now,
                        const char *why) {
    struct lr_server *server = conn->server;
    if (conn->ended) {
        return;
    }
    conn->ended = true;
    if (how == LR_SERVER_END_CLOSE || how == LR_SERVER_END_DONE) {
        bool linger = how == LR_SERVER_END_CLOSE || conn->unsent > 0;
        lr_outbox_close(&server->role.outbox, conn->id, linger ? server->options.linger_ns : 0);
    } else if (how == LR_SERVER_END_RESET) {
        lr_outbox_reset(&server->role.outbox, conn->id);
    }
    lr_timers_disarm(&server->timers, &conn->handshake);
    lr_timers_disarm(&server->timers, &conn->stalled);
    lr_timers_disarm(&server->timers, &conn->unsent_timer);
    lr_tree_remove(&server->conns, &conn->node);
    lr_list_remove(&conn->queue);
    lr_list_append(&server->graves, &conn->queue);
    struct lr_server_slot *slot = NULL;
    if (conn->session != NULL) {
        slot = conn->session->slot;
        lr_server_session_end(conn->session, now, why);
    }
    lr_server_trace(server, now, LR_TRACE_DISCONNECT, conn->id, "%s", why);
    if (slot != NULL) { /* all of the session is released: now it can be requested again */
        lr_server_slot_offer(slot, now);
        lr_server_handshake_next(server, now);
    }
}

void lr_server_conn_bury(struct lr_server *server) {
    LR_LIST_EACH (node, &server->graves) {
        struct lr_server_conn *conn = LR_CONTAINER_OF(node, struct lr_server_conn, queue);
        LR_ASSERT(conn->ended && conn->session == NULL);
        lr_list_remove(&conn->queue);
        lr_framer_deinit(&conn->framer);
        lr_buf_deinit(&conn->backlog);
        LR_FREE(server->role.env.alloc, conn);
    }
}

static bool may_serve(const struct lr_server_conn *conn) {
    return !conn->ended && conn->state != LR_SERVER_CONN_QUEUED &&
           conn->unsent <= conn->server->options.unsent_bytes_max &&
           (conn->session == NULL || conn->session->run == NULL);
}

/* Reading stops while too much waits to be served or to be read by the client. */
static bool too_much_waits(const struct lr_server_conn *conn) {
    const struct lr_server_options *options = &conn->server->options;
    return lr_buf_size(&conn->backlog) > options->backlog_bytes_max ||
           conn->unsent > options->unsent_bytes_max;
}

static void set_paused(struct lr_server_conn *conn, bool paused, lr_time now) {
    if (conn->ended || conn->paused == paused) {
        return;
    }
    if (lr_outbox_signal(&conn->server->role.outbox, conn->id,
                         paused ? LR_COMMAND_PAUSE : LR_COMMAND_RESUME) != LR_OK) {
        lr_server_conn_end(conn, LR_SERVER_END_RESET, now, "out of memory");
        return;
    }
    conn->paused = paused;
}

static void watch_unsent(struct lr_server_conn *conn, lr_time now) {
    lr_timers_arm(&conn->server->timers, &conn->unsent_timer,
                  conn->unsent == 0 ? LR_TIME_NEVER
                                    : lr_time_add(now, conn->server->options.unread_ns));
}

void lr_server_conn_send(struct lr_server_conn *conn, struct lr_buf *bytes, lr_time now) {
    size_t size = lr_buf_size(bytes);
    if (conn->ended || size == 0) {
        lr_buf_deinit(bytes);
        return;
    }
    if (lr_server_send(conn->server, conn->id, bytes) != LR_OK) {
        lr_server_conn_end(conn, LR_SERVER_END_RESET, now, "out of memory for an answer");
        return;
    }
    if (conn->unsent == 0) {
        conn->unsent = size;
        watch_unsent(conn, now);
    } else {
        conn->unsent += size; /* the watch runs from the last progress */
    }
}

static uint64_t frame_limit(const struct lr_server_conn *conn) {
    switch (conn->state) {
    case LR_SERVER_CONN_MAGIC:
        return sizeof(uint32_t);
    case LR_SERVER_CONN_KEY:
    case LR_SERVER_CONN_QUEUED:
        return conn->server->options.key_bytes_max;
    case LR_SERVER_CONN_SESSION:
        return conn->server->options.packet_bytes_max;
    }
    LR_UNREACHABLE();
}

/* The stream cannot be followed: a length that is negative or beyond a limit, or memory ran out. */
static void refuse_stream(struct lr_server_conn *conn, enum lr_status status, lr_time now) {
    struct lr_error error;
    uint64_t limit = frame_limit(conn);
    (void)lr_error_set(&error, status,
                       status == LR_ELIMIT   ? "a packet or key of more than %llu bytes"
                       : status == LR_ENOMEM ? "out of memory for a packet (limit %llu bytes)"
                                             : "a length that no packet or key has (limit %llu)",
                       (unsigned long long)limit);
    lr_server_trace(conn->server, now, status == LR_ELIMIT ? LR_TRACE_LIMIT : LR_TRACE_PEER_ERROR,
                    conn->id, "%s", error.text);
    if (conn->session != NULL) {
        char text[LR_ERROR_TEXT_MAX + 16] = "RPCError: ";
        (void)snprintf(text, sizeof text, "RPCError: %s", error.text);
        lr_server_session_farewell(conn->session, text, true, now);
        lr_server_conn_end(conn, LR_SERVER_END_CLOSE, now, error.text);
    } else if (conn->state == LR_SERVER_CONN_KEY && status != LR_ENOMEM) {
        lr_server_handshake_refuse(conn, now, error.text);
    } else {
        lr_server_conn_end(conn, LR_SERVER_END_RESET, now, error.text);
    }
}

/* Serves frames from |*data| for as long as it may; moves it on. */
static void serve_frames(struct lr_server_conn *conn, const uint8_t **data, size_t *left,
                         lr_time now) {
    while (may_serve(conn)) {
        struct lr_frame frame;
        bool complete;
        conn->framer.size_max = frame_limit(conn);
        enum lr_status status = lr_framer_next(&conn->framer, data, left, &complete, &frame);
        if (status != LR_OK) {
            refuse_stream(conn, status, now);
        } else if (!complete) {
            if (conn->session != NULL) {
                lr_server_device_receive(conn->session);
            }
            return;
        } else if (conn->session != NULL) {
            lr_server_session_packet(conn->session, &frame, now);
        } else {
            lr_server_handshake_frame(conn, &frame, now);
        }
    }
}

/* What has begun must go on: each byte of a packet gives it |stalled_ns| more. */
static void watch_stalled(struct lr_server_conn *conn, lr_time now) {
    bool inside = conn->session != NULL && lr_framer_inside(&conn->framer);
    lr_timers_arm(&conn->server->timers, &conn->stalled,
                  inside ? lr_time_add(now, conn->server->options.stalled_ns) : LR_TIME_NEVER);
}

static void receive(struct lr_server_conn *conn, const struct lr_event *event) {
    const uint8_t *data = event->data;
    size_t left = event->size;
    if (lr_buf_size(&conn->backlog) == 0) {
        serve_frames(conn, &data, &left, event->now);
    }
    if (conn->ended) {
        return;
    }
    if (left > 0 && lr_buf_append(&conn->backlog, data, left) != LR_OK) {
        lr_server_conn_end(conn, LR_SERVER_END_RESET, event->now, "out of memory for a packet");
        return;
    }
    watch_stalled(conn, event->now);
    set_paused(conn, too_much_waits(conn), event->now);
}

void lr_server_conn_serve(struct lr_server_conn *conn, lr_time now) {
    const uint8_t *data = lr_buf_data(&conn->backlog);
    size_t size = lr_buf_size(&conn->backlog);
    size_t left = size;
    if (left > 0) {
        serve_frames(conn, &data, &left, now);
    }
    if (conn->ended) {
        return;
    }
    lr_buf_consume(&conn->backlog, size - left);
    watch_stalled(conn, now);
    set_paused(conn, too_much_waits(conn), now);
}

static const char *end_reason(const struct lr_server_conn *conn, const struct lr_event *event) {
    if (event->kind == LR_EVENT_RESET) {
        return "the client reset the connection";
    }
    if (event->kind == LR_EVENT_CLOSED) {
        return event->reason != NULL ? event->reason : "the connection is lost";
    }
    return lr_framer_inside(&conn->framer) ? "the client closed inside a packet"
                                           : "the client closed";
}

void lr_server_conn_handle(struct lr_server_conn *conn, const struct lr_event *event) {
    switch (event->kind) {
    case LR_EVENT_RECEIVED:
        receive(conn, event);
        break;
    case LR_EVENT_WRITABLE:
        conn->unsent = event->unsent;
        watch_unsent(conn, event->now);
        if (may_serve(conn)) {
            lr_server_conn_serve(conn, event->now);
        }
        break;
    case LR_EVENT_HALF_CLOSED: /* a client that sends no more has ended its session */
        if (conn->session != NULL && lr_framer_inside(&conn->framer)) {
            lr_server_session_farewell(conn->session, NULL, true, event->now); /* as TVM's */
        }
        lr_server_conn_end(conn, LR_SERVER_END_CLOSE, event->now, end_reason(conn, event));
        break;
    case LR_EVENT_CLOSED:
    case LR_EVENT_RESET:
        lr_server_conn_end(conn, LR_SERVER_END_GONE, event->now, end_reason(conn, event));
        break;
    case LR_EVENT_LISTENING:
    case LR_EVENT_LISTEN_FAILED:
    case LR_EVENT_ACCEPTED:
    case LR_EVENT_CONNECTED:
    case LR_EVENT_CONNECT_FAILED:
    case LR_EVENT_EXPIRED:
        LR_UNREACHABLE();
    }
}

void lr_server_conn_handshake_timer(struct lr_server *server, struct lr_timer *timer, lr_time now) {
    struct lr_server_conn *conn = LR_CONTAINER_OF(timer, struct lr_server_conn, handshake);
    lr_server_trace(server, now, LR_TRACE_LIMIT, conn->id,
                    LR_ADDRESS_FORMAT ": handshake not finished in time",
                    LR_ADDRESS_WORDS(conn->peer.host, conn->peer.port));
    lr_server_conn_end(conn, LR_SERVER_END_RESET, now, "handshake not finished in time");
}

void lr_server_conn_stalled_timer(struct lr_server *server, struct lr_timer *timer, lr_time now) {
    struct lr_server_conn *conn = LR_CONTAINER_OF(timer, struct lr_server_conn, stalled);
    lr_server_trace(server, now, LR_TRACE_LIMIT, conn->id, "a packet began and did not go on");
    if (conn->session != NULL) {
        lr_server_session_farewell(conn->session,
                                   "RPCError: a packet began and did not go on in time", true, now);
    }
    lr_server_conn_end(conn, LR_SERVER_END_CLOSE, now, "a packet began and did not go on");
}

void lr_server_conn_unsent_timer(struct lr_server *server, struct lr_timer *timer, lr_time now) {
    struct lr_server_conn *conn = LR_CONTAINER_OF(timer, struct lr_server_conn, unsent_timer);
    lr_server_trace(server, now, LR_TRACE_LIMIT, conn->id,
                    "%zu bytes that the client does not read", conn->unsent);
    lr_server_conn_end(conn, LR_SERVER_END_RESET, now, "the client does not read");
}
