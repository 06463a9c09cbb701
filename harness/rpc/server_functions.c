/* SPDX-License-Identifier: Apache-2.0 */
/* The table of functions, and what all of them use to take arguments and to answer. */
#include "rpc/server_functions.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "rpc/server_text.h"

static enum lr_status refuse_module(struct lr_server_call *call) {
    return lr_server_raise(call, "RuntimeError: this server runs no compiled models: it neither "
                                 "loads nor links modules");
}

/* What a plain Python server of TVM has, and what its own test suite calls besides. */
static const struct lr_server_row rows[] = {
    {"ffi.Shape", lr_server_shape_new},
    {"rpc.test.add_to_lhs", lr_server_test_add_to_lhs},
    {"rpc.test.addone", lr_server_test_addone},
    {"rpc.test.except", lr_server_test_except},
    {"rpc.test.remote_array_func", lr_server_test_array},
    {"rpc.test.remote_return_nd", lr_server_test_return_nd},
    {"rpc.test.remote_tensor_func", lr_server_test_array},
    {"rpc.test.runtime_str_concat", lr_server_test_str_concat},
    {"rpc.test.strcat", lr_server_test_strcat},
    {"rpc.testing.GetShapeElem", lr_server_shape_elem},
    {"rpc.testing.GetShapeSize", lr_server_shape_size},
    {"runtime.RPCTimeEvaluator", lr_server_time_evaluator},
    {"testing.echo", lr_server_test_echo},
    {"testing.test_raise_error", lr_server_test_raise},
    {"tvm.rpc.server.ImportModule", refuse_module},
    {"tvm.rpc.server.ModuleGetFunction", refuse_module},
    {"tvm.rpc.server.download", lr_server_file_download},
    {"tvm.rpc.server.download_linked_module", refuse_module},
    {"tvm.rpc.server.load_module", refuse_module},
    {"tvm.rpc.server.remove", lr_server_file_remove},
    {"tvm.rpc.server.upload", lr_server_file_upload},
    {"tvm.rpc.server.workpath", lr_server_file_workpath},
};

const struct lr_server_row *lr_server_function_find(struct lr_text name) {
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        if (lr_text_equal(name, lr_text_of(rows[i].name))) {
            return &rows[i];
        }
    }
    return NULL;
}

static bool owns_text(const struct lr_value *value) {
    return (value->kind == LR_VALUE_STR || value->kind == LR_VALUE_BYTES) &&
           value->as.text.size > 0;
}

/* Drops what a function remembers. */
static void drop_bound(struct lr_server_session *session, struct lr_server_function *function) {
    if (owns_text(&function->bound)) {
        size_t size = function->bound.as.text.size;
        lr_alloc_free(session->server->role.env.alloc, (void *)function->bound.as.text.data, size);
        lr_server_memory_give(&session->memory, size);
        function->bound = lr_value_null();
    }
    if (function->block != NULL) {
        lr_server_block_drop(&session->memory, function->block);
        function->block = NULL;
    }
}

static void drop_function(void *context, void *object) {
    struct lr_server_session *session = context;
    struct lr_server_function *function = object;
    drop_bound(session, function);
    LR_FREE(session->server->role.env.alloc, function);
}

enum lr_status lr_server_function_add(struct lr_server_session *session,
                                      const struct lr_server_function *prototype, uint64_t *handle,
                                      struct lr_error *error) {
    struct lr_alloc *alloc = session->server->role.env.alloc;
    struct lr_server_function *function = LR_NEW(alloc, struct lr_server_function);
    if (function == NULL) {
        return lr_error_set(error, LR_ENOMEM, "out of memory for a function");
    }
    *function = *prototype;
    enum lr_status status = lr_server_handles_add(&session->handles, LR_SERVER_HANDLE_FUNCTION,
                                                  function, drop_function, handle, error);
    if (status != LR_OK) {
        LR_FREE(alloc, function);
    }
    return status;
}

void lr_server_call_init(struct lr_server_call *call, struct lr_server_session *session,
                         const struct lr_value *args, size_t count, lr_time now) {
    *call = (struct lr_server_call){.session = session, .args = args, .count = count, .now = now};
    lr_buf_init(&call->text, session->server->role.env.alloc);
}

void lr_server_call_drop(struct lr_server_call *call) {
    struct lr_server_handles *handles = &call->session->handles;
    if (call->handle != 0) {
        lr_server_handles_free(handles, lr_server_handles_find(handles, call->handle, NULL));
    }
    lr_buf_deinit(&call->text);
}

void lr_server_call_answer(struct lr_server_call *call, enum lr_status status) {
    struct lr_server_session *session = call->session;
    struct lr_buf text = lr_buf_take(&call->text); /* borrowed by the values */
    struct lr_value items[1 + LR_COUNT_OF(call->values)];
    LR_ASSERT(status != LR_EBUSY);
    call->handle = 0; /* the client's */
    if (status == LR_OK) {
        items[0] = lr_value_int(call->code);
        for (size_t i = 0; i < call->value_count; i++) {
            items[1 + i] = call->values[i];
        }
        lr_server_answer_values(session, items, 1 + call->value_count, call->now);
    } else if (status == LR_EREMOTE) {
        struct lr_text said = {(const char *)lr_buf_data(&text), lr_buf_size(&text)};
        lr_server_answer_exception(session, said, call->now);
    } else {
        struct lr_error error;
        (void)lr_error_set(&error, status, "%s", lr_status_text(status));
        lr_server_answer_error(session, &error, call->now);
    }
    lr_buf_deinit(&text);
}

enum lr_status lr_server_return_null(struct lr_server_call *call) {
    return lr_server_return_value(call, LR_RESULT_NULL, lr_value_null());
}

enum lr_status lr_server_return_value(struct lr_server_call *call, enum lr_result_kind kind,
                                      struct lr_value value) {
    size_t size = kind == LR_RESULT_STR || kind == LR_RESULT_BYTES ? value.as.text.size : 0;
    call->code = lr_result_code(call->session->dialect, kind, size);
    call->values[0] = value;
    call->value_count = 1;
    return LR_OK;
}

enum lr_status lr_server_return_text(struct lr_server_call *call, bool is_bytes) {
    struct lr_text text = {(const char *)lr_buf_data(&call->text), lr_buf_size(&call->text)};
    return is_bytes
               ? lr_server_return_value(call, LR_RESULT_BYTES, lr_value_bytes(text.data, text.size))
               : lr_server_return_value(call, LR_RESULT_STR, lr_value_str(text));
}

enum lr_status lr_server_return_function(struct lr_server_call *call,
                                         struct lr_server_function *prototype) {
    struct lr_error error;
    uint64_t handle = 0;
    if (lr_server_function_add(call->session, prototype, &handle, &error) != LR_OK) {
        drop_bound(call->session, prototype);
        return lr_server_raise_error(call, &error);
    }
    call->handle = handle;
    return lr_server_return_value(call, LR_RESULT_FUNCTION, lr_value_handle(handle));
}

static enum lr_status raise_pieces(struct lr_server_call *call, const char *type,
                                   struct lr_text text) {
    lr_buf_deinit(&call->text);
    if (lr_buf_append(&call->text, type, strlen(type)) != LR_OK ||
        lr_buf_append(&call->text, text.data, text.size) != LR_OK) {
        return LR_ENOMEM;
    }
    return LR_EREMOTE;
}

enum lr_status lr_server_raise(struct lr_server_call *call, const char *format, ...) {
    char text[LR_ERROR_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return raise_pieces(call, "", lr_text_of(text));
}

enum lr_status lr_server_raise_text(struct lr_server_call *call, const char *type,
                                    struct lr_text text) {
    return raise_pieces(call, type, text);
}

enum lr_status lr_server_raise_error(struct lr_server_call *call, const struct lr_error *error) {
    bool memory = error->code == LR_ENOMEM || error->code == LR_ELIMIT;
    return lr_server_raise(call, "%s%s", memory ? "MemoryError: " : "", error->text);
}

enum lr_status lr_server_want_count(struct lr_server_call *call, const char *function,
                                    size_t count) {
    if (call->count > count) { /* as Python says it */
        return lr_server_raise(
            call, "TypeError: %s() takes %zu positional argument%s but %zu %s given", function,
            count, count == 1 ? "" : "s", call->count, call->count == 1 ? "was" : "were");
    }
    if (call->count < count) {
        return lr_server_raise(call, "TypeError: %s() missing %zu required positional argument%s",
                               function, count - call->count, count - call->count == 1 ? "" : "s");
    }
    return LR_OK;
}

enum lr_status lr_server_want_text(struct lr_server_call *call, const char *function,
                                   size_t index) {
    LR_ASSERT(index < call->count);
    if (call->args[index].kind != LR_VALUE_STR) {
        return lr_server_raise(call, "TypeError: argument %zu of %s() is a %s, not a str", index,
                               function, lr_server_value_type(&call->args[index]));
    }
    return LR_OK;
}

enum lr_status lr_server_want_int(struct lr_server_call *call, const char *function, size_t index,
                                  int64_t *value) {
    LR_ASSERT(index < call->count);
    const struct lr_value *argument = &call->args[index];
    if (argument->kind != LR_VALUE_INT && argument->kind != LR_VALUE_BOOL) {
        return lr_server_raise(call, "TypeError: argument %zu of %s() is a %s, not an int", index,
                               function, lr_server_value_type(argument));
    }
    *value = argument->as.integer;
    return LR_OK;
}
