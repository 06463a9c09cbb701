/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes are spelled out, so that a machine of the other byte order passes or fails with them. */
#include <criterion/criterion.h>
#include <string.h>

#include "rpc/wire.h"
#include "support/failing.h"

static const uint8_t layout[] = {
    0x12,                                           /* u8 */
    0x34, 0x12,                                     /* u16 */
    0x78, 0x56, 0x34, 0x12,                         /* u32 */
    0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01, /* u64 */
    0xfe, 0xff, 0xff, 0xff,                         /* i32 -2 */
    0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* i64 -3 */
    'a',  'b',
};

Test(rpc_wire, reads_each_width_little_end_first) {
    struct lr_reader reader = lr_reader_of(layout, sizeof layout);
    cr_expect_eq(lr_read_u8(&reader), 0x12);
    cr_expect_eq(lr_read_u16(&reader), 0x1234);
    cr_expect_eq(lr_read_u32(&reader), 0x12345678);
    cr_expect_eq(lr_read_u64(&reader), UINT64_C(0x0123456789abcdef));
    cr_expect_eq(lr_read_i32(&reader), -2);
    cr_expect_eq(lr_read_i64(&reader), -3);
    const uint8_t *bytes = lr_read_bytes(&reader, 2);
    cr_assert_not_null(bytes);
    cr_expect_eq(memcmp(bytes, "ab", 2), 0);
    cr_expect_eq(reader.status, LR_OK);
    cr_expect_eq(lr_reader_left(&reader), 0);
}

Test(rpc_wire, reads_the_ends_of_signed_ranges) {
    static const uint8_t ends[] = {
        0x00, 0x00, 0x00, 0x80, 0xff, 0xff, 0xff, 0x7f, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    };
    struct lr_reader reader = lr_reader_of(ends, sizeof ends);
    cr_expect_eq(lr_read_i32(&reader), INT32_MIN);
    cr_expect_eq(lr_read_i32(&reader), INT32_MAX);
    cr_expect_eq(lr_read_i64(&reader), INT64_MIN);
    cr_expect_eq(lr_read_i64(&reader), INT64_MAX);
}

Test(rpc_wire, keeps_the_first_error_and_reads_nothing_after_it) {
    struct lr_reader reader = lr_reader_of(layout, 5);
    (void)lr_read_u8(&reader);
    cr_expect_eq(lr_read_u64(&reader), 0);
    cr_expect_eq(reader.status, LR_ETRUNCATED);
    cr_expect_eq(reader.error_at, 1);
    cr_expect_eq(lr_read_u8(&reader), 0, "a byte is there, but the layout is lost");
    cr_expect_null(lr_read_bytes(&reader, 0));
    cr_expect_eq(lr_reader_left(&reader), 0);
    lr_reader_fail(&reader, LR_EPROTO);
    cr_expect_eq(reader.status, LR_ETRUNCATED);
}

Test(rpc_wire, a_size_near_2_to_the_64_is_truncated_and_not_wrapped) {
    struct lr_reader reader = lr_reader_of(layout, sizeof layout);
    (void)lr_read_u8(&reader);
    cr_expect_null(lr_read_bytes(&reader, UINT64_MAX));
    cr_expect_eq(reader.status, LR_ETRUNCATED);
}

Test(rpc_wire, no_bytes_can_be_read_from_no_data) {
    struct lr_reader reader = lr_reader_of(NULL, 0);
    cr_expect_not_null(lr_read_bytes(&reader, 0));
    cr_expect_eq(reader.status, LR_OK);
    (void)lr_read_u8(&reader);
    cr_expect_eq(reader.status, LR_ETRUNCATED);
}

static void write_layout(struct lr_alloc *alloc, void *context) {
    (void)context;
    struct lr_buf out;
    lr_buf_init(&out, alloc);
    struct lr_writer writer = lr_writer_of(&out);
    lr_write_u8(&writer, 0x12);
    lr_write_u16(&writer, 0x1234);
    lr_write_u32(&writer, 0x12345678);
    lr_write_u64(&writer, UINT64_C(0x0123456789abcdef));
    lr_write_i32(&writer, -2);
    lr_write_i64(&writer, -3);
    lr_write_bytes(&writer, "ab", 2);
    lr_write_bytes(&writer, NULL, 0);
    if (lr_test_must_succeed(alloc)) {
        cr_assert_eq(writer.status, LR_OK);
        cr_assert_eq(lr_buf_size(&out), sizeof layout);
        cr_assert_eq(memcmp(lr_buf_data(&out), layout, sizeof layout), 0);
    } else {
        cr_assert_eq(writer.status, LR_ENOMEM);
        cr_assert_eq(lr_writer_end(&writer, 0), LR_ENOMEM);
        cr_assert_eq(lr_buf_size(&out), 0);
    }
    lr_buf_deinit(&out);
}

Test(rpc_wire, writes_what_it_reads_and_loses_nothing_without_memory) {
    lr_test_each_failure(write_layout, NULL);
}

Test(rpc_wire, sets_lengths_afterwards_also_behind_consumed_bytes) {
    struct lr_buf out;
    lr_buf_init(&out, lr_alloc_system());
    cr_assert_eq(lr_buf_append(&out, "gone", 4), LR_OK);
    cr_assert_eq(lr_buf_append(&out, "kept", 4), LR_OK);
    lr_buf_consume(&out, 4);
    struct lr_writer writer = lr_writer_of(&out);
    size_t mark = lr_buf_size(&out);
    lr_write_u64(&writer, 0);
    lr_write_u32(&writer, 0);
    lr_write_u64_at(&writer, mark, UINT64_C(0x0102030405060708));
    lr_write_u32_at(&writer, mark + 8, 0x0a0b0c0d);
    static const uint8_t expected[] = {'k', 'e', 'p', 't', 8,   7,   6,   5,
                                       4,   3,   2,   1,   0xd, 0xc, 0xb, 0xa};
    cr_assert_eq(lr_buf_size(&out), sizeof expected);
    cr_expect_eq(memcmp(lr_buf_data(&out), expected, sizeof expected), 0);
    lr_writer_fail(&writer, LR_EINVAL);
    cr_expect_eq(lr_writer_end(&writer, mark), LR_EINVAL);
    cr_expect_eq(lr_buf_size(&out), 4, "what was there before is there still");
    lr_buf_deinit(&out);
}

Test(rpc_wire, what_is_missing_reads_as_zero) {
    static const uint8_t bytes[] = {1, 2, 3};
    struct lr_reader reader = lr_reader_of(bytes, sizeof bytes);
    cr_expect_eq(lr_read_u32(&reader), 0U);
    cr_expect_eq(reader.status, LR_ETRUNCATED);
    reader = lr_reader_of(bytes, 0);
    cr_expect_eq(lr_read_u8(&reader), 0U);
    reader = lr_reader_of(bytes, sizeof bytes);
    cr_expect_eq(lr_read_u64(&reader), 0U);
    cr_expect_eq(lr_read_u8(&reader), 0U, "nothing is read behind an error");
}
