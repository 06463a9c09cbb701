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
    value = lr_value_int(INT64_MAX - 1);
    rig_invoke(rig, link, "rpc.test.addone", &value, 1);
    rig_expect_int(rig, INT64_MAX);
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

RIG_CASE(server_functions, arguments_are_counted_in_words_as_python_does) {
    lr_link link = rig_open(rig, "client:dev");
    uint64_t function = rig_function(rig, link, "rpc.test.strcat");
    struct lr_value one = str("a");
    static const char missing[] = "TypeError: _strcat() missing 1 required positional argument";
    rig_call(rig, link, function, &one, 1);
    rig_hear_exception(rig, link, missing);
    rig_expect(rig, rig->heard.values.items[0].as.text.size == strlen(missing)); /* one, no "s" */
    rig_call(rig, link, function, NULL, 0);
    rig_hear_exception(rig, link, "missing 2 required positional arguments");
    struct lr_value three[] = {str("a"), str("b"), str("c")};
    rig_call(rig, link, function, three, 3);
    rig_hear_exception(rig, link, "takes 2 positional arguments but 3 were given");
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

/* What cannot be kept beyond the call is not: a tensor's shape is the packet's. */
RIG_CASE(server_functions, add_to_lhs_keeps_nothing_that_cannot_be_added_to) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value one = lr_value_int(1);
    struct lr_value lefts[] = {lr_value_device((struct lr_device){1, 0}), lr_value_null(),
                               lr_value_dtype((struct lr_dtype){0, 32, 1})};
    for (size_t i = 0; i < LR_COUNT_OF(lefts); i++) {
        rig_invoke(rig, link, "rpc.test.add_to_lhs", &lefts[i], 1);
        rig_call(rig, link, rig_heard(rig, 1).as.handle, &one, 1);
        rig_hear_exception(rig, link,
                           "TypeError: unsupported operand type(s) for +: 'NoneType' and 'int'");
    }
    rig_expect_alive(rig, link);
}

RIG_CASE(server_functions, echo_and_shapes_serve_the_suite) {
    lr_link link = rig_open(rig, "client:dev");
    struct lr_value items[] = {str("xyz"), lr_value_int(2)};
    rig_invoke(rig, link, "testing.echo", items, 2);
    rig_expect_text(rig, "xyz");
    struct lr_value wrong[][2] = {{str("KeyError"), lr_value_int(1)},
                                  {lr_value_int(1), str("msg")}};
    for (size_t i = 0; i < LR_COUNT_OF(wrong); i++) {
        rig_call(rig, link, rig_function(rig, link, "testing.test_raise_error"), wrong[i], 2);
        rig_hear_exception(rig, link, "TypeError: ");
    }
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
    element[1] = str("0");
    rig_call(rig, link, rig_function(rig, link, "rpc.testing.GetShapeElem"), element, 2);
    rig_hear_exception(rig, link, "TypeError");
}

RIG_CASE(server_functions, a_shape_has_as_many_dimensions_as_may_be) {
    static struct lr_value dims[1025];
    struct lr_packet packet;
    lr_link link = rig_open(rig, "client:dev");
    lr_packet_init(&packet, lr_alloc_system());
    packet.code = LR_PACKET_CALL_FUNC;
    packet.handle = rig_function(rig, link, "ffi.Shape");
    packet.values.items = dims;
    for (size_t i = 0; i < LR_COUNT_OF(dims); i++) {
        dims[i] = lr_value_int(1);
    }
    packet.values.count = 1024;
    rig_send_packet(rig, link, &packet);
    rig_expect(rig, rig_hear(rig, link) && rig_heard(rig, 0).as.integer == 69);
    packet.values.count = 1025;
    rig_send_packet(rig, link, &packet);
    rig_hear_exception(rig, link, "no shape of 1025 dimensions");
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

/* Whichever of its allocations fails: the client is told what was missing, or has its answer. */
RIG_CASE_ONCE(server_functions, a_call_without_memory_says_so, NULL) {
    struct lr_value items[] = {str("a text that is long enough not to be kept in place"), str("b")};
    lr_link link = rig_open(rig, "client:dev");
    uint64_t function = rig_function(rig, link, "rpc.test.strcat");
    size_t raised = 0;
    for (uint64_t n = 1; n <= 8; n++) {
        rig->alloc->fail_at = rig->alloc->calls + n;
        rig_call(rig, link, function, items, 2);
        rig->alloc->fail_at = 0;
        if (!rig_hear(rig, link) || rig->heard.code != LR_PACKET_EXCEPTION) {
            continue;
        }
        struct lr_text said = rig->heard.values.items[0].as.text;
        raised++;
        cr_expect(lr_text_contains(said, lr_text_of("memory")), "%.*s", (int)said.size, said.data);
    }
    cr_assert_gt(raised, 0U);
}
