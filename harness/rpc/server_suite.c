/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that TVM's own test suite expects of a server. They are written in Python there, so
 * these add, join and complain as Python does. */
#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "rpc/server_functions.h"
#include "rpc/server_text.h"

static bool is_integer(const struct lr_value *value) {
    return value->kind == LR_VALUE_INT || value->kind == LR_VALUE_BOOL;
}

static bool is_number(const struct lr_value *value) {
    return is_integer(value) || value->kind == LR_VALUE_FLOAT;
}

static double number_of(const struct lr_value *value) {
    return value->kind == LR_VALUE_FLOAT ? value->as.number : (double)value->as.integer;
}

/* The value's type as TVM's functions see it: bytes are no bytes of Python's there. */
static const char *type_of(const struct lr_server_call *call, const struct lr_value *value) {
    if (value->kind == LR_VALUE_BYTES) {
        return call->session->dialect == LR_DIALECT_FFI ? "Bytes" : "bytearray";
    }
    return lr_server_value_type(value);
}

/* left + right */
static enum lr_status add_values(struct lr_server_call *call, const struct lr_value *left,
                                 const struct lr_value *right) {
    bool texts = left->kind == LR_VALUE_STR || left->kind == LR_VALUE_BYTES;
    if (is_integer(left) && is_integer(right)) {
        int64_t a = left->as.integer;
        int64_t b = right->as.integer;
        if ((b > 0 && a > INT64_MAX - b) || (b < 0 && a < INT64_MIN - b)) {
            return lr_server_raise(call, "OverflowError: the sum does not fit into 64 bits");
        }
        return lr_server_return_value(call, LR_RESULT_INT, lr_value_int(a + b));
    }
    if (is_number(left) && is_number(right)) {
        return lr_server_return_value(call, LR_RESULT_FLOAT,
                                      lr_value_float(number_of(left) + number_of(right)));
    }
    if (texts && left->kind == right->kind) {
        if (lr_buf_append(&call->text, left->as.text.data, left->as.text.size) != LR_OK ||
            lr_buf_append(&call->text, right->as.text.data, right->as.text.size) != LR_OK) {
            return LR_ENOMEM;
        }
        return lr_server_return_text(call, left->kind == LR_VALUE_BYTES);
    }
    if (left->kind == LR_VALUE_STR) {
        return lr_server_raise(call, "TypeError: can only concatenate str (not \"%s\") to str",
                               type_of(call, right));
    }
    if (left->kind == LR_VALUE_BYTES) {
        return lr_server_raise(call, "TypeError: can't concat %s to %s", type_of(call, right),
                               type_of(call, left));
    }
    return lr_server_raise(call, "TypeError: unsupported operand type(s) for +: '%s' and '%s'",
                           type_of(call, left), type_of(call, right));
}

enum lr_status lr_server_test_addone(struct lr_server_call *call) {
    enum lr_status status = lr_server_want_count(call, "_addone", 1);
    struct lr_value one = lr_value_int(1);
    return status == LR_OK ? add_values(call, &call->args[0], &one) : status;
}

enum lr_status lr_server_test_str_concat(struct lr_server_call *call) {
    enum lr_status status = lr_server_want_count(call, "_strcat", 2);
    return status == LR_OK ? add_values(call, &call->args[0], &call->args[1]) : status;
}

enum lr_status lr_server_test_strcat(struct lr_server_call *call) {
    enum lr_status status = lr_server_want_count(call, "_strcat", 2);
    if (status != LR_OK) {
        return status;
    }
    if (lr_server_value_text(&call->args[0], &call->text) != LR_OK ||
        lr_buf_append(&call->text, ":", 1) != LR_OK ||
        lr_server_value_text(&call->args[1], &call->text) != LR_OK) {
        return LR_ENOMEM;
    }
    return lr_server_return_text(call, false);
}

enum lr_status lr_server_test_except(struct lr_server_call *call) {
    struct lr_buf text;
    enum lr_status status = lr_server_want_count(call, "_remotethrow", 1);
    if (status != LR_OK) {
        return status;
    }
    lr_buf_init(&text, call->session->server->role.env.alloc);
    status = lr_server_value_text(&call->args[0], &text);
    if (status == LR_OK) {
        struct lr_text said = {(const char *)lr_buf_data(&text), lr_buf_size(&text)};
        status = lr_server_raise_text(call, "ValueError: ", said);
    }
    lr_buf_deinit(&text);
    return status;
}

enum lr_status lr_server_test_raise(struct lr_server_call *call) {
    char type[64];
    enum lr_status status = lr_server_want_count(call, "test_raise_error", 2);
    if (status == LR_OK) {
        status = lr_server_want_text(call, "test_raise_error", 0);
    }
    if (status == LR_OK) {
        status = lr_server_want_text(call, "test_raise_error", 1);
    }
    if (status != LR_OK) {
        return status;
    }
    struct lr_text name = call->args[0].as.text;
    size_t size = name.size < sizeof type - 3 ? name.size : sizeof type - 3;
    memcpy(type, name.data, size);
    memcpy(type + size, ": ", 3);
    return lr_server_raise_text(call, type, call->args[1].as.text);
}

/* The result that says |value|, whose text is copied. */
static enum lr_status return_copy(struct lr_server_call *call, const struct lr_value *value) {
    struct lr_value truth = lr_value_int(value->kind == LR_VALUE_BOOL ? value->as.integer : 0);
    truth.kind = LR_VALUE_BOOL; /* by the code that the result names, whatever it came with */
    switch (value->kind) {
    case LR_VALUE_NULL:
        return lr_server_return_null(call);
    case LR_VALUE_INT:
    case LR_VALUE_UINT:
        return lr_server_return_value(call, LR_RESULT_INT, lr_value_int(value->as.integer));
    case LR_VALUE_BOOL:
        return lr_server_return_value(call, LR_RESULT_BOOL, truth);
    case LR_VALUE_FLOAT:
        return lr_server_return_value(call, LR_RESULT_FLOAT, lr_value_float(value->as.number));
    case LR_VALUE_DTYPE:
        return lr_server_return_value(call, LR_RESULT_DTYPE, lr_value_dtype(value->as.dtype));
    case LR_VALUE_DEVICE:
        return lr_server_return_value(call, LR_RESULT_DEVICE, lr_value_device(value->as.device));
    case LR_VALUE_STR:
    case LR_VALUE_BYTES:
        if (lr_buf_append(&call->text, value->as.text.data, value->as.text.size) != LR_OK) {
            return LR_ENOMEM;
        }
        return lr_server_return_text(call, value->kind == LR_VALUE_BYTES);
    case LR_VALUE_HANDLE:
    case LR_VALUE_TENSOR:
    case LR_VALUE_MODULE:
    case LR_VALUE_FUNCTION:
    case LR_VALUE_OBJECT:
        break;
    }
    return lr_server_raise(call, "TypeError: this server does not echo a %s",
                           lr_server_value_type(value));
}

enum lr_status lr_server_test_echo(struct lr_server_call *call) {
    if (call->count == 0) {
        return lr_server_want_count(call, "echo", 1);
    }
    return return_copy(call, &call->args[0]);
}

static enum lr_status call_add_to_lhs(struct lr_server_call *call) {
    enum lr_status status = lr_server_want_count(call, "<lambda>", 1);
    return status == LR_OK ? add_values(call, &call->self->bound, &call->args[0]) : status;
}

enum lr_status lr_server_test_add_to_lhs(struct lr_server_call *call) {
    struct lr_server_session *session = call->session;
    struct lr_server_function closure = {.call = call_add_to_lhs};
    struct lr_error error;
    enum lr_status status = lr_server_want_count(call, "_add_to_lhs", 1);
    if (status != LR_OK) {
        return status;
    }
    closure.bound = call->args[0];
    struct lr_text *text = &closure.bound.as.text;
    if (closure.bound.kind == LR_VALUE_STR || closure.bound.kind == LR_VALUE_BYTES) {
        if (lr_server_memory_take(&session->memory, text->size, &error) != LR_OK) {
            return lr_server_raise_error(call, &error);
        }
        char *copy = NULL;
        if (text->size > 0) {
            copy = lr_alloc_bytes(session->server->role.env.alloc, text->size);
            if (copy == NULL) {
                lr_server_memory_give(&session->memory, text->size);
                return LR_ENOMEM;
            }
            memcpy(copy, text->data, text->size);
        }
        text->data = copy;
    } else if (!is_number(&closure.bound)) {
        closure.bound.kind = LR_VALUE_NULL; /* it cannot be added to: the closure will say so */
    }
    return lr_server_return_function(call, &closure);
}
