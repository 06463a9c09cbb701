/* SPDX-License-Identifier: Apache-2.0 */
/* Magic, key, answer. A key that cannot be right, be it malformed, unknown, stale or of a slot in
 * use, gets the protocol's "no match" and FIN. Without a tracker the server's own key is always
 * right, and who brings it while all slots are taken waits, as in the backlog of TVM's listener:
 * the answer comes when a slot is free, in the order in which the keys came; the deadline of the
 * handshake is then met. */
#include <string.h>

#include "rpc/server_internal.h"
#include "rpc/server_session.h"

/* Its matchkey was granted to the client that is turned away, and to no one else: a new one is put
 * now, not when the tracker is next asked what it has granted. */
static void turn_away(struct lr_server_conn *conn, struct lr_server_slot *slot, lr_time now) {
    lr_server_trace(conn->server, now, LR_TRACE_FAILURE, conn->id, "out of memory for a session");
    lr_server_conn_end(conn, LR_SERVER_END_RESET, now, "out of memory for a session");
    slot->known = slot->matchkey != NULL;
    lr_server_slot_offer(slot, now);
}

/* What a client is let in with: our accept, then its session. */
static void admit(struct lr_server_conn *conn, struct lr_server_slot *slot, lr_time now) {
    struct lr_server *server = conn->server;
    struct lr_buf hello;
    lr_buf_init(&hello, server->role.env.alloc);
    if (lr_server_hello_encode(LR_MAGIC_RPC, lr_text_of(server->options.key), &hello) != LR_OK ||
        lr_server_session_begin(conn, slot, now) != LR_OK) {
        lr_buf_deinit(&hello);
        turn_away(conn, slot, now);
        return;
    }
    lr_timers_disarm(&server->timers, &conn->handshake);
    conn->state = LR_SERVER_CONN_SESSION;
    conn->framer.expect = LR_FRAME_PACKET;
    lr_server_conn_send(conn, &hello, now);
}

void lr_server_handshake_refuse(struct lr_server_conn *conn, lr_time now, const char *why) {
    struct lr_server *server = conn->server;
    struct lr_buf answer;
    lr_buf_init(&answer, server->role.env.alloc);
    lr_server_trace(server, now, LR_TRACE_MISMATCH, conn->id,
                    "mismatch key from " LR_ADDRESS_FORMAT ": %s",
                    LR_ADDRESS_WORDS(conn->peer.host, conn->peer.port), why);
    if (lr_server_hello_encode(LR_ANSWER_MISMATCH, lr_text_of(""), &answer) == LR_OK) {
        lr_server_conn_send(conn, &answer, now);
    } else {
        lr_buf_deinit(&answer);
    }
    lr_server_conn_end(conn, LR_SERVER_END_CLOSE, now, why);
}

static void handle_key(struct lr_server_conn *conn, const struct lr_frame *frame, lr_time now) {
    struct lr_server *server = conn->server;
    struct lr_text text = {(const char *)frame->body, frame->kept};
    struct lr_client_key key;
    struct lr_error error;
    bool direct = server->options.tracker_host == NULL;
    if (lr_client_key_parse(text, &key, &error) != LR_OK) {
        lr_server_handshake_refuse(conn, now, error.text);
        return;
    }
    if (direct && !lr_server_slot_key_right(server, key.matchkey)) {
        lr_server_handshake_refuse(conn, now, "not this server's key");
        return;
    }
    conn->timeout_ns = key.timeout_ns;
    struct lr_server_slot *slot = lr_server_slot_match(server, key.matchkey);
    if (slot != NULL && (!direct || lr_list_empty(&server->queue))) {
        admit(conn, slot, now);
    } else if (direct) {
        lr_timers_disarm(&server->timers, &conn->handshake);
        conn->state = LR_SERVER_CONN_QUEUED;
        conn->framer.expect = LR_FRAME_PACKET;
        lr_list_append(&server->queue, &conn->queue);
    } else {
        lr_server_handshake_refuse(conn, now, "no slot has this matchkey: stale, in use or wrong");
    }
}

void lr_server_handshake_frame(struct lr_server_conn *conn, const struct lr_frame *frame,
                               lr_time now) {
    if (conn->state == LR_SERVER_CONN_KEY) {
        handle_key(conn, frame, now);
        return;
    }
    if (lr_word_decode(frame->body) != LR_MAGIC_RPC) {
        lr_server_trace(conn->server, now, LR_TRACE_PEER_ERROR, conn->id,
                        LR_ADDRESS_FORMAT " does not speak this protocol",
                        LR_ADDRESS_WORDS(conn->peer.host, conn->peer.port));
        lr_server_conn_end(conn, LR_SERVER_END_CLOSE, now, "wrong magic");
        return;
    }
    conn->state = LR_SERVER_CONN_KEY;
    conn->framer.expect = LR_FRAME_TEXT;
}

void lr_server_handshake_next(struct lr_server *server, lr_time now) {
    while (!server->stopped && !lr_list_empty(&server->queue)) {
        struct lr_server_conn *conn =
            LR_CONTAINER_OF(server->queue.next, struct lr_server_conn, queue);
        struct lr_server_slot *slot = lr_server_slot_match(server, lr_text_of(server->options.key));
        if (slot == NULL) {
            return;
        }
        lr_list_remove(&conn->queue);
        admit(conn, slot, now);
        lr_server_conn_serve(conn, now); /* what it sent while it waited */
    }
}
