/* SPDX-License-Identifier: Apache-2.0 */
/* How the answers to calls are read. What is wanted outlives the packet, so text is copied into the
 * result. */
#include <inttypes.h>
#include <string.h>

#include "rpc/client_parts.h"

/* Puts |text| into |result|, to which the value then points. */
static enum lr_status keep_text(struct lr_result *result, struct lr_text text,
                                struct lr_error *error) {
    if (lr_buf_append(&result->bytes, text.data, text.size) != LR_OK) {
        return lr_error_set(error, LR_ENOMEM, "no memory for an answer of %zu bytes", text.size);
    }
    result->value.as.text.data = (const char *)lr_buf_data(&result->bytes);
    result->value.as.text.size = text.size;
    return LR_OK;
}

/* |value| into |result|, text and all. */
static enum lr_status keep_value(struct lr_result *result, const struct lr_value *value,
                                 struct lr_error *error) {
    result->kind = LR_ANSWER_VALUE;
    result->value = *value;
    if (value->kind == LR_VALUE_STR || value->kind == LR_VALUE_BYTES) {
        return keep_text(result, value->as.text, error);
    }
    return LR_OK;
}

enum lr_status lr_client_read_void(struct client_call *call, const struct lr_packet *packet,
                                   struct lr_result *result, struct lr_error *error) {
    (void)call;
    if (packet->values.count != 1 || packet->values.items[0].kind != LR_VALUE_NULL) {
        return lr_error_set(error, LR_EPROTO, "is not the return of nothing");
    }
    result->kind = LR_ANSWER_NONE;
    return LR_OK;
}

enum lr_status lr_client_read_any(struct client_call *call, const struct lr_packet *packet,
                                  struct lr_result *result, struct lr_error *error) {
    (void)call;
    if (packet->values.count == 0) {
        return lr_error_set(error, LR_EPROTO, "has no value");
    }
    if (packet->values.items[0].kind == LR_VALUE_NULL) {
        result->kind = LR_ANSWER_NONE;
        return LR_OK;
    }
    return keep_value(result, &packet->values.items[0], error);
}

/* The one handle of |packet|; a null stands for 0. False: it is something else. */
static bool sole_handle(const struct lr_packet *packet, uint64_t *handle) {
    if (packet->values.count != 1) {
        return false;
    }
    const struct lr_value *value = &packet->values.items[0];
    *handle = value->kind == LR_VALUE_HANDLE ? value->as.handle : 0;
    return value->kind == LR_VALUE_HANDLE || value->kind == LR_VALUE_NULL;
}

enum lr_status lr_client_read_function(struct client_call *call, const struct lr_packet *packet,
                                       struct lr_result *result, struct lr_error *error) {
    uint64_t handle;
    (void)call;
    if (!sole_handle(packet, &handle)) {
        return lr_error_set(error, LR_EPROTO, "is not one handle");
    }
    result->kind = LR_ANSWER_FUNCTION;
    result->value = handle == 0 ? lr_value_null() : lr_value_handle(handle);
    return LR_OK;
}

enum lr_status lr_client_read_allocation(struct client_call *call, const struct lr_packet *packet,
                                         struct lr_result *result, struct lr_error *error) {
    uint64_t handle;
    if (!sole_handle(packet, &handle)) {
        return lr_error_set(error, LR_EPROTO, "is not one handle");
    }
    call->tensor.data = handle;
    result->kind = LR_ANSWER_VALUE;
    result->value = lr_value_tensor(&call->tensor);
    return LR_OK;
}

/* What has come in pieces, as arrays do, is handed on as the framer has put it together. */
static enum lr_status keep_payload(struct client_call *call, const struct lr_packet *packet,
                                   struct lr_buf *bytes) {
    struct lr_buf body;
    if (!lr_framer_take(&call->session->link.framer, &body)) {
        return lr_buf_append(bytes, packet->payload, packet->payload_size);
    }
    lr_buf_consume(&body, lr_buf_size(&body) - packet->payload_size); /* the code before it */
    lr_buf_deinit(bytes);
    *bytes = body;
    return LR_OK;
}

enum lr_status lr_client_read_copy(struct client_call *call, const struct lr_packet *packet,
                                   struct lr_result *result, struct lr_error *error) {
    if (packet->payload_size != call->answer_bytes) {
        return lr_error_set(error, LR_EPROTO, "has %zu bytes instead of %" PRIu64,
                            packet->payload_size, call->answer_bytes);
    }
    enum lr_status status = keep_payload(call, packet, &result->bytes);
    if (status != LR_OK) {
        return lr_error_set(error, status, "no memory for %zu bytes", packet->payload_size);
    }
    result->kind = LR_ANSWER_BYTES;
    return LR_OK;
}

/* What a function can return: the kind that the type code names, how many values follow at most,
 * and of which kind the first is on the wire. */
static const struct result_row {
    enum lr_result_kind kind;
    enum lr_answer_kind answer;
    enum lr_value_kind value;
    size_t count; /* with the type code; of a null, the value may be missing */
} result_rows[] = {
    {LR_RESULT_NULL, LR_ANSWER_NONE, LR_VALUE_NULL, 2},
    {LR_RESULT_INT, LR_ANSWER_VALUE, LR_VALUE_INT, 2},
    {LR_RESULT_FLOAT, LR_ANSWER_VALUE, LR_VALUE_FLOAT, 2},
    {LR_RESULT_STR, LR_ANSWER_VALUE, LR_VALUE_STR, 2},
    {LR_RESULT_BYTES, LR_ANSWER_VALUE, LR_VALUE_BYTES, 2},
    {LR_RESULT_FUNCTION, LR_ANSWER_FUNCTION, LR_VALUE_HANDLE, 2},
    {LR_RESULT_MODULE, LR_ANSWER_MODULE, LR_VALUE_HANDLE, 2},
    {LR_RESULT_ARRAY, LR_ANSWER_ARRAY, LR_VALUE_TENSOR, 3},
    {LR_RESULT_BOOL, LR_ANSWER_VALUE, LR_VALUE_BOOL, 2},
    {LR_RESULT_HANDLE, LR_ANSWER_VALUE, LR_VALUE_HANDLE, 2},
    {LR_RESULT_DTYPE, LR_ANSWER_VALUE, LR_VALUE_DTYPE, 2},
    {LR_RESULT_DEVICE, LR_ANSWER_VALUE, LR_VALUE_DEVICE, 2},
    {LR_RESULT_OBJECT, LR_ANSWER_VALUE, LR_VALUE_HANDLE, 2},
};

static const struct result_row *find_row(enum lr_dialect dialect, int32_t code) {
    enum lr_result_kind kind;
    if (lr_result_kind_of(dialect, code, &kind)) {
        for (size_t i = 0; i < LR_COUNT_OF(result_rows); i++) {
            if (result_rows[i].kind == kind) {
                return &result_rows[i];
            }
        }
    }
    return NULL;
}

/* Whether the values behind the type code are what |row| says. */
static bool fits(const struct result_row *row, const struct lr_values *values) {
    if (row->kind == LR_RESULT_NULL && values->count == 1) {
        return true;
    }
    if (values->count != row->count || values->items[1].kind != row->value) {
        return false;
    }
    return row->kind != LR_RESULT_ARRAY || values->items[2].kind == LR_VALUE_HANDLE;
}

enum lr_status lr_client_read_call(struct client_call *call, const struct lr_packet *packet,
                                   struct lr_result *result, struct lr_error *error) {
    const struct lr_values *values = &packet->values;
    if (values->count == 0 || values->items[0].kind != LR_VALUE_INT) {
        return lr_error_set(error, LR_EPROTO, "names no type");
    }
    int64_t code = values->items[0].as.integer;
    const struct result_row *row = NULL;
    if (code >= INT32_MIN && code <= INT32_MAX) {
        row = find_row(call->session->dialect, (int32_t)code);
    }
    if (row == NULL) {
        return lr_error_set(error, LR_ENOTSUP, "a result of type code %" PRId64 " is not known",
                            code);
    }
    if (!fits(row, values)) {
        return lr_error_set(error, LR_EPROTO, "is not what its type code %" PRId64 " says", code);
    }
    enum lr_status status = LR_OK;
    if (row->kind != LR_RESULT_NULL) {
        status = keep_value(result, &values->items[1], error);
    }
    if (row->kind == LR_RESULT_ARRAY) {
        result->array_handle = values->items[2].as.handle;
    } else if (row->kind == LR_RESULT_OBJECT) { /* sent back by its own code */
        result->value.kind = LR_VALUE_OBJECT;
        result->value.code = (int32_t)code;
        result->value.row = NULL;
    }
    bool text = row->kind == LR_RESULT_STR || row->kind == LR_RESULT_BYTES;
    result->kind = text && call->as_bytes ? LR_ANSWER_BYTES : row->answer;
    return status;
}

enum lr_status lr_client_read_exception(const struct lr_packet *packet, struct lr_buf *bytes,
                                        struct lr_error *error) {
    const struct lr_values *values = &packet->values;
    if (values->count != 1 ||
        (values->items[0].kind != LR_VALUE_STR && values->items[0].kind != LR_VALUE_BYTES)) {
        return lr_error_set(error, LR_EPROTO, "an exception is not one text");
    }
    struct lr_text text = values->items[0].as.text;
    const char *end = text.size == 0 ? NULL : memchr(text.data, '\n', text.size);
    size_t line = end == NULL ? text.size : (size_t)(end - text.data);
    line = line < LR_ERROR_TEXT_MAX ? line : LR_ERROR_TEXT_MAX - 1;
    if (line == 0) { /* some servers lose the text of their exceptions */
        (void)lr_error_set(error, LR_EREMOTE, "an exception without a text");
    } else {
        (void)lr_error_set(error, LR_EREMOTE, "%.*s", (int)line, text.data);
    }
    if (lr_buf_append(bytes, text.data, text.size) != LR_OK) {
        error->code = LR_ENOMEM;
        return LR_ENOMEM;
    }
    return LR_EREMOTE;
}
