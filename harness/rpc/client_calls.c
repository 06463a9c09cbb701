/* SPDX-License-Identifier: Apache-2.0 */
/* The operations of a session, each from its arguments to its packets; everything is encoded when
 * the operation begins, so nothing is borrowed beyond that. Arrays travel as TVM's client sends
 * them, except that ours asks neither for GetCRTMaxPacketSize before a copy, which only
 * microcontrollers answer, nor for a stream's end after it, as every server of ours and of TVM's on
 * a CPU copies before it answers. */
#include "rpc/client_parts.h"

enum { COPY_HEADER_MAX = 512 }; /* of CopyToRemote: length, code, a tensor's header, a count */

static const struct client_call_row row_get_function = {"GetGlobalFunc", LR_PACKET_RETURN, false,
                                                        lr_client_read_function};
static const struct client_call_row row_call = {"CallFunc", LR_PACKET_RETURN, true,
                                                lr_client_read_call};
static const struct client_call_row row_free_handle = {"FreeHandle", LR_PACKET_RETURN, false,
                                                       lr_client_read_void};
static const struct client_call_row row_allocate = {"DevAllocDataWithScope", LR_PACKET_RETURN,
                                                    false, lr_client_read_allocation};
static const struct client_call_row row_free_data = {"DevFreeData", LR_PACKET_RETURN, false,
                                                     lr_client_read_void};
static const struct client_call_row row_copy_in = {"CopyToRemote", LR_PACKET_RETURN, false,
                                                   lr_client_read_void};
static const struct client_call_row row_copy_out = {"CopyFromRemote", LR_PACKET_COPY_ACK, true,
                                                    lr_client_read_copy};
static const struct client_call_row row_copy_among = {"CopyAmongRemote", LR_PACKET_RETURN, false,
                                                      lr_client_read_void};
static const struct client_call_row row_command = {"a command", LR_PACKET_RETURN, true,
                                                   lr_client_read_any};

/* A new call, entered among the client's operations. */
static enum lr_status begin_call(struct lr_session *session, const struct client_call_row *row,
                                 struct client_call **out) {
    struct lr_client *client = session->link.client;
    if (session->state == CLIENT_SESSION_CLOSED) {
        return LR_ECLOSED;
    }
    if (session->call_count >= client->options.calls_max) {
        return LR_EBUSY;
    }
    struct client_call *call = LR_NEW(lr_client_alloc(client), struct client_call);
    if (call == NULL) {
        return LR_ENOMEM;
    }
    if (lr_client_op_begin(client, &call->op, CLIENT_CALL) != LR_OK) {
        LR_FREE(lr_client_alloc(client), call);
        return LR_ENOMEM;
    }
    call->session = session;
    call->row = row;
    call->steps = 1;
    for (size_t i = 0; i < LR_COUNT_OF(call->packets); i++) {
        lr_buf_init(&call->packets[i], lr_client_alloc(client));
    }
    *out = call;
    return LR_OK;
}

/* Queues |call| where encoding went well, otherwise drops it. */
static enum lr_status launch(struct client_call *call, lr_time now, enum lr_status encoded,
                             lr_op *op) {
    struct lr_session *session = call->session;
    enum lr_status status = encoded;
    for (unsigned int i = 0; i < call->steps && status == LR_OK; i++) {
        if (lr_buf_size(&call->packets[i]) - sizeof(uint64_t) >
            session->link.client->options.packet_bytes_max) {
            status = LR_EINVAL;
        }
    }
    if (status != LR_OK) {
        lr_client_op_end(&call->op);
        lr_client_flight_free(call);
        return status;
    }
    *op = call->op.number;
    lr_client_flight_queue(session, now, call);
    return LR_OK;
}

/* An operation that is one packet of a packed sequence. */
static enum lr_status start(struct lr_session *session, lr_time now,
                            const struct client_call_row *row, int32_t code,
                            const struct lr_value *values, size_t count, lr_op *op) {
    struct client_call *call;
    enum lr_status status = begin_call(session, row, &call);
    if (status != LR_OK) {
        return status;
    }
    status = lr_packet_encode_values(session->dialect, code, values, count, &call->packets[0]);
    return launch(call, now, status, op);
}

enum lr_status lr_session_get_function(struct lr_session *session, lr_time now, struct lr_text name,
                                       lr_op *op) {
    const struct lr_value value = lr_value_str(name);
    return start(session, now, &row_get_function, LR_PACKET_GET_GLOBAL_FUNC, &value, 1, op);
}

static enum lr_status encode_call(const struct lr_session *session, uint64_t function,
                                  const struct lr_value *arguments, size_t count,
                                  struct lr_buf *out) {
    struct lr_packet packet;
    lr_packet_init(&packet, lr_client_alloc(session->link.client));
    packet.code = LR_PACKET_CALL_FUNC;
    packet.handle = function;
    packet.values.items = (struct lr_value *)arguments; /* read only, and never deinited */
    packet.values.count = count;
    return lr_packet_encode(session->dialect, &packet, out);
}

enum lr_status lr_session_call(struct lr_session *session, lr_time now, uint64_t function,
                               const struct lr_value *arguments, size_t count, lr_op *op) {
    struct client_call *call;
    enum lr_status status = begin_call(session, &row_call, &call);
    if (status != LR_OK) {
        return status;
    }
    status = encode_call(session, function, arguments, count, &call->packets[0]);
    return launch(call, now, status, op);
}

/* The arguments of FreeHandle: in legacy, the type that is freed comes second. */
static size_t free_arguments(enum lr_dialect dialect, uint64_t handle, enum lr_result_kind kind,
                             struct lr_value values[2]) {
    values[0] = lr_value_handle(handle);
    values[1] = lr_value_int(lr_result_code(dialect, kind, 0));
    return dialect == LR_DIALECT_LEGACY ? 2 : 1;
}

/* A call by name; the handle is put into the packets when it is known. */
static enum lr_status start_by_name(struct lr_session *session, lr_time now, struct lr_text name,
                                    const struct lr_value *arguments, size_t count, bool as_bytes,
                                    lr_op *op) {
    struct client_call *call;
    enum lr_status status = begin_call(session, &row_call, &call);
    if (status != LR_OK) {
        return status;
    }
    enum lr_dialect dialect = session->dialect;
    const struct lr_value get = lr_value_str(name);
    struct lr_value values[2];
    size_t value_count = free_arguments(dialect, 0, LR_RESULT_FUNCTION, values);
    call->by_name = true;
    call->as_bytes = as_bytes;
    call->steps = CLIENT_STEPS_MAX;
    status =
        lr_packet_encode_values(dialect, LR_PACKET_GET_GLOBAL_FUNC, &get, 1, &call->packets[0]);
    if (status == LR_OK) {
        status = encode_call(session, 0, arguments, count, &call->packets[1]);
    }
    if (status == LR_OK) {
        status = lr_packet_encode_values(dialect, LR_PACKET_FREE_HANDLE, values, value_count,
                                         &call->packets[2]);
    }
    return launch(call, now, status, op);
}

enum lr_status lr_session_call_name(struct lr_session *session, lr_time now, struct lr_text name,
                                    const struct lr_value *arguments, size_t count, lr_op *op) {
    return start_by_name(session, now, name, arguments, count, false, op);
}

enum lr_status lr_session_free_handle(struct lr_session *session, lr_time now, uint64_t handle,
                                      enum lr_result_kind kind, lr_op *op) {
    struct lr_value values[2];
    size_t count = free_arguments(session->dialect, handle, kind, values);
    return start(session, now, &row_free_handle, LR_PACKET_FREE_HANDLE, values, count, op);
}

enum lr_status lr_session_allocate(struct lr_session *session, lr_time now,
                                   const struct lr_tensor *tensor, lr_op *op) {
    struct client_call *call;
    uint64_t bytes;
    if (session->state != CLIENT_SESSION_CLOSED &&
        lr_tensor_bytes(session->dialect, tensor, &bytes) != LR_OK) {
        return LR_EINVAL;
    }
    enum lr_status status = begin_call(session, &row_allocate, &call);
    if (status != LR_OK) {
        return status;
    }
    call->tensor = *tensor;
    call->tensor.data = 0;
    const struct lr_value values[] = {lr_value_tensor(&call->tensor), lr_value_null()};
    status = lr_packet_encode_values(session->dialect, LR_PACKET_DEV_ALLOC_DATA_WITH_SCOPE, values,
                                     LR_COUNT_OF(values), &call->packets[0]);
    return launch(call, now, status, op);
}

enum lr_status lr_session_free_data(struct lr_session *session, lr_time now,
                                    const struct lr_tensor *tensor, lr_op *op) {
    const struct lr_value values[] = {lr_value_device(tensor->device),
                                      lr_value_handle(tensor->data)};
    return start(session, now, &row_free_data, LR_PACKET_DEV_FREE_DATA, values, LR_COUNT_OF(values),
                 op);
}

/* The bytes of |tensor|, where a packet can hold them. */
static enum lr_status copied_bytes(const struct lr_session *session, const struct lr_tensor *tensor,
                                   uint64_t *bytes) {
    uint64_t most = session->link.client->options.packet_bytes_max;
    if (session->state == CLIENT_SESSION_CLOSED) {
        return LR_ECLOSED;
    }
    if (lr_tensor_bytes(session->dialect, tensor, bytes) != LR_OK || *bytes > SIZE_MAX / 2 ||
        most < COPY_HEADER_MAX || *bytes > most - COPY_HEADER_MAX) {
        return LR_EINVAL;
    }
    return LR_OK;
}

enum lr_status lr_session_copy_in(struct lr_session *session, lr_time now,
                                  const struct lr_tensor *tensor, const void *bytes, size_t size,
                                  lr_op *op) {
    struct client_call *call;
    uint64_t wanted;
    enum lr_status status = copied_bytes(session, tensor, &wanted);
    if (status == LR_OK && wanted != size) {
        status = LR_EINVAL;
    }
    if (status == LR_OK) {
        status = begin_call(session, &row_copy_in, &call);
    }
    if (status != LR_OK) {
        return status;
    }
    struct lr_packet packet;
    uint8_t *room;
    lr_packet_init(&packet, lr_client_alloc(session->link.client));
    packet.code = LR_PACKET_COPY_TO_REMOTE;
    packet.tensor = *tensor;
    packet.nbytes = wanted;
    packet.payload = bytes;
    packet.payload_size = size;
    status = lr_buf_reserve(&call->packets[0], size + COPY_HEADER_MAX, &room); /* once, not grown */
    if (status == LR_OK) {
        status = lr_packet_encode(session->dialect, &packet, &call->packets[0]);
    }
    return launch(call, now, status, op);
}

enum lr_status lr_session_copy_out(struct lr_session *session, lr_time now,
                                   const struct lr_tensor *tensor, lr_op *op) {
    struct client_call *call;
    uint64_t wanted;
    enum lr_status status = copied_bytes(session, tensor, &wanted);
    if (status == LR_OK) {
        status = begin_call(session, &row_copy_out, &call);
    }
    if (status != LR_OK) {
        return status;
    }
    struct lr_packet packet;
    lr_packet_init(&packet, lr_client_alloc(session->link.client));
    packet.code = LR_PACKET_COPY_FROM_REMOTE;
    packet.tensor = *tensor;
    packet.nbytes = wanted;
    call->answer_bytes = wanted;
    status = lr_packet_encode(session->dialect, &packet, &call->packets[0]);
    return launch(call, now, status, op);
}

enum lr_status lr_session_copy_among(struct lr_session *session, lr_time now,
                                     const struct lr_tensor *from, const struct lr_tensor *to,
                                     lr_op *op) {
    const struct lr_value values[] = {lr_value_tensor(from), lr_value_tensor(to),
                                      lr_value_handle(0)}; /* the default stream */
    return start(session, now, &row_copy_among, LR_PACKET_COPY_AMONG_REMOTE, values,
                 LR_COUNT_OF(values), op);
}

enum lr_status lr_session_upload(struct lr_session *session, lr_time now, struct lr_text name,
                                 const void *bytes, size_t size, lr_op *op) {
    const struct lr_value arguments[] = {lr_value_str(name), lr_value_bytes(bytes, size)};
    return start_by_name(session, now, lr_text_of("tvm.rpc.server.upload"), arguments,
                         LR_COUNT_OF(arguments), false, op);
}

enum lr_status lr_session_download(struct lr_session *session, lr_time now, struct lr_text name,
                                   lr_op *op) {
    const struct lr_value argument = lr_value_str(name);
    return start_by_name(session, now, lr_text_of("tvm.rpc.server.download"), &argument, 1, true,
                         op);
}

enum lr_status lr_session_remove(struct lr_session *session, lr_time now, struct lr_text name,
                                 lr_op *op) {
    const struct lr_value argument = lr_value_str(name);
    return start_by_name(session, now, lr_text_of("tvm.rpc.server.remove"), &argument, 1, false,
                         op);
}

enum lr_status lr_session_command(struct lr_session *session, lr_time now, int32_t code,
                                  const struct lr_value *arguments, size_t count, lr_op *op) {
    if (session->state != CLIENT_SESSION_CLOSED && code < LR_PACKET_GET_GLOBAL_FUNC) {
        return LR_EINVAL;
    }
    return start(session, now, &row_command, code, arguments, count, op);
}
