/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "rpc/packet.h"
#include "support/failing.h"

#define BYTES(literal) literal, sizeof(literal) - 1

struct row {
    int32_t code;
    enum lr_dialect dialect;
    const char *packet; /* with its length */
    size_t size;
};

static const struct row rows[] = {
    {LR_PACKET_NONE, LR_DIALECT_FFI, BYTES("\0\0\0\0\0\0\0\0")},
    {LR_PACKET_SHUTDOWN, LR_DIALECT_FFI,
     BYTES("\4\0\0\0\0\0\0\0"
           "\1\0\0\0")},
    {LR_PACKET_INIT_SERVER, LR_DIALECT_FFI,
     BYTES("\x15\0\0\0\0\0\0\0"
           "\2\0\0\0"
           "\5\0\0\0\0\0\0\0"
           "0.8.0"
           "\0\0\0\0")},
    {LR_PACKET_CALL_FUNC, LR_DIALECT_LEGACY,
     BYTES("\x1c\0\0\0\0\0\0\0"
           "\3\0\0\0"
           "\x10\x20\0\0\0\0\0\0"
           "\1\0\0\0"
           "\0\0\0\0"
           "\xa\0\0\0\0\0\0\0")},
    {LR_PACKET_RETURN, LR_DIALECT_LEGACY,
     BYTES("\xc\0\0\0\0\0\0\0"
           "\4\0\0\0"
           "\1\0\0\0"
           "\4\0\0\0")},
    {LR_PACKET_RETURN, LR_DIALECT_FFI,
     BYTES("\xc\0\0\0\0\0\0\0"
           "\4\0\0\0"
           "\1\0\0\0"
           "\0\0\0\0")},
    {LR_PACKET_EXCEPTION, LR_DIALECT_FFI,
     BYTES("\x16\0\0\0\0\0\0\0"
           "\5\0\0\0"
           "\1\0\0\0"
           "\x8\0\0\0"
           "\2\0\0\0\0\0\0\0"
           "no")},
    {LR_PACKET_COPY_FROM_REMOTE, LR_DIALECT_FFI,
     BYTES("\x34\0\0\0\0\0\0\0"
           "\6\0\0\0"
           "\5\0\0\0\0\0\0\0"
           "\1\0\0\0\0\0\0\0"
           "\1\0\0\0"
           "\2\x20\1\0"
           "\1\0\0\0\0\0\0\0"
           "\0\0\0\0\0\0\0\0"
           "\4\0\0\0\0\0\0\0")},
    {LR_PACKET_COPY_TO_REMOTE, LR_DIALECT_LEGACY,
     BYTES("\x38\0\0\0\0\0\0\0"
           "\7\0\0\0"
           "\5\0\0\0\0\0\0\0"
           "\1\0\0\0\0\0\0\0"
           "\1\0\0\0"
           "\2\x20\1\0"
           "\1\0\0\0\0\0\0\0"
           "\0\0\0\0\0\0\0\0"
           "\4\0\0\0\0\0\0\0"
           "data")},
    {LR_PACKET_COPY_ACK, LR_DIALECT_FFI,
     BYTES("\7\0\0\0\0\0\0\0"
           "\x8\0\0\0"
           "raw")},
    {LR_PACKET_COPY_ACK, LR_DIALECT_FFI,
     BYTES("\4\0\0\0\0\0\0\0"
           "\x8\0\0\0")},
    {LR_PACKET_DEV_GET_CURRENT_STREAM, LR_DIALECT_FFI,
     BYTES("\x14\0\0\0\0\0\0\0"
           "\x15\0\0\0"
           "\1\0\0\0"
           "\6\0\0\0"
           "\1\0\0\0\0\0\0\0")},
};

static void decode_row(struct lr_alloc *alloc, void *context) {
    const struct row *row = context;
    struct lr_packet packet;
    struct lr_buf out;
    struct lr_error error = {0};
    lr_packet_init(&packet, alloc);
    lr_buf_init(&out, alloc);
    enum lr_status status =
        lr_packet_decode(row->dialect, &lr_value_limits_default, (const uint8_t *)row->packet + 8,
                         row->size - 8, &packet, &error);
    cr_assert_eq(packet.code, row->code);
    if (status == LR_OK) {
        status = lr_packet_encode(row->dialect, &packet, &out);
        cr_assert_eq(lr_buf_size(&out), status == LR_OK ? row->size : 0);
        cr_assert(status != LR_OK || memcmp(lr_buf_data(&out), row->packet, row->size) == 0);
    }
    cr_assert_eq(status, lr_test_must_succeed(alloc) ? LR_OK : LR_ENOMEM, "%s", error.text);
    lr_buf_deinit(&out);
    lr_packet_deinit(&packet);
}

Test(rpc_packet, each_layout_comes_out_as_it_went_in) {
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        struct row row = rows[i];
        lr_test_each_failure(decode_row, &row);
    }
}

static enum lr_status decode(enum lr_dialect dialect, const void *body, size_t size,
                             struct lr_packet *packet, struct lr_error *error) {
    lr_packet_init(packet, lr_alloc_system());
    return lr_packet_decode(dialect, &lr_value_limits_default, body, size, packet, error);
}

Test(rpc_packet, each_layout_is_refused_where_it_is_cut) {
    for (size_t i = 1; i < LR_COUNT_OF(rows); i++) {
        bool open_ended = rows[i].code == LR_PACKET_COPY_ACK;
        for (size_t size = 1; size < rows[i].size - 8; size++) {
            struct lr_packet packet;
            struct lr_error error = {0};
            uint8_t *body = lr_alloc_bytes(lr_alloc_system(), size);
            cr_assert_not_null(body);
            memcpy(body, rows[i].packet + 8, size);
            enum lr_status status = decode(rows[i].dialect, body, size, &packet, &error);
            cr_expect_eq(status, open_ended && size >= 4 ? LR_OK : LR_ETRUNCATED, "%s, %zu: %s",
                         lr_packet_name(rows[i].code), size, error.text);
            lr_packet_deinit(&packet);
            lr_alloc_free(lr_alloc_system(), body, size);
        }
    }
}

Test(rpc_packet, what_cannot_be_is_refused_with_a_sentence) {
    static const struct {
        const char *body;
        size_t size;
        enum lr_status status;
        const char *says;
    } refused[] = {
        {BYTES("\x4d\0\0\0"), LR_EPROTO, "unknown packet code 77"},
        {BYTES("\xff\xff\xff\xff"), LR_EPROTO, "unknown packet code -1"},
        {BYTES("\0\0\0\0"), LR_EPROTO, "unknown packet code 0"},
        {BYTES("\x16\0\0\0"), LR_EPROTO, "unknown packet code 22"},
        {BYTES("\1\0\0\0"
               "x"),
         LR_EPROTO, "Shutdown: 1 bytes behind the code"},
        {BYTES("\2\0\0\0"
               "\xff\xff\xff\xff\xff\xff\xff\xff"
               "0.8.0"
               "\0\0\0\0"),
         LR_ETRUNCATED, "InitServer: the version is longer"},
        {BYTES("\2\0\0\0"
               "\5\0\0\0\0\0\0\0"
               "0.8.0"
               "\0\0\0\0"
               "x"),
         LR_EPROTO, "InitServer: 1 bytes behind the last of 0 values"},
        {BYTES("\6\0\0\0"
               "\5\0\0\0\0\0\0\0"
               "\1\0\0\0\0\0\0\0"
               "\0\0\0\0"
               "\2\x20\1\0"
               "\0\0\0\0\0\0\0\0"
               "\4\0\0\0\0\0\0\0"
               "data"),
         LR_EPROTO, "CopyFromRemote: 4 bytes behind the header, 0 belong there"},
        {BYTES("\7\0\0\0"
               "\5\0\0\0\0\0\0\0"
               "\1\0\0\0\0\0\0\0"
               "\0\0\0\0"
               "\2\x20\1\0"
               "\0\0\0\0\0\0\0\0"
               "\3\0\0\0\0\0\0\0"
               "data"),
         LR_EPROTO, "CopyToRemote: 4 bytes behind the header, 3 belong there"},
        {BYTES("\7\0\0\0"
               "\5\0\0\0\0\0\0\0"
               "\1\0\0\0\0\0\0\0"
               "\0\0\0\0"
               "\2\x20\1\0"
               "\0\0\0\0\0\0\0\0"
               "\xff\xff\xff\xff\xff\xff\xff\xff"
               "data"),
         LR_ETRUNCATED, "18446744073709551615 belong there"},
    };
    for (size_t i = 0; i < LR_COUNT_OF(refused); i++) {
        struct lr_packet packet;
        struct lr_error error = {0};
        cr_expect_eq(decode(LR_DIALECT_FFI, refused[i].body, refused[i].size, &packet, &error),
                     refused[i].status, "%s: %s", refused[i].says, error.text);
        cr_expect_not_null(strstr(error.text, refused[i].says), "%s: %s", refused[i].says,
                           error.text);
        cr_expect_null(packet.values.items);
        lr_packet_deinit(&packet);
    }
}

Test(rpc_packet, the_front_of_a_large_packet_tells_its_head) {
    const struct row *copy = &rows[8];
    struct lr_packet packet;
    struct lr_error error = {0};
    lr_packet_init(&packet, lr_alloc_system());
    const uint8_t *body = (const uint8_t *)copy->packet + 8;
    size_t size = copy->size - 8;
    cr_assert_eq(lr_packet_decode_front(LR_DIALECT_FFI, &lr_value_limits_default, body, size - 3,
                                        size, &packet, &error),
                 LR_OK, "%s", error.text);
    cr_expect_eq(packet.nbytes, 4);
    cr_expect_eq(packet.payload_size, 1);
    cr_expect_eq(packet.tensor.shape[0], 1);
    cr_expect_eq(lr_packet_decode_front(LR_DIALECT_FFI, &lr_value_limits_default, body, size - 3,
                                        size + 1, &packet, &error),
                 LR_EPROTO, "the sizes still have to agree");
    const struct row *call = &rows[3];
    cr_expect_eq(lr_packet_decode_front(LR_DIALECT_LEGACY, &lr_value_limits_default,
                                        (const uint8_t *)call->packet + 8, 20, call->size - 8,
                                        &packet, &error),
                 LR_ETRUNCATED);
    cr_expect_eq(packet.code, LR_PACKET_CALL_FUNC);
    cr_expect_eq(packet.handle, 0x2010, "what stands before the sequence is told");
    lr_packet_deinit(&packet);
}

Test(rpc_packet, names_and_codes_belong_together) {
    for (int32_t code = LR_PACKET_NONE + 1; code < LR_PACKET_CODE_END; code++) {
        cr_assert_not_null(lr_packet_name(code));
        cr_expect_eq(lr_packet_code_of(lr_text_of(lr_packet_name(code))), code);
    }
    cr_expect_null(lr_packet_name(77));
    cr_expect_null(lr_packet_name(-1));
    cr_expect_eq(lr_packet_code_of(lr_text_of("callfunc")), 0);
    cr_expect_eq(lr_packet_code_of(lr_text_of("")), 0);
}

Test(rpc_packet, a_dialect_shows_where_one_alone_parses) {
    static const struct {
        const char *body;
        size_t size;
        int shows; /* -1: neither or both */
    } cases[] = {
        {BYTES("\4\0\0\0"
               "\1\0\0\0"
               "\4\0\0\0"),
         LR_DIALECT_LEGACY},
        {BYTES("\4\0\0\0"
               "\1\0\0\0"
               "\0\0\0\0"),
         LR_DIALECT_FFI},
        {BYTES("\2\0\0\0"
               "\5\0\0\0\0\0\0\0"
               "0.8.0"
               "\0\0\0\0"),
         -1},
        {BYTES("\x9\0\0\0"
               "\1\0\0\0"
               "\xb\0\0\0"
               "\1\0\0\0\0\0\0\0"
               "f"),
         LR_DIALECT_LEGACY},
        {BYTES("\x9\0\0\0"
               "\1\0\0\0"
               "\x8\0\0\0"
               "\1\0\0\0\0\0\0\0"
               "f"),
         LR_DIALECT_FFI},
        {BYTES("\1\0\0\0"), -1},
        {BYTES("\x63\0\0\0"), -1},
        {BYTES(""), -1},
    };
    for (size_t i = 0; i < LR_COUNT_OF(cases); i++) {
        enum lr_dialect dialect = LR_DIALECT_COUNT;
        bool shows =
            lr_packet_shows_dialect((const uint8_t *)cases[i].body, cases[i].size, &dialect);
        cr_expect_eq(shows, cases[i].shows >= 0, "case %zu", i);
        cr_expect_eq((int)dialect, shows ? cases[i].shows : LR_DIALECT_COUNT, "case %zu", i);
    }
}

static void encode_more(struct lr_alloc *alloc, void *context) {
    (void)context;
    struct lr_buf out;
    lr_buf_init(&out, alloc);
    size_t before = 0;
    enum lr_status status = lr_packet_encode_void(LR_DIALECT_LEGACY, &out);
    if (status == LR_OK) {
        cr_assert_eq(lr_buf_size(&out), rows[4].size);
        cr_assert_eq(memcmp(lr_buf_data(&out), rows[4].packet, rows[4].size), 0);
        before = lr_buf_size(&out);
        char text[200];
        memset(text, 'x', sizeof text);
        status =
            lr_packet_encode_exception(LR_DIALECT_FFI, (struct lr_text){text, sizeof text}, &out);
    }
    cr_assert_eq(lr_buf_size(&out), status == LR_OK ? before + 8 + 4 + 4 + 4 + 8 + 200 : before);
    cr_assert_eq(status, lr_test_must_succeed(alloc) ? LR_OK : LR_ENOMEM);
    lr_buf_deinit(&out);
}

Test(rpc_packet, a_packet_that_fails_leaves_those_before_it) {
    lr_test_each_failure(encode_more, NULL);
}

Test(rpc_packet, a_value_without_a_row_is_not_supported_and_leaves_the_buffer) {
    struct lr_value object = {.kind = LR_VALUE_OBJECT, .code = 71};
    struct lr_buf out;
    lr_buf_init(&out, lr_alloc_system());
    cr_assert_eq(lr_packet_encode_void(LR_DIALECT_LEGACY, &out), LR_OK);
    size_t before = lr_buf_size(&out);
    cr_expect_eq(lr_packet_encode_values(LR_DIALECT_LEGACY, LR_PACKET_RETURN, &object, 1, &out),
                 LR_ENOTSUP);
    cr_expect_eq(lr_buf_size(&out), before);
    struct lr_packet packet;
    lr_packet_init(&packet, lr_alloc_system());
    packet.code = 77;
    cr_expect_eq(lr_packet_encode(LR_DIALECT_FFI, &packet, &out), LR_ENOTSUP);
    cr_expect_eq(lr_buf_size(&out), before);
    lr_buf_deinit(&out);
}
