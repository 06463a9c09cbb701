/* SPDX-License-Identifier: Apache-2.0 */
/* What is UTF-8 and what is not. */
#include <criterion/criterion.h>
#include <string.h>

#include "reports/utf8.h"
#include "support/failing.h"

Test(reports_utf8, characters_are_told_from_other_bytes) {
    static const struct {
        const char *bytes;
        size_t size;
        uint32_t code;
    } rows[] = {
        {"a", 1, 'a'},
        {"\x7F", 1, 0x7F},
        {"\xC2\x80", 2, 0x80},
        {"\xDF\xBF", 2, 0x7FF},
        {"\xE0\xA0\x80", 3, 0x800},
        {"\xED\x9F\xBF", 3, 0xD7FF},
        {"\xEE\x80\x80", 3, 0xE000},
        {"\xEF\xBF\xBF", 3, 0xFFFF},
        {"\xF0\x90\x80\x80", 4, 0x10000},
        {"\xF4\x8F\xBF\xBF", 4, 0x10FFFF},
        {"", 0, 0},
        {"\x80", 0, 0},
        {"\xC0\x80", 0, 0},
        {"\xC1\xBF", 0, 0},
        {"\xC3", 0, 0},
        {"\xC3z", 0, 0},
        {"\xE0\x9F\xBF", 0, 0},
        {"\xE1\x80", 0, 0},
        {"\xED\xA0\x80", 0, 0},
        {"\xED\xBF\xBF", 0, 0},
        {"\xF0\x8F\xBF\xBF", 0, 0},
        {"\xF4\x90\x80\x80", 0, 0},
        {"\xF5\x80\x80\x80", 0, 0},
        {"\xF8\x88\x80\x80\x80", 0, 0},
        {"\xFE", 0, 0},
        {"\xFF", 0, 0},
    };
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        uint32_t code = 0;
        cr_expect_eq(lr_utf8_next(rows[i].bytes, &code), rows[i].size, "row %zu", i);
        cr_expect(rows[i].size == 0 || code == rows[i].code, "row %zu: %x", i, (unsigned int)code);
    }
}

static void append_all(struct lr_alloc *alloc, void *context) {
    (void)context;
    struct lr_buf out;
    lr_buf_init(&out, alloc);
    enum lr_status status = lr_utf8_append(&out, "a\xC3\xA4\xE0\x80z\xF0\x9F");
    static const char clean[] = "a\xC3\xA4" LR_UTF8_REPLACEMENT LR_UTF8_REPLACEMENT
                                "z" LR_UTF8_REPLACEMENT LR_UTF8_REPLACEMENT;
    cr_assert_eq(status, lr_test_must_succeed(alloc) ? LR_OK : LR_ENOMEM);
    if (status == LR_OK) {
        cr_assert_eq(lr_buf_size(&out), sizeof clean - 1);
        cr_assert_eq(memcmp(lr_buf_data(&out), clean, sizeof clean - 1), 0);
    }
    lr_buf_deinit(&out);
}

Test(reports_utf8, each_other_byte_is_replaced) {
    lr_test_each_failure(append_all, NULL);
}
