/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that concern the device: memory, copies, attributes, streams. There is the CPU and
 * nothing else; streams of a CPU order nothing, but are handles like any other. */
#include <string.h>

#include "rpc/server_session.h"

enum {
    ALIGNMENT_MAX = 1 << 20,
    ATTR_EXISTS = 0,
    ATTR_AVAILABLE_MEMORY = 14,
    DIRECT_MIN = 64 * 1024 /* bytes of a packet that are worth a look before all have come */
};

static void answer_void(struct lr_server_session *session, lr_time now) {
    struct lr_value null = lr_value_null();
    lr_server_answer_values(session, &null, 1, now);
}

/* |kinds| says which kind each argument must have: d device, i int, h handle or null, t tensor, y
 * dtype, s str or null. */
static bool has_kind(const struct lr_value *value, char kind) {
    switch (kind) {
    case 'd':
        return value->kind == LR_VALUE_DEVICE;
    case 'i':
        return value->kind == LR_VALUE_INT;
    case 'h':
        return value->kind == LR_VALUE_HANDLE || value->kind == LR_VALUE_NULL;
    case 't':
        return value->kind == LR_VALUE_TENSOR;
    case 'y':
        return value->kind == LR_VALUE_DTYPE;
    case 's':
        return value->kind == LR_VALUE_STR || value->kind == LR_VALUE_NULL;
    default:
        return false;
    }
}

/* True where the arguments are of these kinds, and a device that is among them exists; otherwise
 * the client has its Exception. */
static bool check_arguments(struct lr_server_session *session, const struct lr_packet *packet,
                            const char *kinds, lr_time now) {
    struct lr_error error = {0};
    size_t count = strlen(kinds);
    enum lr_status status = LR_OK;
    bool right = packet->values.count == count;
    for (size_t i = 0; right && i < count; i++) {
        right = has_kind(&packet->values.items[i], kinds[i]);
    }
    if (!right) {
        status = lr_error_set(&error, LR_EINVAL, "TypeError: %s has other arguments than these",
                              lr_packet_name(packet->code));
    } else if (kinds[0] == 'd') {
        status = lr_server_device_check(packet->values.items[0].as.device, &error);
    } else if (kinds[0] == 't') {
        status = lr_server_device_check(packet->values.items[0].as.tensor.device, &error);
    }
    if (status != LR_OK) {
        lr_server_answer_error(session, &error, now);
        return false;
    }
    return true;
}

static uint64_t handle_of(const struct lr_value *value) {
    return value->kind == LR_VALUE_NULL ? 0 : value->as.handle;
}

enum lr_status lr_server_tensor_find(struct lr_server_session *session,
                                     const struct lr_tensor *tensor, uint64_t size,
                                     struct lr_server_block **block, struct lr_error *error) {
    enum lr_status status = lr_server_device_check(tensor->device, error);
    if (status != LR_OK) {
        return status;
    }
    const struct lr_server_handle *handle =
        lr_server_handles_find(&session->handles, tensor->data, error);
    if (handle == NULL) {
        return LR_ENOTFOUND;
    }
    if (handle->kind != LR_SERVER_HANDLE_ALLOCATION &&
        handle->kind != LR_SERVER_HANDLE_ARRAY_DATA) {
        return lr_error_set(error, LR_EINVAL, "a handle of kind %s has no data",
                            lr_server_handle_kind_name(handle->kind));
    }
    *block = handle->object;
    return lr_server_block_check(*block, tensor->byte_offset, size, error);
}

static void drop_block(void *context, void *object) {
    struct lr_server_session *session = context;
    lr_server_block_drop(&session->memory, object);
}

static void allocate(struct lr_server_session *session, uint64_t size, lr_time now) {
    struct lr_error error;
    struct lr_value value = lr_value_handle(0);
    struct lr_server_block *block = lr_server_block_new(&session->memory, size, &error);
    if (block != NULL &&
        lr_server_handles_add(&session->handles, LR_SERVER_HANDLE_ALLOCATION, block, drop_block,
                              &value.as.handle, &error) == LR_OK) {
        lr_server_answer_values(session, &value, 1, now);
        return;
    }
    if (block != NULL) {
        lr_server_block_drop(&session->memory, block);
    }
    lr_server_trace(session->server, now,
                    error.code == LR_ELIMIT ? LR_TRACE_LIMIT : LR_TRACE_FAILURE, session->conn->id,
                    "%s", error.text);
    lr_server_answer_error(session, &error, now);
}

static void handle_alloc(struct lr_server_session *session, const struct lr_packet *packet,
                         lr_time now) {
    struct lr_error error;
    if (!check_arguments(session, packet, "diiy", now)) {
        return;
    }
    int64_t size = packet->values.items[1].as.integer;
    int64_t alignment = packet->values.items[2].as.integer;
    if (size < 0 || alignment < 0 || alignment > ALIGNMENT_MAX ||
        (alignment & (alignment - 1)) != 0) {
        (void)lr_error_set(&error, LR_EINVAL,
                           "ValueError: cannot allocate %lld bytes aligned to %lld",
                           (long long)size, (long long)alignment);
        lr_server_answer_error(session, &error, now);
        return;
    }
    allocate(session, (uint64_t)size, now);
}

static bool is_plain_scope(const struct lr_value *scope) {
    return scope->kind == LR_VALUE_NULL || scope->as.text.size == 0 ||
           lr_text_equal(scope->as.text, lr_text_of("global"));
}

static void handle_alloc_scope(struct lr_server_session *session, const struct lr_packet *packet,
                               lr_time now) {
    struct lr_error error = {0};
    char quoted[60];
    uint64_t size = 0;
    if (!check_arguments(session, packet, "ts", now)) {
        return;
    }
    if (!is_plain_scope(&packet->values.items[1])) {
        (void)lr_error_set(&error, LR_ENOTSUP, "there is no memory of scope %s on the CPU",
                           lr_text_quote(quoted, sizeof quoted, packet->values.items[1].as.text));
    } else if (lr_tensor_bytes(session->dialect, &packet->values.items[0].as.tensor, &size) !=
               LR_OK) {
        (void)lr_error_set(&error, LR_ELIMIT, "no memory holds a tensor of this shape");
    }
    if (error.code != LR_OK) {
        lr_server_answer_error(session, &error, now);
        return;
    }
    allocate(session, size, now);
}

static void handle_free_data(struct lr_server_session *session, const struct lr_packet *packet,
                             lr_time now) {
    struct lr_error error;
    if (!check_arguments(session, packet, "dh", now)) {
        return;
    }
    uint64_t number = handle_of(&packet->values.items[1]);
    if (lr_server_handles_get(&session->handles, number, LR_SERVER_HANDLE_ALLOCATION, &error) ==
        NULL) {
        lr_server_answer_error(session, &error, now);
        return;
    }
    lr_server_handles_free(&session->handles,
                           lr_server_handles_find(&session->handles, number, &error));
    answer_void(session, now);
}

static void handle_set_device(struct lr_server_session *session, const struct lr_packet *packet,
                              lr_time now) {
    if (check_arguments(session, packet, "d", now)) {
        answer_void(session, now);
    }
}

/* The existence of a device may be asked of any; other attributes only of one that is here. Those
 * that the CPU does not have are null. */
static void handle_attr(struct lr_server_session *session, const struct lr_packet *packet,
                        lr_time now) {
    struct lr_error error;
    struct lr_value value = lr_value_null();
    bool asks_existence = packet->values.count == 2 &&
                          packet->values.items[0].kind == LR_VALUE_DEVICE &&
                          packet->values.items[1].kind == LR_VALUE_INT &&
                          packet->values.items[1].as.integer == ATTR_EXISTS;
    if (asks_existence) {
        value = lr_value_int(lr_server_device_check(packet->values.items[0].as.device, &error) ==
                             LR_OK);
    } else if (!check_arguments(session, packet, "di", now)) {
        return;
    } else if (packet->values.items[1].as.integer == ATTR_AVAILABLE_MEMORY) {
        value = lr_value_int((int64_t)(session->memory.limit_bytes - session->memory.used_bytes));
    }
    lr_server_answer_values(session, &value, 1, now);
}

static void handle_copy_from(struct lr_server_session *session, const struct lr_packet *packet,
                             lr_time now) {
    struct lr_error error;
    struct lr_server_block *block = NULL;
    enum lr_status status =
        lr_server_tensor_find(session, &packet->tensor, packet->nbytes, &block, &error);
    if (status == LR_OK && packet->nbytes > session->server->options.packet_bytes_max) {
        (void)lr_error_set(&error, LR_ELIMIT, "%llu bytes do not go into one packet",
                           (unsigned long long)packet->nbytes);
        status = LR_ELIMIT;
    }
    if (status != LR_OK) {
        lr_server_answer_error(session, &error, now);
        return;
    }
    struct lr_packet reply;
    struct lr_buf bytes;
    size_t size = (size_t)packet->nbytes;
    lr_packet_init(&reply, session->server->role.env.alloc);
    lr_buf_init(&bytes, session->server->role.env.alloc);
    reply.code = LR_PACKET_COPY_ACK;
    reply.payload = lr_server_block_read(block, (size_t)packet->tensor.byte_offset, size);
    reply.payload_size = size;
    if (lr_packet_encode(session->dialect, &reply, &bytes) != LR_OK) {
        lr_buf_deinit(&bytes);
        (void)lr_error_set(&error, LR_ENOMEM, "out of memory for a copy of %zu bytes", size);
        lr_server_answer_error(session, &error, now);
        return;
    }
    lr_server_conn_send(session->conn, &bytes, now);
}

static void handle_copy_to(struct lr_server_session *session, const struct lr_packet *packet,
                           lr_time now) {
    struct lr_error error;
    struct lr_server_block *block = NULL;
    if (lr_server_tensor_find(session, &packet->tensor, packet->nbytes, &block, &error) != LR_OK) {
        lr_server_answer_error(session, &error, now);
        return;
    }
    if (packet->payload_size > 0) { /* else there is none, or it is there already */
        memcpy(
            lr_server_block_write(block, (size_t)packet->tensor.byte_offset, packet->payload_size),
            packet->payload, packet->payload_size);
    }
    answer_void(session, now);
}

void lr_server_device_receive(struct lr_server_session *session) {
    const uint8_t *body;
    size_t kept;
    uint64_t size;
    struct lr_packet packet;
    struct lr_server_block *block = NULL;
    struct lr_error error;
    struct lr_framer *framer = &session->conn->framer;
    if (!session->initialised || !lr_framer_begun(framer, &body, &kept, &size) ||
        size < DIRECT_MIN) {
        return;
    }
    struct lr_reader reader = lr_reader_of(body, kept); /* of less than a code it reads a 0 */
    if (lr_read_i32(&reader) != LR_PACKET_COPY_TO_REMOTE) {
        return;
    }
    lr_packet_init(&packet, session->server->role.env.alloc);
    if (lr_packet_decode_front(session->dialect, &session->server->options.values, body, kept, size,
                               &packet, &error) == LR_OK &&
        packet.nbytes > 0 &&
        lr_server_tensor_find(session, &packet.tensor, packet.nbytes, &block, &error) == LR_OK) {
        uint8_t *to =
            lr_server_block_write(block, (size_t)packet.tensor.byte_offset, (size_t)packet.nbytes);
        lr_framer_direct(framer, (size_t)(size - packet.nbytes), to);
    }
    lr_packet_deinit(&packet);
}

static void handle_copy_among(struct lr_server_session *session, const struct lr_packet *packet,
                              lr_time now) {
    struct lr_error error = {0};
    struct lr_server_block *from = NULL;
    struct lr_server_block *to = NULL;
    uint64_t size = 0;
    uint64_t to_size = 0;
    if (!check_arguments(session, packet, "tth", now)) {
        return;
    }
    const struct lr_tensor *source = &packet->values.items[0].as.tensor;
    const struct lr_tensor *target = &packet->values.items[1].as.tensor;
    enum lr_status status;
    if (lr_tensor_bytes(session->dialect, source, &size) != LR_OK ||
        lr_tensor_bytes(session->dialect, target, &to_size) != LR_OK || size != to_size) {
        status = lr_error_set(&error, LR_EINVAL,
                              "ValueError: tensors of %llu and of %llu bytes are not of one size",
                              (unsigned long long)size, (unsigned long long)to_size);
    } else {
        status = lr_server_tensor_find(session, source, size, &from, &error);
    }
    if (status == LR_OK) {
        status = lr_server_tensor_find(session, target, size, &to, &error);
    }
    if (status != LR_OK) {
        lr_server_answer_error(session, &error, now);
        return;
    }
    if (size > 0) { /* both may lie in one allocation, and overlap */
        const uint8_t *read = lr_server_block_read(from, (size_t)source->byte_offset, (size_t)size);
        memmove(lr_server_block_write(to, (size_t)target->byte_offset, (size_t)size), read,
                (size_t)size);
    }
    answer_void(session, now);
}

static void handle_create_stream(struct lr_server_session *session, const struct lr_packet *packet,
                                 lr_time now) {
    struct lr_error error;
    struct lr_value value = lr_value_handle(0);
    if (!check_arguments(session, packet, "d", now)) {
        return;
    }
    /* nothing is behind it; the session itself, so that the object is not NULL */
    if (lr_server_handles_add(&session->handles, LR_SERVER_HANDLE_STREAM, session, NULL,
                              &value.as.handle, &error) != LR_OK) {
        lr_server_answer_error(session, &error, now);
        return;
    }
    lr_server_answer_values(session, &value, 1, now);
}

/* True where the second argument is the default stream (null) or one of the session's. */
static bool check_stream(struct lr_server_session *session, const struct lr_packet *packet,
                         lr_time now) {
    struct lr_error error;
    if (!check_arguments(session, packet, "dh", now)) {
        return false;
    }
    uint64_t number = handle_of(&packet->values.items[1]);
    if (number != 0 &&
        lr_server_handles_get(&session->handles, number, LR_SERVER_HANDLE_STREAM, &error) == NULL) {
        lr_server_answer_error(session, &error, now);
        return false;
    }
    return true;
}

static void handle_free_stream(struct lr_server_session *session, const struct lr_packet *packet,
                               lr_time now) {
    struct lr_error error;
    if (!check_stream(session, packet, now)) {
        return;
    }
    uint64_t number = handle_of(&packet->values.items[1]);
    if (number != 0) {
        lr_server_handles_free(&session->handles,
                               lr_server_handles_find(&session->handles, number, &error));
    }
    if (number == session->stream) {
        session->stream = 0;
    }
    answer_void(session, now);
}

static void handle_set_stream(struct lr_server_session *session, const struct lr_packet *packet,
                              lr_time now) {
    if (check_stream(session, packet, now)) {
        session->stream = handle_of(&packet->values.items[1]);
        answer_void(session, now);
    }
}

static void handle_sync_stream(struct lr_server_session *session, const struct lr_packet *packet,
                               lr_time now) {
    if (check_stream(session, packet, now)) {
        answer_void(session, now);
    }
}

static void handle_get_stream(struct lr_server_session *session, const struct lr_packet *packet,
                              lr_time now) {
    if (check_arguments(session, packet, "d", now)) {
        struct lr_value value = lr_value_handle(session->stream);
        lr_server_answer_values(session, &value, 1, now);
    }
}

lr_server_packet_handler lr_server_device_handler(int32_t code) {
    static const lr_server_packet_handler handlers[LR_PACKET_CODE_END] = {
        [LR_PACKET_COPY_FROM_REMOTE] = handle_copy_from,
        [LR_PACKET_COPY_TO_REMOTE] = handle_copy_to,
        [LR_PACKET_DEV_SET_DEVICE] = handle_set_device,
        [LR_PACKET_DEV_GET_ATTR] = handle_attr,
        [LR_PACKET_DEV_ALLOC_DATA] = handle_alloc,
        [LR_PACKET_DEV_FREE_DATA] = handle_free_data,
        [LR_PACKET_DEV_STREAM_SYNC] = handle_sync_stream,
        [LR_PACKET_COPY_AMONG_REMOTE] = handle_copy_among,
        [LR_PACKET_DEV_ALLOC_DATA_WITH_SCOPE] = handle_alloc_scope,
        [LR_PACKET_DEV_CREATE_STREAM] = handle_create_stream,
        [LR_PACKET_DEV_FREE_STREAM] = handle_free_stream,
        [LR_PACKET_DEV_SET_STREAM] = handle_set_stream,
        [LR_PACKET_DEV_GET_CURRENT_STREAM] = handle_get_stream,
    };
    return code > 0 && code < LR_PACKET_CODE_END ? handlers[code] : NULL;
}
