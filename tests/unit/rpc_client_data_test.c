/* SPDX-License-Identifier: Apache-2.0 */
/* Data that comes from a server: arrays, in any pieces, and what a hostile one sends. */
#include <stdlib.h>
#include <string.h>

#include "support/client_rig.h"

static const enum lr_dialect ffi = LR_DIALECT_FFI;

/* Arrays. */

CLIENT_CASE(rpc_client_data, allocates_copies_in_and_out_and_frees) {
    struct client_rig rig;
    struct lr_tensor tensor = client_rig_floats(3);
    static const uint8_t data[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    static const uint8_t ack[] = {16, 0, 0, 0, 0, 0, 0, 0, 8, 0,  0,  0,
                                  1,  2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    const struct lr_value handle = lr_value_handle(0xabc);
    lr_op op;
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL) && client_rig_session(&rig, ffi));
    lr_time now = client_rig_now(&rig);
    RIG_EXPECT(&rig, lr_session_allocate(rig.session, now, &tensor, &op) == LR_OK);
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_DEV_ALLOC_DATA_WITH_SCOPE));
    client_rig_return(&rig, rig.server, ffi, &handle, 1);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_OK));
    RIG_EXPECT(&rig, rig.result.value.kind == LR_VALUE_TENSOR);
    tensor = rig.result.value.as.tensor;
    RIG_EXPECT(&rig, tensor.data == 0xabc && tensor.shape[0] == 3);
    RIG_EXPECT(&rig,
               lr_session_copy_in(rig.session, now, &tensor, data, sizeof data, &op) == LR_OK);
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_COPY_TO_REMOTE));
    client_rig_return_void(&rig, rig.server, ffi);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_OK) && rig.result.kind == LR_ANSWER_NONE);
    RIG_EXPECT(&rig, lr_session_copy_out(rig.session, now, &tensor, &op) == LR_OK);
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_COPY_FROM_REMOTE));
    lr_driver_feed_pieces(rig.driver, rig.server, ack, sizeof ack, 1);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_OK) && rig.result.kind == LR_ANSWER_BYTES);
    RIG_EXPECT(&rig, lr_buf_size(&rig.result.bytes) == sizeof data);
    RIG_EXPECT(&rig, memcmp(lr_buf_data(&rig.result.bytes), data, sizeof data) == 0);
    RIG_EXPECT(&rig, lr_session_free_data(rig.session, now, &tensor, &op) == LR_OK);
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_DEV_FREE_DATA));
    client_rig_return_void(&rig, rig.server, ffi);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_OK));
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client_data, refuses_arrays_that_cannot_be_right) {
    struct client_rig rig;
    struct lr_tensor tensor = client_rig_floats(3);
    struct lr_tensor huge = client_rig_floats(INT64_MAX);
    struct lr_tensor negative = client_rig_floats(-1);
    uint8_t data[12] = {0};
    lr_op op = 0;
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL) && client_rig_session(&rig, ffi));
    lr_time now = client_rig_now(&rig);
    RIG_EXPECT(&rig, lr_session_copy_in(rig.session, now, &tensor, data, 11, &op) == LR_EINVAL);
    RIG_EXPECT(&rig, lr_session_copy_out(rig.session, now, &huge, &op) == LR_EINVAL);
    RIG_EXPECT(&rig, lr_session_allocate(rig.session, now, &negative, &op) == LR_EINVAL);
    RIG_EXPECT(&rig, lr_session_command(rig.session, now, LR_PACKET_CALL_FUNC, NULL, 0, &op) ==
                         LR_EINVAL);
    tensor = client_rig_floats(INT64_C(1) << 28); /* a GiB: more than a packet may have */
    RIG_EXPECT(&rig, lr_session_copy_out(rig.session, now, &tensor, &op) == LR_EINVAL);
    RIG_EXPECT(&rig, op == 0 && client_rig_pending(&rig, rig.server) == 0);
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client_data, takes_a_large_array_in_small_pieces) {
    struct client_rig rig;
    enum { FLOATS = 1 << 18, SIZE = FLOATS * 4 };
    struct lr_tensor tensor = client_rig_floats(FLOATS);
    static const uint8_t head[] = {4, 0, 0x10, 0, 0, 0, 0, 0, 8, 0, 0, 0};
    uint8_t *data = malloc(SIZE);
    lr_op op;
    (void)context;
    cr_assert_not_null(data);
    for (size_t i = 0; i < SIZE; i++) {
        data[i] = (uint8_t)(i * 31 >> 3);
    }
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL) && client_rig_session(&rig, ffi));
    RIG_EXPECT(&rig, lr_session_copy_out(rig.session, client_rig_now(&rig), &tensor, &op) == LR_OK);
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_COPY_FROM_REMOTE));
    lr_driver_feed(rig.driver, rig.server, head, sizeof head);
    lr_driver_feed_pieces(rig.driver, rig.server, data, SIZE, 1000);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_OK));
    RIG_EXPECT(&rig, lr_buf_size(&rig.result.bytes) == SIZE);
    RIG_EXPECT(&rig, memcmp(lr_buf_data(&rig.result.bytes), data, SIZE) == 0);
done:
    client_rig_deinit(&rig);
    free(data);
}

/* Hostile servers. */

#define PACKET(said, size, ...)                                                                    \
    { said, (const uint8_t[]){(size), 0, 0, 0, 0, 0, 0, 0, __VA_ARGS__}, 8 + (size) }

static const struct {
    const char *said; /* of it */
    const uint8_t *bytes;
    size_t size;
} hostile_packets[] = {
    /* CallFunc, GetGlobalFunc, InitServer: a client obeys nobody. */
    PACKET("no business sending CallFunc", 16, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    PACKET("no business sending GetGlobalFunc", 21, 9, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0,
           0, 0, 0, 0, 'f'),
    PACKET("no business sending InitServer", 16, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    /* A CopyAck to a call that copies nothing; an unknown code; a body that ends early. */
    PACKET("a CopyAck that nobody waits for", 8, 8, 0, 0, 0, 1, 2, 3, 4),
    PACKET("unknown packet code 99", 4, 99, 0, 0, 0),
    PACKET("7 values announced, 0 bytes left", 8, 4, 0, 0, 0, 7, 0, 0, 0),
    PACKET("a packet of 2 bytes has no code", 2, 4, 0),
    /* A Return of nothing at all; one whose first value is no type code; a type code without its
     * value; a count that is not true; a text that is longer than the packet. */
    PACKET("names no type", 8, 4, 0, 0, 0, 0, 0, 0, 0),
    PACKET("names no type", 12, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0),
    PACKET("is not what its type code 1 says", 20, 4, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0,
           0, 0, 0, 0),
    PACKET("a sequence of -1 values", 8, 4, 0, 0, 0, 0xff, 0xff, 0xff, 0xff),
    PACKET("announces 9223372036854775807 bytes, 0 are left", 20, 4, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0,
           0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f),
    /* An exception without a text. */
    PACKET("an exception without a text", 12, 5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0),
};

CLIENT_CASE_ROWS(rpc_client_data, does_not_follow_a_server_that_breaks_the_protocol,
                 LR_COUNT_OF(hostile_packets) * 2) {
    const size_t i = *(const size_t *)context;
    struct client_rig rig;
    lr_op op = 0;
    bool idle = i % 2 == 1;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL) && client_rig_session(&rig, ffi));
    if (!idle) {
        RIG_EXPECT(&rig, client_rig_call(&rig, &op) == LR_OK);
    }
    lr_driver_feed(rig.driver, rig.server, hostile_packets[i / 2].bytes,
                   hostile_packets[i / 2].size);
    RIG_EXPECT(&rig, idle || client_rig_ended(&rig, op, LR_EPROTO));
    RIG_EXPECT(&rig, idle || strstr(rig.result.error.text, hostile_packets[i / 2].said) != NULL);
    RIG_EXPECT(&rig, lr_session_closed(rig.session));
    lr_driver_pump(rig.driver);
    RIG_EXPECT(&rig, lr_driver_saw_reset(rig.driver, rig.server));
done:
    client_rig_deinit(&rig);
}

static const uint8_t two_mib[] = {0, 0, 0x20, 0, 0, 0, 0, 0, 4};
static const uint8_t endless[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 4};
static const uint8_t wrong_ack[] = {9, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 1, 2, 3, 4, 5};
static const struct {
    const uint8_t *bytes;
    size_t size;
    enum lr_status status;
} wrong_lengths[] = {{two_mib, sizeof two_mib, LR_ELIMIT},
                     {endless, sizeof endless, LR_ELIMIT},
                     {wrong_ack, sizeof wrong_ack, LR_EPROTO}};

CLIENT_CASE_ROWS(rpc_client_data, refuses_a_length_beyond_what_was_asked_for,
                 LR_COUNT_OF(wrong_lengths)) {
    const size_t i = *(const size_t *)context;
    struct client_rig rig;
    struct lr_tensor tensor = client_rig_floats(1);
    lr_op op;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL) && client_rig_session(&rig, ffi));
    RIG_EXPECT(&rig, lr_session_copy_out(rig.session, client_rig_now(&rig), &tensor, &op) == LR_OK);
    lr_driver_feed(rig.driver, rig.server, wrong_lengths[i].bytes, wrong_lengths[i].size);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, wrong_lengths[i].status));
    RIG_EXPECT(&rig, lr_driver_saw_reset(rig.driver, rig.server));
done:
    client_rig_deinit(&rig);
}

CLIENT_CASE(rpc_client_data, ignores_empty_packets) {
    struct client_rig rig;
    static const uint8_t empty[8] = {0};
    lr_op op;
    const struct lr_value handle = lr_value_handle(3);
    (void)context;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL) && client_rig_session(&rig, ffi));
    lr_driver_feed(rig.driver, rig.server, empty, sizeof empty);
    RIG_EXPECT(&rig, client_rig_get_function(&rig, &op) == LR_OK);
    lr_driver_feed_pieces(rig.driver, rig.server, empty, sizeof empty, 3);
    client_rig_return(&rig, rig.server, ffi, &handle, 1);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_OK) && rig.result.value.as.handle == 3);
done:
    client_rig_deinit(&rig);
}

/* A download's text is data, whichever kind of text it is; what is none is what it is. */
CLIENT_CASE_ROWS(rpc_client_data, gives_what_it_downloads_as_bytes, 4) {
    const size_t i = *(const size_t *)context;
    const struct {
        enum lr_result_kind kind;
        struct lr_value value;
        enum lr_answer_kind answer;
    } rows[] = {
        {LR_RESULT_BYTES, lr_value_bytes("\0\1", 2), LR_ANSWER_BYTES},
        {LR_RESULT_STR, lr_value_str(lr_text_of("ab")), LR_ANSWER_BYTES},
        {LR_RESULT_INT, lr_value_int(2), LR_ANSWER_VALUE},
        {LR_RESULT_NULL, lr_value_null(), LR_ANSWER_NONE},
    };
    const struct lr_value function = lr_value_handle(9);
    const struct lr_value answer[] = {lr_value_int(lr_result_code(ffi, rows[i].kind, 2)),
                                      rows[i].value};
    struct client_rig rig;
    lr_op op;
    RIG_EXPECT(&rig, client_rig_init(&rig, alloc, NULL) && client_rig_session(&rig, ffi));
    RIG_EXPECT(&rig, lr_session_download(rig.session, client_rig_now(&rig), lr_text_of("f"), &op) ==
                         LR_OK);
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_GET_GLOBAL_FUNC));
    client_rig_return(&rig, rig.server, ffi, &function, 1);
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_CALL_FUNC));
    client_rig_return(&rig, rig.server, ffi, answer, 2);
    RIG_EXPECT(&rig, client_rig_packet(&rig, rig.server, LR_PACKET_FREE_HANDLE));
    client_rig_return_void(&rig, rig.server, ffi);
    RIG_EXPECT(&rig, client_rig_ended(&rig, op, LR_OK));
    RIG_EXPECT(&rig, rig.result.kind == rows[i].answer);
    RIG_EXPECT(&rig, rows[i].answer != LR_ANSWER_BYTES || lr_buf_size(&rig.result.bytes) == 2);
done:
    client_rig_deinit(&rig);
}
