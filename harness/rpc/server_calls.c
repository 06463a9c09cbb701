/* SPDX-License-Identifier: Apache-2.0 */
/* Packets: decoded in the session's dialect, then to the handler of their code. What cannot be
 * decoded ends the session with an Exception that says why and a Shutdown; what can, but asks for
 * what is not there, gets an Exception, and the session goes on. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "rpc/server_functions.h"
#include "rpc/server_session.h"

static void answer(struct lr_server_session *session, enum lr_status encoded, struct lr_buf *bytes,
                   lr_time now) {
    if (encoded != LR_OK) {
        lr_buf_deinit(bytes);
        lr_server_conn_end(session->conn, LR_SERVER_END_RESET, now, "out of memory for an answer");
        return;
    }
    lr_server_conn_send(session->conn, bytes, now);
}

void lr_server_answer_values(struct lr_server_session *session, const struct lr_value *items,
                             size_t count, lr_time now) {
    struct lr_buf bytes;
    lr_buf_init(&bytes, session->server->role.env.alloc);
    answer(session,
           lr_packet_encode_values(session->dialect, LR_PACKET_RETURN, items, count, &bytes),
           &bytes, now);
}

void lr_server_answer_exception(struct lr_server_session *session, struct lr_text text,
                                lr_time now) {
    struct lr_buf bytes;
    lr_buf_init(&bytes, session->server->role.env.alloc);
    lr_server_trace(session->server, now, LR_TRACE_CALL, session->conn->id, "raised: %.*s",
                    (int)(text.size < 200 ? text.size : 200), text.data);
    answer(session, lr_packet_encode_exception(session->dialect, text, &bytes), &bytes, now);
}

void lr_server_answer_error(struct lr_server_session *session, const struct lr_error *error,
                            lr_time now) {
    bool memory = error->code == LR_ENOMEM || error->code == LR_ELIMIT;
    char text[LR_ERROR_TEXT_MAX + 16];
    (void)snprintf(text, sizeof text, "%s%s", memory ? "MemoryError: " : "", error->text);
    lr_server_answer_exception(session, lr_text_of(text), now);
}

static void answer_void(struct lr_server_session *session, lr_time now) {
    struct lr_value null = lr_value_null();
    lr_server_answer_values(session, &null, 1, now);
}

/* The peer's bytes are no packet: it is told, and the session is over. */
static void refuse_packet(struct lr_server_session *session, const struct lr_error *error,
                          lr_time now) {
    char text[LR_ERROR_TEXT_MAX + 16];
    (void)snprintf(text, sizeof text, "RPCError: %s", error->text);
    lr_server_trace(session->server, now,
                    error->code == LR_ELIMIT ? LR_TRACE_LIMIT : LR_TRACE_PEER_ERROR,
                    session->conn->id, "%s", error->text);
    lr_server_session_farewell(session, text, true, now);
    lr_server_conn_end(session->conn, LR_SERVER_END_CLOSE, now, error->text);
}

static void handle_shutdown(struct lr_server_session *session, const struct lr_packet *packet,
                            lr_time now) {
    (void)packet;
    lr_server_conn_end(session->conn, LR_SERVER_END_DONE, now, "Shutdown");
}

static void handle_init(struct lr_server_session *session, const struct lr_packet *packet,
                        lr_time now) {
    char version[40];
    struct lr_error error;
    if (session->initialised) {
        (void)lr_error_set(&error, LR_EINVAL, "Server has already been initialized");
    } else if (!lr_text_equal(packet->version, lr_text_of(LR_PROTOCOL_VERSION))) {
        (void)lr_error_set(
            &error, LR_ENOTSUP, "Client protocol version %s does not match this server's, \"%s\"",
            lr_text_quote(version, sizeof version, packet->version), LR_PROTOCOL_VERSION);
    } else if (packet->values.count > 0) {
        (void)lr_error_set(
            &error, LR_ENOTSUP,
            "ValueError: this server constructs no sessions, it serves its own only");
    } else {
        session->initialised = true;
        session->initialised_at = now;
        answer_void(session, now);
        return;
    }
    lr_server_answer_error(session, &error, now);
}

static void handle_call(struct lr_server_session *session, const struct lr_packet *packet,
                        lr_time now) {
    struct lr_error error;
    const struct lr_server_function *function =
        lr_server_handles_get(&session->handles, packet->handle, LR_SERVER_HANDLE_FUNCTION, &error);
    session->calls++;
    if (function == NULL) {
        lr_server_answer_error(session, &error, now);
        return;
    }
    struct lr_server_call call;
    lr_server_call_init(&call, session, packet->values.items, packet->values.count, now);
    call.self = function;
    enum lr_status status = function->call(&call);
    if (status == LR_EBUSY) {
        LR_ASSERT(session->run != NULL);
        lr_server_call_drop(&call);
        return;
    }
    lr_server_call_answer(&call, status);
}

static void handle_find(struct lr_server_session *session, const struct lr_packet *packet,
                        lr_time now) {
    struct lr_error error = {0};
    if (packet->values.count != 1 || packet->values.items[0].kind != LR_VALUE_STR) {
        (void)lr_error_set(&error, LR_EINVAL, "GetGlobalFunc takes one name");
        lr_server_answer_error(session, &error, now);
        return;
    }
    const struct lr_server_row *row = lr_server_function_find(packet->values.items[0].as.text);
    struct lr_value value = lr_value_handle(0);
    if (row != NULL) {
        struct lr_server_function function = {.call = row->call};
        if (lr_server_function_add(session, &function, &value.as.handle, &error) != LR_OK) {
            lr_server_answer_error(session, &error, now);
            return;
        }
    }
    lr_server_answer_values(session, &value, 1, now);
}

static void handle_free(struct lr_server_session *session, const struct lr_packet *packet,
                        lr_time now) {
    struct lr_error error = {0};
    struct lr_server_handle *handle = NULL;
    /* legacy names the type besides, which the handle says better */
    if (packet->values.count < 1 || packet->values.count > 2 ||
        packet->values.items[0].kind != LR_VALUE_HANDLE) {
        (void)lr_error_set(&error, LR_EINVAL, "FreeHandle takes a handle");
    } else {
        handle =
            lr_server_handles_find(&session->handles, packet->values.items[0].as.handle, &error);
    }
    if (handle != NULL &&
        (handle->kind == LR_SERVER_HANDLE_ALLOCATION ||
         handle->kind == LR_SERVER_HANDLE_ARRAY_DATA || handle->kind == LR_SERVER_HANDLE_STREAM)) {
        (void)lr_error_set(&error, LR_EINVAL, "FreeHandle does not free a handle of kind %s",
                           lr_server_handle_kind_name(handle->kind));
        handle = NULL;
    }
    if (handle == NULL) {
        lr_server_answer_error(session, &error, now);
        return;
    }
    lr_server_handles_free(&session->handles, handle);
    answer_void(session, now);
}

static const lr_server_packet_handler handlers[LR_PACKET_CODE_END] = {
    [LR_PACKET_SHUTDOWN] = handle_shutdown, [LR_PACKET_INIT_SERVER] = handle_init,
    [LR_PACKET_CALL_FUNC] = handle_call,    [LR_PACKET_GET_GLOBAL_FUNC] = handle_find,
    [LR_PACKET_FREE_HANDLE] = handle_free,
};

/* Notes what the packet shows of the client's dialect; the decoder's next. */
static void learn_dialect(struct lr_server_session *session, const struct lr_frame *frame,
                          lr_time now) {
    enum lr_dialect shown;
    if (session->proven || !lr_packet_shows_dialect(frame->body, frame->kept, &shown)) {
        return;
    }
    struct lr_server *server = session->server;
    session->proven = true;
    session->dialect = shown;
    lr_server_dialect_prove(&server->dialects, session->conn->peer.host, shown);
    lr_server_trace(server, now, LR_TRACE_DIALECT, session->conn->id, "%s speaks %s",
                    session->conn->peer.host, lr_dialect_name(shown));
}

static void dispatch(struct lr_server_session *session, const struct lr_packet *packet,
                     lr_time now) {
    struct lr_error error;
    lr_server_packet_handler handler = handlers[packet->code];
    if (handler == NULL) {
        handler = lr_server_device_handler(packet->code);
    }
    if (handler == NULL) {
        (void)lr_error_set(&error, LR_EPROTO, "%s is an answer, and nothing was asked",
                           lr_packet_name(packet->code));
        refuse_packet(session, &error, now);
    } else if (!session->initialised && packet->code != LR_PACKET_INIT_SERVER &&
               packet->code != LR_PACKET_SHUTDOWN) {
        (void)lr_error_set(&error, LR_EINVAL, "%s before InitServer", lr_packet_name(packet->code));
        lr_server_answer_error(session, &error, now);
    } else {
        session->used =
            session->used || (session->initialised && packet->code != LR_PACKET_SHUTDOWN);
        handler(session, packet, now);
    }
}

void lr_server_session_packet(struct lr_server_session *session, const struct lr_frame *frame,
                              lr_time now) {
    struct lr_alloc *alloc = session->server->role.env.alloc;
    struct lr_packet packet;
    struct lr_error error = {0};
    struct lr_server_conn *conn = session->conn;
    LR_ASSERT(session->run == NULL);
    learn_dialect(session, frame, now);
    lr_packet_init(&packet, alloc);
    enum lr_status status =
        lr_packet_decode_front(session->dialect, &session->server->options.values, frame->body,
                               frame->kept, frame->size, &packet, &error);
    if (status == LR_OK && packet.code != LR_PACKET_NONE) {
        LR_ASSERT(packet.code > 0 && packet.code < LR_PACKET_CODE_END);
        dispatch(session, &packet, now);
    } else if (status == LR_ENOMEM) {
        lr_server_answer_error(session, &error, now); /* the stream goes on behind it */
    } else if (status != LR_OK) {
        refuse_packet(session, &error, now);
    }
    lr_packet_deinit(&packet);
    lr_server_session_check(conn, now);
}
