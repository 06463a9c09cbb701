/* SPDX-License-Identifier: Apache-2.0 */
/* What the functions of the server answer and raise. Each case also runs with every allocation
 * failing in turn. */
#include <math.h>
#include <string.h>

#include "support/server_rig.h"

static struct lr_value str(const char *text) {
    return lr_value_str(lr_text_of(text));
}

RIG_CASE(server_functions, addone_adds_as_python_does) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value value = lr_value_int(-9000000000);
    rig_invoke(rig, link, "rpc.test.addone", &value, 1);
    rig_expect_int(rig, -8999999999);
    value = lr_value_float(1.5);
    rig_invoke(rig, link, "rpc.test.addone", &value, 1);
    value = rig_heard(rig, 1);
    rig_expect(rig, value.kind == LR_VALUE_FLOAT && value.as.number > 2.4 && value.as.number < 2.6);
}

RIG_CASE(server_functions, addone_complains_as_python_does) {
    lr_link link = rig_open(rig, "client:dev");
    uint64_t function = rig_function(rig, link, "rpc.test.addone");
    struct lr_value value = str("str");
    rig_call(rig, link, function, &value, 1);
    rig_hear_exception(rig, link, "TypeError: can only concatenate str (not \"int\") to str");
    value = lr_value_null();
    rig_call(rig, link, function, &value, 1);
    rig_hear_exception(rig, link, "unsupported operand type(s) for +: 'NoneType' and 'int'");
    value = lr_value_int(INT64_MAX);
    rig_call(rig, link, function, &value, 1);
    rig_hear_exception(rig, link, "OverflowError");
    rig_call(rig, link, function, NULL, 0);
    rig_hear_exception(rig, link, "TypeError: _addone() missing 1 required positional argument");
    struct lr_value two[] = {lr_value_int(1), lr_value_int(2)};
    rig_call(rig, link, function, two, 2);
    rig_hear_exception(rig, link,
                       "TypeError: _addone() takes 1 positional argument but 2 were given");
    rig_expect_alive(rig, link);
}

static void expect_strcat(struct server_rig *rig, lr_link link, uint64_t function,
                          struct lr_value value, const char *text) {
    struct lr_value items[] = {str("a"), value};
    rig_call(rig, link, function, items, 2);
    rig_expect(rig, rig_hear(rig, link));
    rig_expect_text(rig, text);
}

RIG_CASE(server_functions, strcat_writes_values_as_python_does) {
    lr_link link = rig_open(rig, "client:dev");
    uint64_t function = rig_function(rig, link, "rpc.test.strcat");
    expect_strcat(rig, link, function, lr_value_int(11), "a:11");
    expect_strcat(rig, link, function, lr_value_null(), "a:None");
    expect_strcat(rig, link, function, lr_value_float(1.5), "a:1.5");
    expect_strcat(rig, link, function, lr_value_float(60), "a:60.0");
    expect_strcat(rig, link, function, lr_value_float(0.1), "a:0.1");
    expect_strcat(rig, link, function, lr_value_float(-0.0), "a:-0.0");
    expect_strcat(rig, link, function, lr_value_float(1e22), "a:1e+22");
    expect_strcat(rig, link, function, lr_value_float(1e15), "a:1000000000000000.0");
    expect_strcat(rig, link, function, lr_value_float(0.0001), "a:0.0001");
    expect_strcat(rig, link, function, lr_value_float(0.00001), "a:1e-05");
    expect_strcat(rig, link, function, lr_value_float(123.456), "a:123.456");
    expect_strcat(rig, link, function, lr_value_float(5e-324), "a:5e-324");
    expect_strcat(rig, link, function, lr_value_float((double)INFINITY), "a:inf");
    expect_strcat(rig, link, function, str("b"), "a:b");
}

RIG_CASE(server_functions, runtime_str_concat_joins_texts_and_bytes) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value texts[] = {str("abc"), str("def")};
    struct lr_value bytes[] = {lr_value_bytes("\0\1", 2), lr_value_bytes("\377", 1)};
    struct lr_value mixed[] = {str("abc"), lr_value_bytes("d", 1)};
    rig_invoke(rig, link, "rpc.test.runtime_str_concat", texts, 2);
    rig_expect_text(rig, "abcdef");
    rig_invoke(rig, link, "rpc.test.runtime_str_concat", bytes, 2);
    struct lr_value heard = rig_heard(rig, 1);
    rig_expect(rig, heard.kind == LR_VALUE_BYTES && heard.as.text.size == 3 &&
                        memcmp(heard.as.text.data, "\0\1\377", 3) == 0);
    rig_call(rig, link, rig_function(rig, link, "rpc.test.runtime_str_concat"), mixed, 2);
    bool ffi = rig->dialect == LR_DIALECT_FFI;
    rig_hear_exception(rig, link,
                       ffi ? "TypeError: can only concatenate str (not \"Bytes\") to str"
                           : "TypeError: can only concatenate str (not \"bytearray\") to str");
    struct lr_value swapped[] = {mixed[1], mixed[0]};
    rig_call(rig, link, rig_function(rig, link, "rpc.test.runtime_str_concat"), swapped, 2);
    rig_hear_exception(rig, link,
                       ffi ? "TypeError: can't concat str to Bytes"
                           : "TypeError: can't concat str to bytearray");
}

RIG_CASE(server_functions, except_raises_its_argument) {
    lr_link link = rig_open(rig, "client:dev");
    static char longest[3000];
    struct lr_value value = str("boom-4711");
    uint64_t function = rig_function(rig, link, "rpc.test.except");
    rig_call(rig, link, function, &value, 1);
    rig_hear_exception(rig, link, "ValueError: boom-4711");
    memset(longest, 'x', sizeof longest - 1);
    value = str(longest);
    rig_call(rig, link, function, &value, 1);
    rig_hear_exception(rig, link, longest); /* the whole of it */
    rig_expect_alive(rig, link);
}

RIG_CASE(server_functions, add_to_lhs_returns_a_function_that_remembers) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value ten = lr_value_int(10);
    struct lr_value text = str("left");
    struct lr_value right = str("right");
    rig_invoke(rig, link, "rpc.test.add_to_lhs", &ten, 1);
    uint64_t first = rig_heard(rig, 1).as.handle;
    rig_invoke(rig, link, "rpc.test.add_to_lhs", &text, 1);
    uint64_t second = rig_heard(rig, 1).as.handle;
    rig_call(rig, link, first, &ten, 1);
    rig_expect(rig, rig_hear(rig, link));
    rig_expect_int(rig, 20);
    rig_call(rig, link, second, &right, 1);
    rig_expect(rig, rig_hear(rig, link));
    rig_expect_text(rig, "leftright");
    struct lr_value handle = lr_value_handle(second);
    rig_send_values(rig, link, LR_PACKET_FREE_HANDLE, &handle, 1);
    rig_hear_void(rig, link);
}

RIG_CASE(server_functions, return_nd_returns_an_array_that_outlives_its_handle) {
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

RIG_CASE(server_functions, remote_array_func_wants_ones) {
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

RIG_CASE(server_functions, echo_and_shapes_serve_the_suite) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value items[] = {str("xyz"), lr_value_int(2)};
    rig_invoke(rig, link, "testing.echo", items, 2);
    rig_expect_text(rig, "xyz");
    struct lr_value error[] = {str("KeyError"), str("msg")};
    rig_call(rig, link, rig_function(rig, link, "testing.test_raise_error"), error, 2);
    rig_hear_exception(rig, link, "KeyError: msg");
    char type[128 + 1]; /* a name beyond what is kept of one: cut, and never past its end */
    memset(type, 'T', sizeof type - 1);
    type[sizeof type - 1] = '\0';
    error[0] = str(type);
    rig_call(rig, link, rig_function(rig, link, "testing.test_raise_error"), error, 2);
    memcpy(type + 61, ": msg", sizeof ": msg");
    rig_hear_exception(rig, link, type);
    struct lr_value dims[] = {lr_value_int(2), lr_value_int(3)};
    rig_invoke(rig, link, "ffi.Shape", dims, 2);
    struct lr_value code = rig_heard(rig, 0);
    struct lr_value shape = {.kind = LR_VALUE_OBJECT, .code = 69};
    rig_expect(rig, code.kind == LR_VALUE_INT && code.as.integer == 69);
    shape.as.handle = rig_heard(rig, 1).as.handle;
    rig_invoke(rig, link, "rpc.testing.GetShapeSize", &shape, 1);
    rig_expect_int(rig, 2);
    struct lr_value element[] = {shape, lr_value_int(1)};
    rig_invoke(rig, link, "rpc.testing.GetShapeElem", element, 2);
    rig_expect_int(rig, 3);
    element[1] = lr_value_int(2);
    rig_call(rig, link, rig_function(rig, link, "rpc.testing.GetShapeElem"), element, 2);
    rig_hear_exception(rig, link, "IndexError");
}

RIG_CASE(server_functions, modules_are_refused_with_the_reason) {
    static const char *const names[] = {
        "tvm.rpc.server.load_module", "tvm.rpc.server.download_linked_module",
        "tvm.rpc.server.ImportModule", "tvm.rpc.server.ModuleGetFunction"};
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value name = str("lib.so");
    for (size_t i = 0; i < LR_COUNT_OF(names); i++) {
        rig_call(rig, link, rig_function(rig, link, names[i]), &name, 1);
        rig_hear_exception(rig, link, "runs no compiled models");
    }
    rig_expect_alive(rig, link);
}

RIG_CASE(server_functions, files_stay_in_the_session) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value file[] = {str("a.bin"), lr_value_bytes("\0\1\2", 3)};
    struct lr_value name = str("a.bin");
    rig_expect(rig, lr_server_count(rig->server).directories == 0);
    rig_invoke(rig, link, "tvm.rpc.server.upload", file, 2);
    rig_expect(rig, rig_heard(rig, 1).kind == LR_VALUE_NULL);
    rig_expect(rig, lr_server_count(rig->server).directories == 1);
    rig_invoke(rig, link, "tvm.rpc.server.download", &name, 1);
    struct lr_value heard = rig_heard(rig, 1);
    rig_expect(rig, heard.kind == LR_VALUE_BYTES && heard.as.text.size == 3 &&
                        memcmp(heard.as.text.data, "\0\1\2", 3) == 0);
    rig_invoke(rig, link, "tvm.rpc.server.workpath", &name, 1);
    rig_expect_text(rig, "/memory/session-1/a.bin");
    rig_shutdown(rig, link);
    rig_expect(rig, rig->storage.base.open_directories == 0 && rig->storage.files == 0);
    link = rig_open(rig, "client:dev");
    rig_call(rig, link, rig_function(rig, link, "tvm.rpc.server.download"), &name, 1);
    rig_hear_exception(rig, link, "there is no file");
    rig_invoke(rig, link, "tvm.rpc.server.remove", &name, 1); /* nothing there: as TVM's */
    rig_expect(rig, rig_heard(rig, 1).kind == LR_VALUE_NULL);
}

RIG_CASE(server_functions, no_name_escapes_the_directory) {
    static const char *const names[] = {"../x", "/etc/passwd", "a/../../x", "a//b",
                                        ".",    "..",          "a\\..\\b",  "C:x"};
    static const char *const functions[] = {"tvm.rpc.server.upload", "tvm.rpc.server.download",
                                            "tvm.rpc.server.remove", "tvm.rpc.server.workpath"};
    lr_link link = rig_open(rig, "client:dev");
    for (size_t i = 0; i < LR_COUNT_OF(functions); i++) {
        uint64_t function = rig_function(rig, link, functions[i]);
        for (size_t j = 0; j < LR_COUNT_OF(names); j++) {
            struct lr_value items[] = {str(names[j]), lr_value_bytes("x", 1)};
            rig_call(rig, link, function, items, i == 0 ? 2 : 1);
            rig_hear_exception(rig, link, "is refused");
        }
    }
    rig_expect(rig, lr_server_count(rig->server).directories == 0);
}

/* runtime.RPCTimeEvaluator(NULL, function, cpu 0, ..). */
static uint64_t make_evaluator(struct server_rig *rig, lr_link link, const char *function,
                               int64_t number, int64_t repeat, int64_t cooldown_ms) {
    struct lr_value items[] = {lr_value_null(), str(function),        lr_value_int(1),
                               lr_value_int(0), lr_value_int(number), lr_value_int(repeat),
                               lr_value_int(0), lr_value_int(1),      lr_value_int(cooldown_ms),
                               lr_value_int(1), lr_value_int(0),      str("")};
    rig_invoke(rig, link, "runtime.RPCTimeEvaluator", items, LR_COUNT_OF(items));
    struct lr_value heard = rig_heard(rig, 1);
    rig_expect(rig, heard.kind == LR_VALUE_HANDLE);
    return heard.kind == LR_VALUE_HANDLE ? heard.as.handle : 0;
}

RIG_CASE(server_functions, time_evaluator_returns_a_double_for_each_repeat) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value one = lr_value_int(1);
    uint64_t evaluator = make_evaluator(rig, link, "rpc.test.addone", 2500, 3, 0);
    rig_call(rig, link, evaluator, &one, 1);
    lr_driver_advance(rig->driver, LR_MS);
    rig_expect(rig, rig_hear(rig, link));
    struct lr_value heard = rig_heard(rig, 1);
    rig_expect(rig, heard.kind == LR_VALUE_BYTES && heard.as.text.size == 24);
    for (size_t i = 0; heard.kind == LR_VALUE_BYTES && i + 8 <= heard.as.text.size; i += 8) {
        struct lr_reader reader = lr_reader_of(heard.as.text.data + i, 8);
        uint64_t bits = lr_read_u64(&reader);
        double seconds;
        memcpy(&seconds, &bits, sizeof seconds);
        rig_expect(rig, seconds > 0 && seconds < 1); /* a client divides by it */
    }
    rig_expect_alive(rig, link);
}

RIG_CASE(server_functions, time_evaluator_cools_down_and_later_packets_wait) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value one = lr_value_int(1);
    struct lr_value name = str("rpc.test.addone");
    uint64_t evaluator = make_evaluator(rig, link, "rpc.test.addone", 1, 1, 8000);
    rig_call(rig, link, evaluator, &one, 1);
    rig_send_values(rig, link, LR_PACKET_GET_GLOBAL_FUNC, &name, 1);
    lr_driver_advance(rig->driver, 8 * LR_SECOND - 1);
    rig_hear_nothing(rig, link);
    lr_driver_advance(rig->driver, 1);
    rig_expect(rig, rig_hear(rig, link));
    rig_expect(rig, rig_heard(rig, 1).kind == LR_VALUE_BYTES);
    rig_expect(rig, rig_hear(rig, link));
    rig_expect(rig, rig_heard(rig, 0).kind == LR_VALUE_HANDLE);
    rig_expect_alive(rig, link);
}

RIG_CASE(server_functions, fin_in_a_running_call_releases_at_once) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value one = lr_value_int(1);
    rig_call(rig, link, make_evaluator(rig, link, "rpc.test.addone", 1, 1, 8000), &one, 1);
    lr_driver_advance(rig->driver, LR_SECOND);
    rig_expect(rig, lr_server_count(rig->server).sessions == 1);
    if (link != LR_LINK_NONE) {
        lr_driver_fin(rig->driver, link);
    }
    rig_expect(rig, lr_server_count(rig->server).sessions == 0);
    lr_driver_advance(rig->driver, 20 * LR_SECOND); /* and nothing of the call comes after it */
}

RIG_CASE(server_functions, timeout_in_a_running_call_is_seen_by_it) {
    lr_link link = rig_open(rig, "client:dev -timeout=1");
    struct lr_value one = lr_value_int(1);
    rig_call(rig, link, make_evaluator(rig, link, "rpc.test.addone", 1, 1, 8000), &one, 1);
    lr_driver_advance(rig->driver, LR_SECOND);
    rig_hear_exception(rig, link, "Your 1.0s session has expired");
    rig_hear_fin(rig, link);
    rig_expect(rig, lr_server_count(rig->server).sessions == 0);
}

RIG_CASE(server_functions, time_evaluator_raises_what_the_function_raises) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value boom = str("boom");
    rig_call(rig, link, make_evaluator(rig, link, "rpc.test.except", 10, 10, 0), &boom, 1);
    lr_driver_advance(rig->driver, LR_MS);
    rig_hear_exception(rig, link, "boom");
    rig_expect_alive(rig, link);
}

RIG_CASE(server_functions, what_an_evaluated_function_makes_is_freed) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value name = str("get_arr");
    rig_call(rig, link, make_evaluator(rig, link, "rpc.test.remote_return_nd", 50, 2, 0), &name, 1);
    lr_driver_advance(rig->driver, LR_MS);
    rig_expect(rig, rig_hear(rig, link));
    rig_expect(rig, lr_server_count(rig->server).device_blocks == 0);
    rig_expect(rig, lr_server_count(rig->server).handles == 2); /* RPCTimeEvaluator, its result */
}

RIG_CASE(server_functions, time_evaluator_refuses_what_it_cannot_do) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value items[] = {lr_value_null(), str("no.such"),  lr_value_int(1), lr_value_int(0),
                               lr_value_int(1), lr_value_int(1), lr_value_int(0)};
    uint64_t function = rig_function(rig, link, "runtime.RPCTimeEvaluator");
    rig_call(rig, link, function, items, 7);
    rig_hear_exception(rig, link, "Cannot find");
    items[1] = str("runtime.RPCTimeEvaluator");
    rig_call(rig, link, function, items, 7);
    rig_hear_exception(rig, link, "Cannot find");
    items[1] = str("rpc.test.addone");
    rig_call(rig, link, function, items, 6);
    rig_hear_exception(rig, link, "arguments");
    items[4] = lr_value_int(0);
    rig_call(rig, link, function, items, 7);
    rig_hear_exception(rig, link, "out of range");
    items[4] = lr_value_int(1);
    items[2] = lr_value_int(2);
    rig_call(rig, link, function, items, 7);
    rig_hear_exception(rig, link, "no device");
    rig_expect_alive(rig, link);
}
