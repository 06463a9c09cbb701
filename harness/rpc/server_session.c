/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/server_session.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "rpc/server_functions.h"
#include "rpc/server_text.h"

/* A client that left sooner than this after the answer to InitServer may not have understood it. */
#define LEFT_AT_ONCE_NS LR_SECOND

static enum lr_dialect first_dialect(struct lr_server *server, const char *host) {
    if (server->options.dialect == LR_SPEAK_AUTO) {
        return lr_server_dialect_guess(&server->dialects, host);
    }
    return server->options.dialect == LR_SPEAK_LEGACY ? LR_DIALECT_LEGACY : LR_DIALECT_FFI;
}

enum lr_status lr_server_session_begin(struct lr_server_conn *conn, struct lr_server_slot *slot,
                                       lr_time now) {
    struct lr_server *server = conn->server;
    LR_ASSERT(slot->session == NULL && conn->session == NULL);
    struct lr_server_session *session = LR_NEW(server->role.env.alloc, struct lr_server_session);
    if (session == NULL) {
        return LR_ENOMEM;
    }
    session->server = server;
    session->conn = conn;
    session->slot = slot;
    session->memory = (struct lr_server_memory){.device = server->role.env.device,
                                                .alloc = server->role.env.alloc,
                                                .limit_bytes = server->options.memory_bytes_max};
    lr_server_handles_init(&session->handles, server->role.env.alloc, &server->handle_sequence,
                           server->options.handles_max, session);
    lr_server_files_init(session);
    session->dialect = first_dialect(server, conn->peer.host);
    session->proven = server->options.dialect != LR_SPEAK_AUTO;
    session->begun_at = now;
    session->timeout.kind = LR_SERVER_TIMER_SESSION;
    session->run_timer.kind = LR_SERVER_TIMER_RUN;
    if (conn->timeout_ns != 0 && conn->timeout_ns != LR_TIME_NEVER) {
        lr_timers_arm(&server->timers, &session->timeout, lr_time_add(now, conn->timeout_ns));
    }
    conn->session = session;
    slot->session = session;
    slot->known = slot->matchkey != NULL;
    lr_timers_disarm(&server->timers, &slot->timer);
    server->counts.sessions_begun++;
    lr_server_trace(server, now, LR_TRACE_SESSION_BEGIN, conn->id,
                    "connected from " LR_ADDRESS_FORMAT,
                    LR_ADDRESS_WORDS(conn->peer.host, conn->peer.port));
    return LR_OK;
}

/* A session that was opened and left without a call tells something of the client's dialect. */
static void judge_dialect(const struct lr_server_session *session, lr_time now) {
    struct lr_server *server = session->server;
    if (session->proven || !session->initialised || session->used || server->stopped ||
        now - session->initialised_at > LEFT_AT_ONCE_NS) {
        return;
    }
    if (lr_server_dialect_left(&server->dialects, session->conn->peer.host, session->dialect,
                               now)) {
        enum lr_dialect next = lr_server_dialect_guess(&server->dialects, session->conn->peer.host);
        lr_server_trace(server, now, LR_TRACE_DIALECT, session->conn->id,
                        "%s left right after our answer, again: it is answered in %s next",
                        session->conn->peer.host, lr_dialect_name(next));
    }
}

void lr_server_session_end(struct lr_server_session *session, lr_time now, const char *why) {
    struct lr_server *server = session->server;
    char lasted[32];
    judge_dialect(session, now);
    lr_timers_disarm(&server->timers, &session->timeout);
    lr_timers_disarm(&server->timers, &session->run_timer);
    lr_server_run_drop(session); /* before the handles: it refers to them */
    size_t bytes = session->memory.used_bytes;
    size_t handles = lr_server_handles_deinit(&session->handles);
    lr_server_files_deinit(session);
    LR_ASSERT(session->memory.used_bytes == 0 && session->memory.device_blocks == 0);
    server->counts.sessions_ended++;
    server->counts.released_handles += handles;
    server->counts.released_bytes += bytes;
    lr_server_trace(server, now, LR_TRACE_SESSION_END, session->conn->id,
                    "finish serving " LR_ADDRESS_FORMAT
                    " after %s, %llu calls: %s; released %zu handles, %zu bytes",
                    LR_ADDRESS_WORDS(session->conn->peer.host, session->conn->peer.port),
                    lr_text_duration(lasted, sizeof lasted, now - session->begun_at),
                    (unsigned long long)session->calls, why, handles, bytes);
    /* The key that brought the client here is spent; a tracker is told what the next one replaces.
     */
    struct lr_server_slot *slot = session->slot;
    slot->session = NULL;
    session->conn->session = NULL;
    LR_FREE(server->role.env.alloc, session);
}

void lr_server_session_farewell(struct lr_server_session *session, const char *text,
                                bool with_shutdown, lr_time now) {
    struct lr_server_conn *conn = session->conn;
    struct lr_packet shutdown;
    struct lr_buf bytes;
    lr_buf_init(&bytes, session->server->role.env.alloc);
    lr_packet_init(&shutdown, session->server->role.env.alloc);
    shutdown.code = LR_PACKET_SHUTDOWN;
    if ((text == NULL ||
         lr_packet_encode_exception(session->dialect, lr_text_of(text), &bytes) == LR_OK) &&
        (!with_shutdown || lr_packet_encode(session->dialect, &shutdown, &bytes) == LR_OK) &&
        lr_server_send(session->server, conn->id, &bytes) == LR_OK) {
        return;
    }
    lr_buf_deinit(&bytes); /* there is no memory to say it: the end says it */
    lr_server_trace(session->server, now, LR_TRACE_FAILURE, conn->id,
                    "out of memory to tell the client: %s", text == NULL ? "Shutdown" : text);
}

void lr_server_session_timer(struct lr_server *server, struct lr_timer *timer, lr_time now) {
    struct lr_server_session *session = LR_CONTAINER_OF(timer, struct lr_server_session, timeout);
    char seconds[LR_SERVER_FLOAT_TEXT_MAX];
    char text[160];
    double timeout = (double)session->conn->timeout_ns / (double)LR_SECOND;
    (void)snprintf(text, sizeof text,
                   "RPCSessionTimeoutError: Your %ss session has expired, try to increase the "
                   "\"session_timeout\" value.",
                   lr_server_float_text(seconds, timeout));
    lr_server_trace(server, now, LR_TRACE_SESSION_TIMEOUT, session->conn->id,
                    "timeout in RPC session after %ss", seconds);
    lr_server_session_farewell(session, text, false, now);
    lr_server_conn_end(session->conn, LR_SERVER_END_CLOSE, now, "session timeout");
}

void lr_server_session_check(struct lr_server_conn *conn, lr_time now) {
    if (conn->ended || !conn->session->handles.exceeded) {
        return;
    }
    lr_server_trace(conn->server, now, LR_TRACE_LIMIT, conn->id, "more than %zu handles",
                    conn->session->handles.count_max);
    lr_server_session_farewell(conn->session, NULL, true, now);
    lr_server_conn_end(conn, LR_SERVER_END_CLOSE, now, "too many handles");
}
