/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of TVM's test suite that look into arrays and return them, and its shapes. Elements
 * are read little-endian, as they came over the wire. */
#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "rpc/server_functions.h"
#include "rpc/server_text.h"

enum {
    DTYPE_INT = 0,
    DTYPE_UINT = 1,
    DTYPE_FLOAT = 2,
    DTYPE_BOOL = 6,
    ND_COUNT = 10,   /* elements of the array that remote_return_nd keeps */
    SHAPE_CODE = 69, /* of a shape as a result, ffi */
    SHAPE_NDIM_MAX = 1024
};

static uint64_t read_bits(const uint8_t *bytes, size_t size) {
    uint64_t bits = 0;
    for (size_t i = 0; i < size; i++) {
        bits |= (uint64_t)bytes[i] << (8 * i);
    }
    return bits;
}

static double half_of(uint64_t bits) {
    int exponent = (int)(bits >> 10 & 0x1f);
    double fraction = (double)(bits & 0x3ff);
    double sign = (bits & 0x8000) != 0 ? -1 : 1;
    if (exponent == 0x1f) {
        return fraction != 0 ? NAN : sign * INFINITY;
    }
    return sign * (exponent == 0 ? ldexp(fraction, -24) : ldexp(fraction + 1024, exponent - 25));
}

/* One element as the number it is; false for a type that has none here. */
static bool read_element(struct lr_dtype dtype, const uint8_t *bytes, struct lr_value *value) {
    size_t size = dtype.bits == 1 ? 1 : (size_t)dtype.bits / 8;
    uint64_t bits = read_bits(bytes, size);
    uint32_t low = (uint32_t)bits;
    float single;
    double number;
    if (dtype.code == DTYPE_FLOAT) {
        memcpy(&single, &low, sizeof single);
        memcpy(&number, &bits, sizeof number);
        *value = lr_value_float(dtype.bits == 64   ? number
                                : dtype.bits == 32 ? (double)single
                                                   : half_of(bits));
        return dtype.bits == 64 || dtype.bits == 32 || dtype.bits == 16;
    }
    if (dtype.code == DTYPE_INT && size < 8 && (bits >> (8 * size - 1) & 1) != 0) {
        bits |= UINT64_MAX << (8 * size); /* negative */
    }
    *value = lr_value_int((int64_t)bits);
    return dtype.code == DTYPE_INT || dtype.code == DTYPE_UINT || dtype.code == DTYPE_BOOL;
}

/* Bytes of an element that read_element reads; 0 for a type that it does not know. */
static size_t element_size(struct lr_dtype dtype) {
    struct lr_value value;
    static const uint8_t zeros[8];
    bool whole = dtype.bits == 1 || dtype.bits == 8 || dtype.bits == 16 || dtype.bits == 32 ||
                 dtype.bits == 64;
    if (!whole || dtype.lanes != 1 || !read_element(dtype, zeros, &value)) {
        return 0;
    }
    return dtype.bits == 1 ? 1 : (size_t)dtype.bits / 8;
}

/* A tensor argument whose elements can be read: the block it lies in, the size of an element and
 * how many there are. LR_OK, or raised. */
static enum lr_status want_array(struct lr_server_call *call, const char *function, size_t index,
                                 struct lr_server_block **block, size_t *size, size_t *count) {
    const struct lr_value *value = &call->args[index];
    struct lr_error error;
    uint64_t bytes;
    if (value->kind != LR_VALUE_TENSOR) {
        return lr_server_raise(call, "TypeError: argument %zu of %s() is a %s, not an array", index,
                               function, lr_server_value_type(value));
    }
    *size = element_size(value->as.tensor.dtype);
    if (*size == 0 || lr_tensor_bytes(call->session->dialect, &value->as.tensor, &bytes) != LR_OK) {
        return lr_server_raise(call,
                               "TypeError: this server does not look into arrays of dtype "
                               "(%u, %u bits, %u lanes)",
                               (unsigned int)value->as.tensor.dtype.code,
                               (unsigned int)value->as.tensor.dtype.bits,
                               (unsigned int)value->as.tensor.dtype.lanes);
    }
    uint64_t elements = 1;
    for (int32_t i = 0; i < value->as.tensor.ndim; i++) {
        elements *=
            (uint64_t)value->as.tensor.shape[i]; /* no overflow: it is at most |bytes| * 8 */
    }
    if (elements > SIZE_MAX / *size) {
        return lr_server_raise(call, "ValueError: the array is too large");
    }
    if (lr_server_tensor_find(call->session, &value->as.tensor, elements * *size, block, &error) !=
        LR_OK) {
        return lr_server_raise_error(call, &error);
    }
    *count = (size_t)elements;
    return LR_OK;
}

/* Raises where the array is not 3 x 4 ones. */
enum lr_status lr_server_test_array(struct lr_server_call *call) {
    struct lr_server_block *block = NULL;
    size_t size = 0;
    size_t count = 0;
    enum lr_status status = lr_server_want_count(call, "_remote_array_func", 1);
    if (status == LR_OK) {
        status = want_array(call, "_remote_array_func", 0, &block, &size, &count);
    }
    if (status != LR_OK) {
        return status;
    }
    const struct lr_tensor *tensor = &call->args[0].as.tensor;
    if (tensor->ndim != 2 || tensor->shape[0] != 3 || tensor->shape[1] != 4) {
        return lr_server_raise(call,
                               "AssertionError: Arrays are not equal: the shape is not (3, 4)");
    }
    const uint8_t *bytes = lr_server_block_read(block, (size_t)tensor->byte_offset, size * count);
    for (size_t i = 0; i < count; i++) {
        struct lr_value value;
        (void)read_element(tensor->dtype, bytes + i * size, &value);
        double number = value.kind == LR_VALUE_FLOAT ? value.as.number : (double)value.as.integer;
        if (number != 1.0) {
            return lr_server_raise(call,
                                   "AssertionError: Arrays are not equal: element %zu is not 1", i);
        }
    }
    return lr_server_return_null(call);
}

/* array[index] of an array with one dimension, as Python counts. */
static enum lr_status return_element(struct lr_server_call *call, const struct lr_tensor *tensor,
                                     struct lr_server_block *block, size_t size, size_t count,
                                     int64_t index) {
    struct lr_value value;
    if (tensor->ndim != 1) {
        return lr_server_raise(call,
                               "TypeError: an element of an array of %d dimensions is no number",
                               (int)tensor->ndim);
    }
    int64_t at = index < 0 ? index + (int64_t)count : index;
    if (at < 0 || at >= (int64_t)count) {
        return lr_server_raise(call,
                               "IndexError: index %lld is out of bounds for axis 0 with size %zu",
                               (long long)index, count);
    }
    size_t offset = (size_t)tensor->byte_offset + (size_t)at * size;
    (void)read_element(tensor->dtype, lr_server_block_read(block, offset, size), &value);
    return lr_server_return_value(
        call, value.kind == LR_VALUE_FLOAT ? LR_RESULT_FLOAT : LR_RESULT_INT, value);
}

static const struct lr_tensor nd_tensor = {
    .device = {.type = 1, .id = 0},
    .ndim = 1,
    .dtype = {.code = DTYPE_FLOAT, .bits = 32, .lanes = 1},
    .shape = {ND_COUNT},
};

static enum lr_status call_get_elem(struct lr_server_call *call) {
    int64_t index = 0;
    enum lr_status status = lr_server_want_count(call, "<lambda>", 1);
    if (status == LR_OK) {
        status = lr_server_want_int(call, "<lambda>", 0, &index);
    }
    return status == LR_OK
               ? return_element(call, &nd_tensor, call->self->block, sizeof(float), ND_COUNT, index)
               : status;
}

static enum lr_status call_get_arr_elem(struct lr_server_call *call) {
    struct lr_server_block *block = NULL;
    size_t size = 0;
    size_t count = 0;
    int64_t index = 0;
    enum lr_status status = lr_server_want_count(call, "<lambda>", 2);
    if (status == LR_OK) {
        status = want_array(call, "<lambda>", 0, &block, &size, &count);
    }
    if (status == LR_OK) {
        status = lr_server_want_int(call, "<lambda>", 1, &index);
    }
    return status == LR_OK
               ? return_element(call, &call->args[0].as.tensor, block, size, count, index)
               : status;
}

static enum lr_status call_ref_count(struct lr_server_call *call) {
    return lr_server_return_value(call, LR_RESULT_INT,
                                  lr_value_int((int64_t)call->self->block->references));
}

static void drop_data(void *context, void *object) {
    struct lr_server_session *session = context;
    lr_server_block_drop(&session->memory, object);
}

/* An array that a function returned: two handles, its data pointer and what frees it, as TVM's are
 * two. The one goes with the other. */
struct returned_array {
    uint64_t data;
};

static void drop_array(void *context, void *object) {
    struct lr_server_session *session = context;
    struct returned_array *array = object;
    struct lr_server_handle *data = lr_server_handles_find(&session->handles, array->data, NULL);
    if (data != NULL) { /* at a session's end it may have gone before */
        lr_server_handles_free(&session->handles, data);
    }
    LR_FREE(session->server->role.env.alloc, array);
}

static enum lr_status call_get_arr(struct lr_server_call *call) {
    struct lr_server_session *session = call->session;
    struct lr_alloc *alloc = session->server->role.env.alloc;
    struct lr_error error;
    struct returned_array *array = LR_NEW(alloc, struct returned_array);
    uint64_t handle;
    if (array == NULL) {
        return LR_ENOMEM;
    }
    struct lr_server_block *block = lr_server_block_keep(call->self->block);
    if (lr_server_handles_add(&session->handles, LR_SERVER_HANDLE_ARRAY_DATA, block, drop_data,
                              &array->data, &error) != LR_OK) {
        lr_server_block_drop(&session->memory, block);
        LR_FREE(alloc, array);
        return lr_server_raise_error(call, &error);
    }
    if (lr_server_handles_add(&session->handles, LR_SERVER_HANDLE_ARRAY, array, drop_array, &handle,
                              &error) != LR_OK) {
        drop_array(session, array);
        return lr_server_raise_error(call, &error);
    }
    struct lr_tensor tensor = nd_tensor;
    tensor.data = array->data;
    call->handle = handle;
    call->values[1] = lr_value_handle(handle);
    (void)lr_server_return_value(call, LR_RESULT_ARRAY, lr_value_tensor(&tensor));
    call->value_count = 2;
    return LR_OK;
}

enum lr_status lr_server_test_return_nd(struct lr_server_call *call) {
    static const struct {
        const char *name;
        lr_server_function_call call;
    } closures[] = {
        {"get_arr", call_get_arr},
        {"ref_count", call_ref_count},
        {"get_elem", call_get_elem},
        {"get_arr_elem", call_get_arr_elem},
    };
    struct lr_error error;
    enum lr_status status = lr_server_want_count(call, "_my_module", 1);
    if (status == LR_OK) {
        status = lr_server_want_text(call, "_my_module", 0);
    }
    for (size_t i = 0; status == LR_OK && i < LR_COUNT_OF(closures); i++) {
        if (!lr_text_equal(call->args[0].as.text, lr_text_of(closures[i].name))) {
            continue;
        }
        struct lr_server_function closure = {.call = closures[i].call};
        closure.block =
            lr_server_block_new(&call->session->memory, ND_COUNT * sizeof(float), &error);
        return closure.block == NULL ? lr_server_raise_error(call, &error)
                                     : lr_server_return_function(call, &closure);
    }
    return status == LR_OK ? lr_server_raise(call, "RuntimeError: unknown name") : status;
}

/* Shapes: objects of the session, which ffi clients name as remote objects. */
struct shape {
    size_t count;
    int64_t items[];
};

static size_t shape_bytes(size_t count) {
    return sizeof(struct shape) + count * sizeof(int64_t);
}

static void drop_shape(void *context, void *object) {
    struct lr_server_session *session = context;
    struct shape *shape = object;
    lr_alloc_free(session->server->role.env.alloc, shape, shape_bytes(shape->count));
}

enum lr_status lr_server_shape_new(struct lr_server_call *call) {
    struct lr_server_session *session = call->session;
    struct lr_error error;
    uint64_t handle;
    if (session->dialect != LR_DIALECT_FFI || call->count > SHAPE_NDIM_MAX) {
        return lr_server_raise(call, "TypeError: no shape of %zu dimensions in this dialect",
                               call->count);
    }
    struct shape *shape = lr_alloc_bytes(session->server->role.env.alloc, shape_bytes(call->count));
    if (shape == NULL) {
        return LR_ENOMEM;
    }
    shape->count = call->count;
    for (size_t i = 0; i < call->count; i++) {
        enum lr_status status = lr_server_want_int(call, "Shape", i, &shape->items[i]);
        if (status != LR_OK) {
            drop_shape(session, shape);
            return status;
        }
    }
    if (lr_server_handles_add(&session->handles, LR_SERVER_HANDLE_OBJECT, shape, drop_shape,
                              &handle, &error) != LR_OK) {
        drop_shape(session, shape);
        return lr_server_raise_error(call, &error);
    }
    call->handle = handle;
    (void)lr_server_return_value(call, LR_RESULT_HANDLE, lr_value_handle(handle));
    call->code = SHAPE_CODE;
    return LR_OK;
}

/* The shape that the first argument names. LR_OK, or raised. */
static enum lr_status want_shape(struct lr_server_call *call, const char *function,
                                 const struct shape **shape) {
    const struct lr_value *value = &call->args[0];
    struct lr_error error;
    if (value->kind != LR_VALUE_OBJECT) {
        return lr_server_raise(call, "TypeError: argument 0 of %s() is a %s, not a shape", function,
                               lr_server_value_type(value));
    }
    *shape = lr_server_handles_get(&call->session->handles, value->as.handle,
                                   LR_SERVER_HANDLE_OBJECT, &error);
    return *shape == NULL ? lr_server_raise_error(call, &error) : LR_OK;
}

enum lr_status lr_server_shape_size(struct lr_server_call *call) {
    const struct shape *shape = NULL;
    enum lr_status status = lr_server_want_count(call, "GetShapeSize", 1);
    if (status == LR_OK) {
        status = want_shape(call, "GetShapeSize", &shape);
    }
    if (status != LR_OK || shape == NULL) {
        return status;
    }
    return lr_server_return_value(call, LR_RESULT_INT, lr_value_int((int64_t)shape->count));
}

enum lr_status lr_server_shape_elem(struct lr_server_call *call) {
    const struct shape *shape = NULL;
    int64_t index = 0;
    enum lr_status status = lr_server_want_count(call, "GetShapeElem", 2);
    if (status == LR_OK) {
        status = want_shape(call, "GetShapeElem", &shape);
    }
    if (status == LR_OK) {
        status = lr_server_want_int(call, "GetShapeElem", 1, &index);
    }
    if (status != LR_OK || shape == NULL) {
        return status;
    }
    if (index < 0 || index >= (int64_t)shape->count) {
        return lr_server_raise(call,
                               "IndexError: a shape of %zu dimensions has none with index %lld",
                               shape->count, (long long)index);
    }
    return lr_server_return_value(call, LR_RESULT_INT, lr_value_int(shape->items[index]));
}
