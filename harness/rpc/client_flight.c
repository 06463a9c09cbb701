/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of an open session: one in flight, the rest queued, as the protocol has no numbers by
 * which answers could be told apart. What a server sends is an answer to the call in flight, the
 * news of the session's end, or a reason not to follow it any more: a client never obeys a server's
 * packets. */
#include <inttypes.h>

#include "base/assert.h"
#include "rpc/client_parts.h"

enum { STEP_GET, STEP_CALL, STEP_FREE }; /* of a call by name */

/* Where the handle stands in packets whose layout is fixed up to it (length and code before all).
 */
enum {
    CALL_HANDLE_AT = 12,       /* CallFunc: the handle comes first */
    FREE_HANDLE_AT_FFI = 20,   /* FreeHandle: count, type code */
    FREE_HANDLE_AT_LEGACY = 24 /* count, two type codes */
};

static struct client_call *first_call(const struct lr_session *session) {
    return LR_CONTAINER_OF(session->calls.next, struct client_call, op.node);
}

static struct client_call *call_in_flight(const struct lr_session *session) {
    return session->in_flight ? first_call(session) : NULL;
}

void lr_client_flight_free(struct client_call *call) {
    struct lr_alloc *alloc = lr_client_alloc(call->op.client);
    for (size_t i = 0; i < LR_COUNT_OF(call->packets); i++) {
        lr_buf_deinit(&call->packets[i]);
    }
    LR_FREE(alloc, call);
}

void lr_client_flight_bound(struct lr_session *session) {
    const struct client_call *call = call_in_flight(session);
    const struct lr_client_options *options = &session->link.client->options;
    uint64_t most = options->packet_bytes_max;
    uint64_t bound = options->text_bytes_max;
    if (call != NULL && call->row->holds_data && (!call->by_name || call->step == STEP_CALL)) {
        bool ack = call->row->answer == LR_PACKET_COPY_ACK;
        uint64_t exact = call->answer_bytes + sizeof(int32_t);
        bound = !ack ? most : exact > bound ? exact : bound;
    }
    session->link.framer.size_max = bound < most ? bound : most;
}

/* Ends |call|, which answers with |error| or as its result stands. */
static void finish_call(struct lr_session *session, struct client_call *call, lr_time now,
                        const struct lr_error *error) {
    if (call == call_in_flight(session)) {
        session->in_flight = false;
    }
    LR_CLIENT_TRACE(session->link.client, now, CALL, session->link.conn, "%" PRIu32 " %s ended: %s",
                    call->op.number, call->row->name, error == NULL ? "answered" : error->text);
    session->call_count--;
    lr_client_op_answer(&call->op, now, error);
    lr_client_op_end(&call->op);
    lr_client_flight_free(call);
}

/* Sends the current step of |call|, the first of its session. */
static enum lr_status send_step(struct lr_session *session, struct client_call *call, lr_time now) {
    enum lr_status status = lr_client_session_send(session, now, &call->packets[call->step]);
    if (status == LR_OK) {
        session->in_flight = true;
        lr_client_flight_bound(session);
    }
    return status;
}

/* Puts the next call on the wire, where none is. */
static void send_next(struct lr_session *session, lr_time now) {
    while (!session->in_flight && !lr_list_empty(&session->calls)) {
        struct client_call *call = first_call(session);
        LR_CLIENT_TRACE(session->link.client, now, CALL, session->link.conn, "%" PRIu32 " %s",
                        call->op.number, call->row->name);
        enum lr_status status = send_step(session, call, now);
        if (status != LR_OK) {
            struct lr_error error = {0};
            (void)lr_error_set(&error, status, "no memory to send %s", call->row->name);
            finish_call(session, call, now, &error);
        }
    }
    lr_client_flight_bound(session);
}

void lr_client_flight_queue(struct lr_session *session, lr_time now, struct client_call *call) {
    lr_list_append(&session->calls, &call->op.node);
    session->call_count++;
    send_next(session, now);
}

void lr_client_flight_end(struct lr_session *session, lr_time now, const struct lr_error *error) {
    while (!lr_list_empty(&session->calls)) {
        struct client_call *call = first_call(session);
        finish_call(session, call, now, call->known ? NULL : error);
    }
}

/* A call in flight cannot be taken back from the server: its owner gets his result now, and its
 * answer is dropped when it comes. A handle in that lives until the session's end. */
void lr_client_flight_cancel(struct client_call *call, lr_time now) {
    struct lr_session *session = call->session;
    struct lr_error error = {0};
    (void)lr_error_set(&error, LR_ECANCELED, "given up by its owner");
    if (call == call_in_flight(session)) {
        lr_client_op_answer(&call->op, now, &error);
    } else {
        finish_call(session, call, now, &error);
    }
}

/* Goes on to |step| of a call by name, which stays in flight; where it cannot be sent, it ends. */
static void go_on(struct lr_session *session, struct client_call *call, unsigned int step,
                  lr_time now) {
    call->step = step;
    enum lr_status status = send_step(session, call, now);
    if (status != LR_OK) {
        struct lr_error error = {0};
        (void)lr_error_set(&error, status, "no memory to send %s", call->row->name);
        finish_call(session, call, now, call->known ? NULL : &error);
        send_next(session, now);
    }
}

static void set_handle(struct client_call *call, unsigned int step, size_t at, uint64_t handle) {
    struct lr_writer writer = lr_writer_of(&call->packets[step]);
    lr_write_u64_at(&writer, at, handle);
}

/* The function of a call by name has been looked up. */
static void take_function(struct lr_session *session, struct client_call *call, lr_time now,
                          const struct lr_result *looked_up) {
    bool found = looked_up->value.kind == LR_VALUE_HANDLE && looked_up->value.as.handle != 0;
    if (!found) {
        struct lr_error error = {0};
        (void)lr_error_set(&error, LR_ENOTFOUND, "the server has no function of that name");
        finish_call(session, call, now, &error);
        send_next(session, now);
        return;
    }
    uint64_t handle = looked_up->value.as.handle;
    set_handle(call, STEP_CALL, CALL_HANDLE_AT, handle);
    set_handle(call, STEP_FREE,
               session->dialect == LR_DIALECT_FFI ? FREE_HANDLE_AT_FFI : FREE_HANDLE_AT_LEGACY,
               handle);
    /* Nobody waits any more for what was given up: it is not called, only let go of. */
    go_on(session, call, call->op.result == NULL ? STEP_FREE : STEP_CALL, now);
}

/* The call in flight has its answer, in |result| unless |error| says otherwise. */
static void settle(struct lr_session *session, struct client_call *call, lr_time now,
                   const struct lr_result *result, const struct lr_error *error) {
    if (call->by_name && call->step == STEP_GET && error == NULL) {
        take_function(session, call, now, result);
        return;
    }
    if (call->by_name && call->step == STEP_CALL) {
        if (error != NULL && call->op.result != NULL) {
            lr_client_result_fail(&call->op.result->result, error);
        }
        call->known = true;
        go_on(session, call, STEP_FREE, now);
        return;
    }
    finish_call(session, call, now, call->known ? NULL : error);
    send_next(session, now);
}

/* Where the answer to |call| goes: its own result where it is that of the whole call and somebody
 * waits for it, otherwise |scratch|. */
static struct lr_result *result_of(struct client_call *call, struct lr_result *scratch) {
    bool own =
        call != NULL && call->op.result != NULL && (!call->by_name || call->step == STEP_CALL);
    return own ? &call->op.result->result : scratch;
}

static void take_answer(struct lr_session *session, lr_time now, const struct lr_packet *packet,
                        struct lr_result *scratch) {
    struct client_call *call = call_in_flight(session);
    struct lr_error error = {0};
    bool handle_step = call != NULL && call->by_name && call->step != STEP_CALL;
    if (call == NULL || packet->code != (handle_step ? LR_PACKET_RETURN : call->row->answer)) {
        (void)lr_error_set(&error, LR_EPROTO, "the server sent a %s that nobody waits for",
                           lr_packet_name(packet->code));
        lr_client_session_refuse(session, now, &error);
        return;
    }
    client_read read = !handle_step             ? call->row->read
                       : call->step == STEP_GET ? lr_client_read_function
                                                : lr_client_read_void;
    struct lr_result *result = result_of(call, scratch);
    enum lr_status status = read(call, packet, result, &error);
    if (status == LR_EPROTO) {
        (void)lr_error_prefix(&error, "the answer to %s", call->row->name);
        lr_client_session_refuse(session, now, &error);
        return;
    }
    lr_client_session_answered(session);
    settle(session, call, now, result, status == LR_OK ? NULL : &error);
}

/* An exception answers the call in flight. One that no call waits for, and the one that says that
 * the session has expired, which may come at any time, are the server's reason to end the session.
 */
static void take_exception(struct lr_session *session, lr_time now, const struct lr_packet *packet,
                           struct lr_result *scratch) {
    struct client_call *call = call_in_flight(session);
    struct lr_result *result = result_of(call, scratch);
    struct lr_error error = {0};
    if (call != NULL && call->op.result != NULL && !call->known) {
        result = &call->op.result->result; /* also where a function is looked up */
    }
    enum lr_status status = lr_client_read_exception(packet, &result->bytes, &error);
    bool last =
        call == NULL || lr_text_starts_with(lr_text_of(error.text), "RPCSessionTimeoutError");
    if (status == LR_EPROTO) {
        (void)lr_error_set(&error, LR_EPROTO, "the server sent an exception without a text");
        lr_client_session_refuse(session, now, &error);
    } else if (last) {
        lr_client_session_end(session, now, CLIENT_END_CLOSE, &error);
    } else {
        settle(session, call, now, NULL, &error);
    }
}

static void take_packet(struct lr_session *session, lr_time now, const struct lr_packet *packet,
                        struct lr_result *scratch) {
    struct lr_error error = {0};
    switch (packet->code) {
    case LR_PACKET_RETURN:
    case LR_PACKET_COPY_ACK:
        take_answer(session, now, packet, scratch);
        break;
    case LR_PACKET_EXCEPTION:
        take_exception(session, now, packet, scratch);
        break;
    case LR_PACKET_SHUTDOWN:
        (void)lr_error_set(&error, LR_ECLOSED, "the server shut the session down");
        lr_client_session_end(session, now, CLIENT_END_CLOSE, &error);
        break;
    default: /* known, as it was decoded */
        (void)lr_error_set(&error, LR_EPROTO, "a server has no business sending %s",
                           lr_packet_name(packet->code));
        lr_client_session_refuse(session, now, &error);
        break;
    }
}

/* The answer to the call in flight came and cannot be read for want of memory: the call has failed,
 * and the session goes on. */
static void lose_answer(struct lr_session *session, lr_time now) {
    struct client_call *call = call_in_flight(session);
    struct lr_error error = {0};
    (void)lr_error_set(&error, LR_ENOMEM, "no memory for the server's answer");
    if (call == NULL) {
        lr_client_session_refuse(session, now, &error);
    } else {
        settle(session, call, now, NULL, &error);
    }
}

void lr_client_flight_frame(struct lr_session *session, lr_time now, const struct lr_frame *frame) {
    struct lr_client *client = session->link.client;
    struct lr_packet packet;
    struct lr_error error = {0};
    if (frame->size == 0) {
        return; /* an empty packet means nothing */
    }
    lr_packet_init(&packet, lr_client_alloc(client));
    enum lr_status status = lr_packet_decode(session->dialect, &client->options.values, frame->body,
                                             frame->kept, &packet, &error);
    if (status == LR_OK) {
        struct lr_result scratch = {.op = 0};
        lr_buf_init(&scratch.bytes, lr_client_alloc(client));
        take_packet(session, now, &packet, &scratch);
        lr_buf_deinit(&scratch.bytes);
    } else if (status == LR_ENOMEM) {
        lose_answer(session, now);
    } else {
        (void)lr_error_prefix(&error, "the server's packet");
        error.code = LR_EPROTO;
        lr_client_session_refuse(session, now, &error);
    }
    lr_packet_deinit(&packet);
}
