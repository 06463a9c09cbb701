/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes are spelled out, so that a machine of the other byte order passes or fails with them. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>

#include "rpc/value.h"
#include "support/failing.h"

/* A string literal and its size: bytes with NULs in them. */
#define BYTES(literal) literal, sizeof(literal) - 1

struct row {
    enum lr_dialect dialect;
    const char *bytes;
    size_t size;
    enum lr_value_kind kind;
    const char *described;
};

/* One value of each row of both tables, as a sequence of one. */
static const struct row rows[] = {
    {LR_DIALECT_LEGACY,
     BYTES("\1\0\0\0"
           "\0\0\0\0"
           "\xfe\xff\xff\xff\xff\xff\xff\xff"),
     LR_VALUE_INT, "int -2"},
    {LR_DIALECT_LEGACY,
     BYTES("\1\0\0\0"
           "\1\0\0\0"
           "\xff\xff\xff\xff\xff\xff\xff\xff"),
     LR_VALUE_UINT, "uint 18446744073709551615"},
    {LR_DIALECT_LEGACY,
     BYTES("\1\0\0\0"
           "\2\0\0\0"
           "\0\0\0\0\0\0\xf8\x3f"),
     LR_VALUE_FLOAT, "float 1.5"},
    {LR_DIALECT_LEGACY,
     BYTES("\1\0\0\0"
           "\3\0\0\0"
           "\1\2\0\0\0\0\0\0"),
     LR_VALUE_HANDLE, "handle 0x201"},
    {LR_DIALECT_LEGACY,
     BYTES("\1\0\0\0"
           "\4\0\0\0"),
     LR_VALUE_NULL, "null"},
    {LR_DIALECT_LEGACY,
     BYTES("\1\0\0\0"
           "\5\0\0\0"
           "\2\x20\4\0"
           "\0\0\0\0"),
     LR_VALUE_DTYPE, "dtype float32x4"},
    {LR_DIALECT_LEGACY,
     BYTES("\1\0\0\0"
           "\6\0\0\0"
           "\1\0\0\0"
           "\2\0\0\0"),
     LR_VALUE_DEVICE, "device 1:2"},
    {LR_DIALECT_LEGACY,
     BYTES("\1\0\0\0"
           "\7\0\0\0"
           "\5\0\0\0\0\0\0\0"
           "\1\0\0\0"
           "\0\0\0\0"
           "\2\0\0\0"
           "\2\x20\1\0"
           "\3\0\0\0\0\0\0\0"
           "\4\0\0\0\0\0\0\0"
           "\x10\0\0\0\0\0\0\0"),
     LR_VALUE_TENSOR, "tensor float32[3,4]"},
    {LR_DIALECT_LEGACY,
     BYTES("\1\0\0\0"
           "\x9\0\0\0"
           "\7\0\0\0\0\0\0\0"),
     LR_VALUE_MODULE, "module 0x7"},
    {LR_DIALECT_LEGACY,
     BYTES("\1\0\0\0"
           "\xa\0\0\0"
           "\7\0\0\0\0\0\0\0"),
     LR_VALUE_FUNCTION, "function 0x7"},
    {LR_DIALECT_LEGACY,
     BYTES("\1\0\0\0"
           "\xb\0\0\0"
           "\3\0\0\0\0\0\0\0"
           "abc"),
     LR_VALUE_STR, "str \"abc\""},
    {LR_DIALECT_LEGACY,
     BYTES("\1\0\0\0"
           "\xc\0\0\0"
           "\2\0\0\0\0\0\0\0"
           "\0\xff"),
     LR_VALUE_BYTES, "bytes of 2 bytes"},
    {LR_DIALECT_LEGACY,
     BYTES("\1\0\0\0"
           "\xf\0\0\0"
           "\1\0\0\0\0\0\0\0"),
     LR_VALUE_BOOL, "bool true"},
    {LR_DIALECT_FFI,
     BYTES("\1\0\0\0"
           "\0\0\0\0"),
     LR_VALUE_NULL, "null"},
    {LR_DIALECT_FFI,
     BYTES("\1\0\0\0"
           "\1\0\0\0"
           "\xfe\xff\xff\xff\xff\xff\xff\xff"),
     LR_VALUE_INT, "int -2"},
    {LR_DIALECT_FFI,
     BYTES("\1\0\0\0"
           "\2\0\0\0"
           "\1\0\0\0\0\0\0\0"),
     LR_VALUE_BOOL, "bool true"},
    {LR_DIALECT_FFI,
     BYTES("\1\0\0\0"
           "\3\0\0\0"
           "\0\0\0\0\0\0\xf8\x3f"),
     LR_VALUE_FLOAT, "float 1.5"},
    {LR_DIALECT_FFI,
     BYTES("\1\0\0\0"
           "\4\0\0\0"
           "\1\2\0\0\0\0\0\0"),
     LR_VALUE_HANDLE, "handle 0x201"},
    {LR_DIALECT_FFI,
     BYTES("\1\0\0\0"
           "\5\0\0\0"
           "\6\x8\1\0"
           "\0\0\0\0"),
     LR_VALUE_DTYPE, "dtype bool8"},
    {LR_DIALECT_FFI,
     BYTES("\1\0\0\0"
           "\6\0\0\0"
           "\1\0\0\0"
           "\xff\xff\xff\xff"),
     LR_VALUE_DEVICE, "device 1:-1"},
    {LR_DIALECT_FFI,
     BYTES("\1\0\0\0"
           "\7\0\0\0"
           "\0\0\0\0\0\0\0\0"
           "\1\0\0\0"
           "\0\0\0\0"
           "\0\0\0\0"
           "\x5\x8\1\0"
           "\0\0\0\0\0\0\0\0"),
     LR_VALUE_TENSOR, "tensor dtype5_8[]"},
    {LR_DIALECT_FFI,
     BYTES("\1\0\0\0"
           "\x8\0\0\0"
           "\3\0\0\0\0\0\0\0"
           "abc"),
     LR_VALUE_STR, "str \"abc\""},
    {LR_DIALECT_FFI,
     BYTES("\1\0\0\0"
           "\x9\0\0\0"
           "\0\0\0\0\0\0\0\0"),
     LR_VALUE_BYTES, "bytes of 0 bytes"},
    {LR_DIALECT_FFI,
     BYTES("\1\0\0\0"
           "\xb\0\0\0"
           "\x41\0\0\0"
           "\7\0\0\0\0\0\0\0"
           "seventh"),
     LR_VALUE_STR, "str \"seventh\""},
    {LR_DIALECT_FFI,
     BYTES("\1\0\0\0"
           "\xc\0\0\0"
           "\x42\0\0\0"
           "\1\0\0\0\0\0\0\0"
           "x"),
     LR_VALUE_BYTES, "bytes of 1 bytes"},
    {LR_DIALECT_FFI,
     BYTES("\1\0\0\0"
           "\x41\0\0\0"
           "\x41\0\0\0"
           "\x8\0\0\0\0\0\0\0"
           "eightttt"),
     LR_VALUE_STR, "str \"eightttt\""},
    {LR_DIALECT_FFI,
     BYTES("\1\0\0\0"
           "\x42\0\0\0"
           "\x42\0\0\0"
           "\1\0\0\0\0\0\0\0"
           "x"),
     LR_VALUE_BYTES, "bytes of 1 bytes"},
    {LR_DIALECT_FFI,
     BYTES("\1\0\0\0"
           "\x44\0\0\0"
           "\7\0\0\0\0\0\0\0"),
     LR_VALUE_FUNCTION, "function 0x7"},
    {LR_DIALECT_FFI,
     BYTES("\1\0\0\0"
           "\x49\0\0\0"
           "\7\0\0\0\0\0\0\0"),
     LR_VALUE_MODULE, "module 0x7"},
    {LR_DIALECT_FFI,
     BYTES("\1\0\0\0"
           "\x47\0\0\0"
           "\x73\0\0\0"
           "\7\0\0\0\0\0\0\0"),
     LR_VALUE_OBJECT, "object of code 71 0x7"},
};

static enum lr_status decode(enum lr_dialect dialect, const void *bytes, size_t size,
                             struct lr_values *values, struct lr_error *error) {
    struct lr_reader reader = lr_reader_of(bytes, size);
    return lr_values_decode(dialect, &lr_value_limits_default, &reader, values, error);
}

static void decode_row(struct lr_alloc *alloc, void *context) {
    const struct row *row = context;
    struct lr_values values;
    struct lr_error error = {0};
    struct lr_buf again;
    char text[80];
    lr_values_init(&values, alloc);
    lr_buf_init(&again, alloc);
    enum lr_status status = decode(row->dialect, row->bytes, row->size, &values, &error);
    if (status == LR_OK) {
        cr_assert_eq(values.count, 1);
        cr_assert_eq(values.items[0].kind, row->kind);
        cr_assert_str_eq(lr_value_describe(text, sizeof text, &values.items[0]), row->described);
        struct lr_writer writer = lr_writer_of(&again);
        lr_values_encode(row->dialect, values.items, values.count, &writer);
        status = writer.status;
    }
    if (status == LR_OK) {
        cr_assert_eq(lr_buf_size(&again), row->size, "%s", row->described);
        cr_assert_eq(memcmp(lr_buf_data(&again), row->bytes, row->size), 0, "%s", row->described);
    }
    cr_assert_eq(status, lr_test_must_succeed(alloc) ? LR_OK : LR_ENOMEM, "%s: %s", row->described,
                 error.text);
    lr_buf_deinit(&again);
    lr_values_deinit(&values);
}

Test(rpc_value, each_row_of_both_tables_comes_out_as_it_went_in) {
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        struct row row = rows[i];
        lr_test_each_failure(decode_row, &row);
    }
}

Test(rpc_value, each_row_is_refused_where_it_is_cut_and_where_something_follows) {
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        for (size_t size = 0; size <= rows[i].size + 1; size++) {
            /* Of its own size, so that a sanitizer sees a look behind it. */
            struct lr_values values;
            struct lr_error error = {0};
            uint8_t *bytes = lr_alloc_zeroed(lr_alloc_system(), size + 1);
            cr_assert_not_null(bytes);
            memcpy(bytes, rows[i].bytes, size < rows[i].size ? size : rows[i].size);
            lr_values_init(&values, lr_alloc_system());
            enum lr_status status = decode(rows[i].dialect, bytes, size, &values, &error);
            if (size == rows[i].size) {
                cr_expect_eq(status, LR_OK);
            } else {
                cr_expect_eq(status, size < rows[i].size ? LR_ETRUNCATED : LR_EPROTO,
                             "%s, %zu of %zu bytes: %s", rows[i].described, size, rows[i].size,
                             error.text);
                cr_expect_neq(error.text[0], '\0');
                cr_expect_null(values.items);
            }
            lr_values_deinit(&values);
            lr_alloc_free(lr_alloc_system(), bytes, size + 1);
        }
    }
}

static const struct {
    enum lr_dialect dialect;
    const char *bytes;
    size_t size;
    enum lr_status status;
    const char *says;
} refused[] = {
    {LR_DIALECT_FFI, BYTES("\xff\xff\xff\xff"), LR_EPROTO, "-1 values"},
    {LR_DIALECT_FFI, BYTES("\xff\xff\xff\x7f"), LR_ELIMIT, "2147483647 values, at most 1024"},
    {LR_DIALECT_LEGACY,
     BYTES("\2\0\0\0"
           "\4\0\0\0"),
     LR_ETRUNCATED, "2 values announced, 4 bytes left"},
    {LR_DIALECT_FFI,
     BYTES("\1\0\0\0"
           "\xa\0\0\0"
           "\0\0\0\0\0\0\0\0"),
     LR_EPROTO, "value 1 of 1: ffi has no type code 10"},
    {LR_DIALECT_FFI,
     BYTES("\1\0\0\0"
           "\xff\xff\xff\xff"),
     LR_EPROTO, "no type code -1"},
    {LR_DIALECT_LEGACY,
     BYTES("\2\0\0\0"
           "\4\0\0\0"
           "\x8\0\0\0"),
     LR_EPROTO, "value 2 of 2: legacy has no type code 8"},
    {LR_DIALECT_FFI,
     BYTES("\1\0\0\0"
           "\2\0\0\0"
           "\2\0\0\0\0\0\0\0"),
     LR_EPROTO, "bool: is 2"},
    {LR_DIALECT_FFI,
     BYTES("\1\0\0\0"
           "\x8\0\0\0"
           "\xff\xff\xff\xff\xff\xff\xff\xff"
           "abc"),
     LR_ETRUNCATED, "str: announces 18446744073709551615 bytes, 3 are left"},
    {LR_DIALECT_FFI,
     BYTES("\1\0\0\0"
           "\x41\0\0\0"
           "\x42\0\0\0"
           "\0\0\0\0\0\0\0\0"),
     LR_EPROTO, "inner code is 66, not 65"},
    {LR_DIALECT_FFI,
     BYTES("\1\0\0\0"
           "\xb\0\0\0"
           "\x41\0\0\0"
           "\x8\0\0\0\0\0\0\0"
           "eightttt"),
     LR_EPROTO, "8 bytes, its code allows 7"},
    {LR_DIALECT_FFI,
     BYTES("\1\0\0\0"
           "\x47\0\0\0"
           "\x72\0\0\0"
           "\7\0\0\0\0\0\0\0"),
     LR_EPROTO, "inner code is 114, not 115"},
    {LR_DIALECT_FFI,
     BYTES("\1\0\0\0"
           "\7\0\0\0"
           "\0\0\0\0\0\0\0\0"
           "\1\0\0\0"
           "\0\0\0\0"
           "\xff\xff\xff\xff"
           "\2\x20\1\0"),
     LR_EPROTO, "-1 dimensions"},
    {LR_DIALECT_LEGACY,
     BYTES("\1\0\0\0"
           "\7\0\0\0"
           "\0\0\0\0\0\0\0\0"
           "\1\0\0\0"
           "\0\0\0\0"
           "\x21\0\0\0"
           "\2\x20\1\0"),
     LR_ELIMIT, "33 dimensions, at most 32"},
};

Test(rpc_value, what_cannot_be_is_refused_with_a_sentence_that_says_where) {
    for (size_t i = 0; i < LR_COUNT_OF(refused); i++) {
        struct lr_values values;
        struct lr_error error = {0};
        lr_values_init(&values, lr_alloc_system());
        cr_expect_eq(decode(refused[i].dialect, refused[i].bytes, refused[i].size, &values, &error),
                     refused[i].status, "%s: %s", refused[i].says, error.text);
        cr_expect_not_null(strstr(error.text, refused[i].says), "%s: %s", refused[i].says,
                           error.text);
        lr_values_deinit(&values);
    }
}

Test(rpc_value, a_smaller_limit_of_dimensions_holds) {
    struct lr_value_limits limits = {.count_max = 1, .ndim_max = 1};
    const struct row *tensor = &rows[7];
    struct lr_reader reader = lr_reader_of(tensor->bytes, tensor->size);
    struct lr_error error = {0};
    cr_assert_eq(tensor->kind, LR_VALUE_TENSOR);
    cr_expect_eq(lr_values_check(tensor->dialect, &limits, &reader, &error), LR_ELIMIT);
    cr_expect_eq(reader.status, LR_ELIMIT, "the reader keeps the error");
}

Test(rpc_value, a_sequence_takes_one_allocation_and_a_check_none) {
    struct lr_counting_alloc counting;
    struct lr_values values;
    lr_counting_alloc_init(&counting, lr_alloc_system());
    lr_values_init(&values, &counting.base);
    struct lr_buf bytes;
    lr_buf_init(&bytes, lr_alloc_system());
    struct lr_writer writer = lr_writer_of(&bytes);
    struct lr_value items[40];
    for (size_t i = 0; i < LR_COUNT_OF(items); i++) {
        items[i] = i % 2 == 0 ? lr_value_int((int64_t)i) : lr_value_str(lr_text_of("text"));
    }
    for (int dialect = 0; dialect < LR_DIALECT_COUNT; dialect++) {
        lr_values_encode((enum lr_dialect)dialect, items, LR_COUNT_OF(items), &writer);
        cr_assert_eq(decode((enum lr_dialect)dialect, lr_buf_data(&bytes), lr_buf_size(&bytes),
                            &values, NULL),
                     LR_OK);
        cr_expect_eq(values.count, 40);
        lr_values_deinit(&values);
        struct lr_reader reader = lr_reader_of(lr_buf_data(&bytes), lr_buf_size(&bytes));
        cr_expect_eq(
            lr_values_check((enum lr_dialect)dialect, &lr_value_limits_default, &reader, NULL),
            LR_OK);
        lr_buf_consume(&bytes, lr_buf_size(&bytes));
    }
    cr_expect_eq(counting.calls, 2);
    lr_buf_deinit(&bytes);
}

/* Encodes one value and decodes it in the same dialect. */
static enum lr_status there_and_back(enum lr_dialect dialect, const struct lr_value *value,
                                     struct lr_buf *bytes, struct lr_values *values) {
    lr_buf_consume(bytes, lr_buf_size(bytes));
    struct lr_writer writer = lr_writer_of(bytes);
    lr_values_encode(dialect, value, 1, &writer);
    return writer.status != LR_OK
               ? writer.status
               : decode(dialect, lr_buf_data(bytes), lr_buf_size(bytes), values, NULL);
}

Test(rpc_value, values_made_here_go_by_the_row_of_their_kind_in_either_dialect) {
    struct lr_tensor tensor = {.data = 9,
                               .device = {1, 0},
                               .ndim = 1,
                               .dtype = {2, 32, 1},
                               .shape = {5},
                               .byte_offset = 4};
    const struct lr_value made[] = {
        lr_value_null(),
        lr_value_int(-5),
        lr_value_float(0.5),
        lr_value_handle(7),
        lr_value_str(lr_text_of("s")),
        lr_value_bytes("b", 1),
        lr_value_device((struct lr_device){1, 2}),
        lr_value_dtype((struct lr_dtype){0, 8, 1}),
        lr_value_tensor(&tensor),
        {.kind = LR_VALUE_MODULE, .as.handle = 3},
        {.kind = LR_VALUE_FUNCTION, .as.handle = 3},
    };
    struct lr_buf bytes;
    struct lr_values values;
    lr_buf_init(&bytes, lr_alloc_system());
    lr_values_init(&values, lr_alloc_system());
    for (size_t i = 0; i < LR_COUNT_OF(made); i++) {
        for (int d = 0; d < LR_DIALECT_COUNT; d++) {
            char before[80];
            char after[80];
            cr_assert_eq(there_and_back((enum lr_dialect)d, &made[i], &bytes, &values), LR_OK);
            cr_expect_str_eq(lr_value_describe(before, sizeof before, &made[i]),
                             lr_value_describe(after, sizeof after, &values.items[0]));
        }
    }
    lr_values_deinit(&values);
    lr_buf_deinit(&bytes);
}

Test(rpc_value, what_a_dialect_lacks_goes_as_the_nearest_or_not_at_all) {
    struct lr_value truth = {.kind = LR_VALUE_BOOL, .as.integer = 1};
    struct lr_value word = {.kind = LR_VALUE_UINT, .as.integer = -1};
    struct lr_value object = {.kind = LR_VALUE_OBJECT, .code = 71, .as.handle = 7};
    struct lr_buf bytes;
    struct lr_values values;
    lr_buf_init(&bytes, lr_alloc_system());
    lr_values_init(&values, lr_alloc_system());
    cr_assert_eq(there_and_back(LR_DIALECT_LEGACY, &truth, &bytes, &values), LR_OK);
    cr_expect_eq(values.items[0].kind, LR_VALUE_INT);
    cr_expect_eq(values.items[0].as.integer, 1);
    cr_assert_eq(there_and_back(LR_DIALECT_FFI, &word, &bytes, &values), LR_OK);
    cr_expect_eq(values.items[0].kind, LR_VALUE_INT);
    cr_assert_eq(there_and_back(LR_DIALECT_FFI, &object, &bytes, &values), LR_OK);
    cr_expect_eq(values.items[0].code, 71);
    cr_expect_eq(there_and_back(LR_DIALECT_LEGACY, &object, &bytes, &values), LR_ENOTSUP);
    lr_values_deinit(&values);
    lr_buf_deinit(&bytes);
}

Test(rpc_value, a_row_of_the_other_dialect_or_too_short_for_a_new_text_is_not_used) {
    struct lr_buf bytes;
    struct lr_values values;
    lr_buf_init(&bytes, lr_alloc_system());
    lr_values_init(&values, lr_alloc_system());
    static const char small[] = "\1\0\0\0"
                                "\xb\0\0\0"
                                "\x41\0\0\0"
                                "\1\0\0\0\0\0\0\0"
                                "x";
    cr_assert_eq(decode(LR_DIALECT_FFI, BYTES(small), &values, NULL), LR_OK);
    struct lr_value value = values.items[0];
    cr_assert_eq(there_and_back(LR_DIALECT_LEGACY, &value, &bytes, &values), LR_OK);
    cr_expect_eq(values.items[0].code, 11);
    value.as.text = lr_text_of("eight ch");
    cr_assert_eq(there_and_back(LR_DIALECT_FFI, &value, &bytes, &values), LR_OK);
    cr_expect_eq(values.items[0].code, 8);
    lr_values_deinit(&values);
    lr_buf_deinit(&bytes);
}

Test(rpc_value, results_are_announced_by_the_codes_of_their_dialect) {
    static const struct {
        enum lr_result_kind kind;
        size_t text_size;
        int32_t legacy, ffi;
    } codes[] = {
        {LR_RESULT_NULL, 0, 4, 0},    {LR_RESULT_INT, 0, 0, 1},        {LR_RESULT_FLOAT, 0, 2, 3},
        {LR_RESULT_STR, 7, 11, 11},   {LR_RESULT_STR, 8, 11, 65},      {LR_RESULT_BYTES, 7, 12, 12},
        {LR_RESULT_BYTES, 8, 12, 66}, {LR_RESULT_FUNCTION, 0, 10, 68}, {LR_RESULT_MODULE, 0, 9, 73},
        {LR_RESULT_ARRAY, 0, 13, 70}, {LR_RESULT_HANDLE, 0, 3, 4},     {LR_RESULT_DTYPE, 0, 5, 5},
        {LR_RESULT_DEVICE, 0, 6, 6},  {LR_RESULT_OBJECT, 0, 8, 64},
    };
    for (size_t i = 0; i < LR_COUNT_OF(codes); i++) {
        enum lr_result_kind kind;
        cr_expect_eq(lr_result_code(LR_DIALECT_LEGACY, codes[i].kind, codes[i].text_size),
                     codes[i].legacy);
        cr_expect_eq(lr_result_code(LR_DIALECT_FFI, codes[i].kind, codes[i].text_size),
                     codes[i].ffi);
        cr_assert(lr_result_kind_of(LR_DIALECT_LEGACY, codes[i].legacy, &kind));
        cr_expect_eq(kind, codes[i].kind);
        cr_assert(lr_result_kind_of(LR_DIALECT_FFI, codes[i].ffi, &kind));
        cr_expect_eq(kind, codes[i].kind);
    }
    enum lr_result_kind kind;
    cr_assert(lr_result_kind_of(LR_DIALECT_LEGACY, 15, &kind)); /* v0.19 sends it */
    cr_expect_eq(kind, LR_RESULT_BOOL);
    cr_expect_not(lr_result_kind_of(LR_DIALECT_LEGACY, 65, &kind));
    cr_expect_not(lr_result_kind_of(LR_DIALECT_FFI, 13, &kind));
    static const int32_t objects[] = {64, 67, 69, 71, 72, 128, INT32_MAX};
    for (size_t i = 0; i < LR_COUNT_OF(objects); i++) {
        cr_assert(lr_result_kind_of(LR_DIALECT_FFI, objects[i], &kind), "%" PRId32, objects[i]);
        cr_expect_eq(kind, LR_RESULT_OBJECT, "%" PRId32, objects[i]);
    }
    cr_expect_not(lr_result_kind_of(LR_DIALECT_FFI, -1, &kind));
}

Test(rpc_value, bytes_of_a_tensor_are_counted_and_overflow_is_seen) {
    static const struct {
        struct lr_tensor tensor;
        enum lr_status status;
        uint64_t legacy, ffi;
    } cases[] = {
        {{.ndim = 0, .dtype = {2, 32, 1}}, LR_OK, 4, 4},
        {{.ndim = 2, .dtype = {2, 32, 1}, .shape = {3, 4}}, LR_OK, 48, 48},
        {{.ndim = 1, .dtype = {1, 1, 1}, .shape = {9}}, LR_OK, 9, 9},
        {{.ndim = 1, .dtype = {0, 1, 1}, .shape = {9}}, LR_OK, 9, 2},
        {{.ndim = 1, .dtype = {1, 1, 4}, .shape = {9}}, LR_OK, 9, 5},
        {{.ndim = 1, .dtype = {0, 4, 1}, .shape = {3}}, LR_OK, 3, 2},
        {{.ndim = 2, .dtype = {0, 4, 1}, .shape = {3, 5}}, LR_OK, 15, 8},
        {{.ndim = 1, .dtype = {0, 4, 3}, .shape = {2}}, LR_OK, 4, 3},
        {{.ndim = 1, .dtype = {2, 32, 4}, .shape = {2}}, LR_OK, 32, 32},
        {{.ndim = 1, .dtype = {2, 0, 1}, .shape = {5}}, LR_OK, 0, 0},
        {{.ndim = 3, .dtype = {2, 64, 1}, .shape = {INT64_MAX, INT64_MAX, 0}}, LR_OK, 0, 0},
        {{.ndim = 1, .dtype = {0, 8, 1}, .shape = {INT64_MAX}}, LR_OK, INT64_MAX, INT64_MAX},
        {{.ndim = 1, .dtype = {2, 64, 1}, .shape = {INT64_MAX}}, LR_ELIMIT, 0, 0},
        {{.ndim = 2, .dtype = {0, 8, 1}, .shape = {INT64_MAX, 3}}, LR_ELIMIT, 0, 0},
        {{.ndim = 2, .dtype = {0, 4, 1}, .shape = {INT64_MAX, 5}}, LR_ELIMIT, 0, 0},
        {{.ndim = 2, .dtype = {0, 8, 1}, .shape = {0, -1}}, LR_EPROTO, 0, 0},
        {{.ndim = -1, .dtype = {0, 8, 1}}, LR_EPROTO, 0, 0},
    };
    for (size_t i = 0; i < 2 * LR_COUNT_OF(cases); i++) {
        size_t row = i / 2;
        enum lr_dialect dialect = i % 2 == 0 ? LR_DIALECT_LEGACY : LR_DIALECT_FFI;
        uint64_t wanted = dialect == LR_DIALECT_FFI ? cases[row].ffi : cases[row].legacy;
        uint64_t bytes = 0;
        cr_expect_eq(lr_tensor_bytes(dialect, &cases[row].tensor, &bytes), cases[row].status,
                     "case %zu, %s", row, lr_dialect_name(dialect));
        cr_expect_eq(bytes, wanted, "case %zu, %s: %" PRIu64, row, lr_dialect_name(dialect), bytes);
    }
}

Test(rpc_value, a_description_is_cut_to_its_room) {
    const struct lr_tensor tensor = {
        .ndim = 3, .dtype = {2, 32, 4}, .shape = {1234567, 2345678, 3456789}};
    static const char zeros[100]; /* of a longer text what fits is told, whatever room there is */
    const struct lr_value blanks = lr_value_str((struct lr_text){zeros, sizeof zeros});
    char text[100];
    cr_assert_eq(strlen(lr_value_describe(text, sizeof text, &blanks)), strlen("str ") + 60);
    const struct lr_value described[] = {
        lr_value_str(lr_text_of("a text that is longer than the room for it")),
        lr_value_tensor(&tensor),
        {.kind = LR_VALUE_OBJECT, .code = 71, .as.handle = UINT64_MAX},
    };
    for (size_t i = 0; i < LR_COUNT_OF(described); i++) {
        char whole[80];
        size_t length = strlen(lr_value_describe(whole, sizeof whole, &described[i]));
        for (size_t size = 1; size <= length + 1; size++) {
            char room[80];
            memset(room, '!', sizeof room);
            cr_expect_eq(lr_value_describe(room, size, &described[i]), room);
            cr_assert_eq(strlen(room), size - 1, "%s", whole);
            cr_assert_eq(memcmp(room, whole, size - 1), 0, "%s", whole);
            for (size_t at = size; at < sizeof room; at++) {
                cr_assert_eq(room[at], '!', "%s", whole);
            }
        }
    }
}

Test(rpc_value, numbers_are_described_whole) {
    char text[64];
    const struct lr_value least = lr_value_int(INT64_MIN);
    const struct lr_value most = {.kind = LR_VALUE_UINT, .as.integer = -1};
    const struct lr_value handle = lr_value_handle(UINT64_MAX);
    const struct lr_value nothing = lr_value_handle(0);
    const struct lr_value yes = {.kind = LR_VALUE_BOOL, .as.integer = 1};
    cr_expect_str_eq(lr_value_describe(text, sizeof text, &least), "int -9223372036854775808");
    cr_expect_str_eq(lr_value_describe(text, sizeof text, &most), "uint 18446744073709551615");
    cr_expect_str_eq(lr_value_describe(text, sizeof text, &handle), "handle 0xffffffffffffffff");
    cr_expect_str_eq(lr_value_describe(text, sizeof text, &nothing), "handle 0x0");
    cr_expect_str_eq(lr_value_describe(text, sizeof text, &yes), "bool true");
    const struct lr_value unknown =
        lr_value_dtype((struct lr_dtype){.code = 7, .bits = 8, .lanes = 1});
    cr_expect_str_eq(lr_value_describe(text, sizeof text, &unknown), "dtype dtype7_8");
}
