/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of the server that look into arrays and return them. Each case also runs with every
 * allocation failing in turn. */
#include <math.h>
#include <string.h>

#include "support/server_rig.h"

static struct lr_value str(const char *text) {
    return lr_value_str(lr_text_of(text));
}

RIG_CASE(server_arrays, return_nd_returns_an_array_that_outlives_its_handle) {
    lr_link link = rig_open(rig, "client:dev");
    uint64_t maker = rig_function(rig, link, "rpc.test.remote_return_nd");
    uint64_t closures[4];
    static const char *const names[] = {"get_arr", "get_elem", "get_arr_elem", "ref_count"};
    for (size_t i = 0; i < 4; i++) {
        struct lr_value name = str(names[i]);
        rig_call(rig, link, maker, &name, 1);
        rig_expect(rig, rig_hear(rig, link));
        closures[i] = rig_heard(rig, 1).as.handle;
    }
    rig_call(rig, link, closures[0], NULL, 0);
    rig_expect(rig, rig_hear(rig, link));
    struct lr_value tensor = rig_heard(rig, 1);
    struct lr_value handle = rig_heard(rig, 2);
    rig_expect(rig, tensor.kind == LR_VALUE_TENSOR && tensor.as.tensor.shape[0] == 10);
    rig_expect(rig, handle.kind == LR_VALUE_HANDLE && handle.as.handle != tensor.as.tensor.data);
    if (tensor.kind == LR_VALUE_TENSOR) {
        struct lr_tensor header = tensor.as.tensor;
        struct lr_value element[] = {lr_value_tensor(&header), lr_value_int(-10)};
        rig_call(rig, link, closures[2], element, 2);
        rig_expect(rig, rig_hear(rig, link));
        rig_expect(rig, rig_heard(rig, 1).kind == LR_VALUE_FLOAT);
        element[1] = lr_value_int(10);
        rig_call(rig, link, closures[2], element, 2);
        rig_hear_exception(rig, link, "IndexError");
        struct lr_value data[] = {lr_value_device(header.device), lr_value_handle(header.data)};
        rig_send_values(rig, link, LR_PACKET_DEV_FREE_DATA, data, 2);
        rig_hear_exception(rig, link, "data of an array");
        rig_send_values(rig, link, LR_PACKET_FREE_HANDLE, &handle, 1);
        rig_hear_void(rig, link);
        rig_copy_from(rig, link, &header, 40); /* the data pointer went with the array */
        rig_hear_exception(rig, link, "no handle");
    }
    struct lr_value zero = lr_value_int(0);
    rig_call(rig, link, closures[1], &zero, 1);
    rig_expect(rig, rig_hear(rig, link));
    rig_expect(rig, rig_heard(rig, 1).kind == LR_VALUE_FLOAT);
    rig_call(rig, link, closures[3], NULL, 0);
    rig_expect(rig, rig_hear(rig, link));
    rig_expect_int(rig, 1);
    struct lr_value other = str("other");
    rig_call(rig, link, maker, &other, 1);
    rig_hear_exception(rig, link, "unknown name");
}

RIG_CASE(server_arrays, remote_array_func_wants_ones) {
    static const char *const names[] = {"rpc.test.remote_array_func",
                                        "rpc.test.remote_tensor_func"};
    lr_link link = rig_open(rig, "client:dev");
    struct lr_tensor tensor = rig_tensor(rig_allocate(rig, link, 12), 3);
    uint8_t ones[12];
    memset(ones, 1, sizeof ones);
    rig_copy_to(rig, link, &tensor, ones, sizeof ones);
    rig_hear_void(rig, link);
    tensor.ndim = 2;
    tensor.shape[1] = 4;
    struct lr_value value = lr_value_tensor(&tensor);
    for (size_t i = 0; i < 2; i++) {
        rig_call(rig, link, rig_function(rig, link, names[i]), &value, 1);
        rig_expect(rig, rig_hear(rig, link));
        rig_expect(rig, rig_heard(rig, 1).kind == LR_VALUE_NULL);
    }
    value.as.tensor.shape[0] = 2;
    rig_call(rig, link, rig_function(rig, link, names[0]), &value, 1);
    rig_hear_exception(rig, link, "AssertionError");
    value.as.tensor.shape[0] = INT64_MAX;
    rig_call(rig, link, rig_function(rig, link, names[0]), &value, 1);
    rig_hear_exception(rig, link, "");
    value = lr_value_int(1);
    rig_call(rig, link, rig_function(rig, link, names[0]), &value, 1);
    rig_hear_exception(rig, link, "TypeError");
    ones[7] = 2;
    rig_copy_to(rig, link, &tensor, ones, sizeof ones);
    rig_hear_void(rig, link);
    value = lr_value_tensor(&tensor);
    rig_call(rig, link, rig_function(rig, link, names[0]), &value, 1);
    rig_hear_exception(rig, link, "element 7");
}

/* Elements of each type, as the bytes of an array on the device and as the number that comes back.
 */
static const struct element_row {
    struct lr_dtype dtype;
    uint8_t bytes[8];
    double number;
} elements[] = {
    {{0, 8, 1}, {0x80}, -128},
    {{0, 8, 1}, {0x7f}, 127},
    {{0, 16, 1}, {0xfe, 0xff}, -2},
    {{0, 32, 1}, {0xfd, 0xff, 0xff, 0xff}, -3},
    {{0, 32, 1}, {0x01, 0x02, 0x03, 0x04}, 0x04030201},
    {{0, 64, 1}, {0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, -4},
    {{1, 8, 1}, {0xff}, 255},
    {{1, 16, 1}, {0xfe, 0xff}, 0xfffe},
    {{1, 32, 1}, {0xfd, 0xff, 0xff, 0xff}, 0xfffffffd},
    {{1, 1, 1}, {1}, 1}, /* a bool of before */
    {{6, 8, 1}, {1}, 1},
    {{2, 16, 1}, {0x00, 0x3c}, 1},
    {{2, 16, 1}, {0x55, 0xb5}, -0.333251953125},
    {{2, 16, 1}, {0x01, 0x00}, 0x1p-24},
    {{2, 16, 1}, {0xff, 0x03}, 0x1.ff8p-15},
    {{2, 16, 1}, {0x00, 0x04}, 0x1p-14},
    {{2, 16, 1}, {0xff, 0x7b}, 65504},
    {{2, 16, 1}, {0x00, 0x7c}, (double)INFINITY},
    {{2, 16, 1}, {0x00, 0xfc}, -(double)INFINITY},
    {{2, 16, 1}, {0x01, 0x7c}, (double)NAN},
    {{2, 32, 1}, {0x00, 0x00, 0xc0, 0xbf}, -1.5},
    {{2, 64, 1}, {0, 0, 0, 0, 0, 0, 0xf0, 0x3f}, 1},
};

static struct lr_value get_element(struct server_rig *rig, lr_link link, uint64_t getter,
                                   const struct lr_tensor *tensor, int64_t index) {
    struct lr_value arguments[] = {lr_value_tensor(tensor), lr_value_int(index)};
    rig_call(rig, link, getter, arguments, 2);
    rig_expect(rig, rig_hear(rig, link));
    return rig_heard(rig, 1);
}

RIG_CASE(server_arrays, elements_of_every_type_are_read) {
    struct lr_value name = str("get_arr_elem");
    lr_link link = rig_open(rig, "client:dev");
    rig_invoke(rig, link, "rpc.test.remote_return_nd", &name, 1);
    uint64_t getter = rig_heard(rig, 1).as.handle;
    uint64_t data = rig_allocate(rig, link, 16);
    for (size_t i = 0; i < LR_COUNT_OF(elements); i++) {
        const struct element_row *row = &elements[i];
        size_t size = row->dtype.bits == 1 ? 1 : (size_t)row->dtype.bits / 8;
        struct lr_tensor tensor = rig_tensor(data, (int64_t)size);
        tensor.byte_offset = size; /* the second one, by its place and by its index */
        rig_copy_to(rig, link, &tensor, row->bytes, size);
        rig_hear_void(rig, link);
        tensor.dtype = row->dtype;
        tensor.shape[0] = 1;
        struct lr_value first = get_element(rig, link, getter, &tensor, 0);
        tensor.byte_offset = 0;
        tensor.shape[0] = 2;
        struct lr_value second = get_element(rig, link, getter, &tensor, -1);
        double number = first.kind == LR_VALUE_FLOAT ? first.as.number : (double)first.as.integer;
        rig_expect(rig, first.kind == (row->dtype.code == 2 ? LR_VALUE_FLOAT : LR_VALUE_INT));
        rig_expect(rig, number == row->number || (isnan(row->number) && isnan(number)));
        rig_expect(rig, second.kind == first.kind && second.as.integer == first.as.integer);
    }
}

RIG_CASE(server_arrays, types_without_a_number_are_refused) {
    static const struct lr_dtype rows[] = {{2, 8, 1},  {2, 1, 1},  {3, 64, 1},
                                           {5, 32, 1}, {0, 24, 1}, {0, 32, 2},
                                           {0, 64, 0}, {7, 8, 1},  {0, 0, 1}};
    struct lr_value name = str("get_arr_elem");
    lr_link link = rig_open(rig, "client:dev");
    rig_invoke(rig, link, "rpc.test.remote_return_nd", &name, 1);
    uint64_t getter = rig_heard(rig, 1).as.handle;
    struct lr_tensor tensor = rig_tensor(rig_allocate(rig, link, 16), 1);
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        tensor.dtype = rows[i];
        struct lr_value arguments[] = {lr_value_tensor(&tensor), lr_value_int(0)};
        rig_call(rig, link, getter, arguments, 2);
        rig_hear_exception(rig, link, "does not look into arrays");
    }
}

RIG_CASE(server_arrays, indices_are_pythons) {
    static const struct {
        int64_t index, element; /* 0: refused */
    } rows[] = {{0, 1}, {2, 3}, {-1, 3}, {-3, 1}, {3, 0}, {-4, 0}, {INT64_MAX, 0}, {INT64_MIN, 0}};
    static const uint8_t bytes[] = {1, 2, 3};
    struct lr_value name = str("get_arr_elem");
    lr_link link = rig_open(rig, "client:dev");
    rig_invoke(rig, link, "rpc.test.remote_return_nd", &name, 1);
    uint64_t getter = rig_heard(rig, 1).as.handle;
    struct lr_tensor tensor = rig_tensor(rig_allocate(rig, link, 3), 3);
    rig_copy_to(rig, link, &tensor, bytes, 3);
    rig_hear_void(rig, link);
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        struct lr_value arguments[] = {lr_value_tensor(&tensor), lr_value_int(rows[i].index)};
        rig_call(rig, link, getter, arguments, 2);
        if (rows[i].element == 0) {
            rig_hear_exception(rig, link, "IndexError");
        } else {
            rig_expect(rig, rig_hear(rig, link));
            rig_expect_int(rig, rows[i].element);
        }
    }
    tensor.ndim = 2;
    tensor.shape[1] = 1;
    struct lr_value arguments[] = {lr_value_tensor(&tensor), lr_value_int(0)};
    rig_call(rig, link, getter, arguments, 2);
    rig_hear_exception(rig, link, "an array of 2 dimensions");
}
