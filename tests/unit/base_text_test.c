/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "base/time.h"

static struct lr_text of(const char *string) {
    return lr_text_of(string);
}

Test(base_text, compares_by_bytes_then_by_length) {
    cr_expect(lr_text_equal(of("abc"), of("abc")));
    cr_expect_not(lr_text_equal(of("abc"), of("abd")));
    cr_expect_not(lr_text_equal(of("abc"), of("ab")));
    cr_expect(lr_text_equal((struct lr_text){NULL, 0}, of("")));
    cr_expect_lt(lr_text_compare(of("ab"), of("abc")), 0);
    cr_expect_gt(lr_text_compare(of("b"), of("abc")), 0);
    cr_expect_eq(lr_text_compare(of(""), (struct lr_text){NULL, 0}), 0);
    cr_expect_gt(lr_text_compare(of("\xff"), of("a")), 0, "bytes are unsigned");
    cr_expect(lr_text_starts_with(of("client:x"), "client:"));
    cr_expect_not(lr_text_starts_with(of("cli"), "client:"));
}

Test(base_text, finds_a_part_also_behind_a_nul) {
    static const struct {
        struct lr_text text;
        struct lr_text part;
        bool found;
    } rows[] = {
        {{"abcabd", 6}, {"abd", 3}, true},  {{"abcabd", 6}, {"abc", 3}, true},
        {{"abcabd", 6}, {"abe", 3}, false}, {{"ab", 2}, {"abc", 3}, false},
        {{"a\0bc", 4}, {"bc", 2}, true},    {{"a\0bc", 4}, {"\0b", 2}, true},
        {{"a\0bc", 4}, {"a\0c", 3}, false}, {{"aab", 3}, {"ab", 2}, true},
        {{"x", 1}, {"", 0}, true},          {{NULL, 0}, {"", 0}, true},
        {{NULL, 0}, {"x", 1}, false},
    };
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        cr_expect_eq(lr_text_contains(rows[i].text, rows[i].part), rows[i].found, "row %zu", i);
    }
}

Test(base_text, tells_utf8_from_what_is_not) {
    static const char *const good[] = {
        "",
        "plain",
        "\xc3\xa9",
        "\xe2\x82\xac",
        "\xf0\x9f\x98\x80",
        "\xed\x9f\xbf",
        "\xf4\x8f\xbf\xbf",
    };
    static const char *const bad[] = {
        "\x80",
        "\xc3",
        "\xc0\xaf",
        "\xc1\x81",
        "\xe0\x80\xaf",
        "\xed\xa0\x80",
        "\xf0\x80\x80\xaf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "a\xe2\x82",
        "\xc3\x28",
    };
    for (size_t i = 0; i < LR_COUNT_OF(good); i++) {
        cr_expect(lr_text_is_utf8(of(good[i])), "good %zu", i);
    }
    for (size_t i = 0; i < LR_COUNT_OF(bad); i++) {
        cr_expect_not(lr_text_is_utf8(of(bad[i])), "bad %zu", i);
    }
}

Test(base_text, reads_whole_decimal_numbers_up_to_a_bound) {
    uint64_t value = 7;
    cr_expect_eq(lr_text_to_u64(of("0"), 10, &value), LR_OK);
    cr_expect_eq(value, 0);
    cr_expect_eq(lr_text_to_u64(of("18446744073709551615"), UINT64_MAX, &value), LR_OK);
    cr_expect_eq(value, UINT64_MAX);
    cr_expect_eq(lr_text_to_u64(of("18446744073709551616"), UINT64_MAX, &value), LR_EINVAL);
    cr_expect_eq(lr_text_to_u64(of("65535"), 65535, &value), LR_OK);
    cr_expect_eq(lr_text_to_u64(of("65536"), 65535, &value), LR_EINVAL);
    static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "0x10", "1.0", "one"};
    for (size_t i = 0; i < LR_COUNT_OF(bad); i++) {
        cr_expect_eq(lr_text_to_u64(of(bad[i]), 100, &value), LR_EINVAL, "%s", bad[i]);
    }
    cr_expect_eq(value, 65535, "a refused number leaves the result alone");
}

Test(base_text, reads_seconds_as_python_writes_them) {
    static const struct {
        const char *text;
        uint64_t ns;
    } rows[] = {
        {"2", 2 * LR_SECOND},
        {"0.5", LR_SECOND / 2},
        {"1e1", 10 * LR_SECOND},
        {"60.0", 60 * LR_SECOND},
        {"1e-05", 10 * LR_US},
        {"0", 0},
        {".25", LR_SECOND / 4},
        {"3.", 3 * LR_SECOND},
        {"0.1234567891", 123456789},
        {"+1", LR_SECOND},
        {"1e9", 1000000000 * LR_SECOND},
        {"1E+2", 100 * LR_SECOND},
        {"1e-400", 0},
        {"1000000000000000000000e-20", 10 * LR_SECOND},
        {"0.30000000000000004", 300000000},
    };
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        uint64_t ns = 1;
        cr_expect_eq(lr_text_to_seconds(of(rows[i].text), &ns), LR_OK, "%s", rows[i].text);
        cr_expect_eq(ns, rows[i].ns, "%s", rows[i].text);
    }
    static const char *const bad[] = {
        "",     "abc",   "nan",  "inf", "-1",
        "1e10", "1e400", "1..2", "1e",  "1e+",
        "1 ",   " 1",    "0x10", ".",   "1e99999999999999999999",
        "2s",
    };
    for (size_t i = 0; i < LR_COUNT_OF(bad); i++) {
        uint64_t ns;
        cr_expect_eq(lr_text_to_seconds(of(bad[i]), &ns), LR_EINVAL, "%s", bad[i]);
    }
}

Test(base_text, durations_have_a_unit) {
    static const struct {
        const char *text;
        uint64_t ns;
    } rows[] = {{"2s", 2 * LR_SECOND}, {"1.5s", 3 * LR_SECOND / 2}, {"100ms", 100 * LR_MS},
                {"0.5ms", LR_MS / 2},  {"20us", 20 * LR_US},        {"7ns", 7}};
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        uint64_t ns = 1;
        cr_expect_eq(lr_text_to_duration(of(rows[i].text), &ns), LR_OK, "%s", rows[i].text);
        cr_expect_eq(ns, rows[i].ns, "%s", rows[i].text);
    }
    static const char *const bad[] = {"", "2", "s", "ms", "2 s", "2m", "-1s", "nans", "2ss"};
    for (size_t i = 0; i < LR_COUNT_OF(bad); i++) {
        uint64_t ns;
        cr_expect_eq(lr_text_to_duration(of(bad[i]), &ns), LR_EINVAL, "%s", bad[i]);
    }
}

Test(base_text, quotes_what_is_not_printable_and_cuts_what_is_long) {
    char out[64];
    cr_expect_str_eq(lr_text_quote(out, sizeof out, of("a\n\"\xff")), "\"a\\x0a\\x22\\xff\"");
    char small[10];
    cr_expect_str_eq(lr_text_quote(small, sizeof small, of("abcdefghijklmnop")), "\"abcde..\"");
    for (size_t size = 0; size < 40; size++) { /* never beyond its room, whatever stands where */
        char text[40];
        memset(text, size % 2 == 0 ? 'x' : '\n', sizeof text);
        char room[16];
        memset(room, '!', sizeof room);
        (void)lr_text_quote(room, 12, (struct lr_text){text, size});
        cr_assert_lt(strlen(room), 12);
        cr_assert_eq(room[12], '!');
    }
}

Test(base_text, writes_durations_as_a_person_does) {
    char out[32];
    cr_expect_str_eq(lr_text_duration(out, sizeof out, 12 * LR_US), "12 us");
    cr_expect_str_eq(lr_text_duration(out, sizeof out, 95340 * LR_US), "95.3 ms");
    cr_expect_str_eq(lr_text_duration(out, sizeof out, 20 * LR_SECOND), "20.00 s");
    cr_expect_str_eq(lr_text_duration(out, sizeof out, LR_TIME_NEVER), "never");
}

Test(base_status, each_code_has_a_text_of_its_own) {
    for (int code = LR_ECANCELED; code <= LR_OK; code++) {
        const char *text = lr_status_text((enum lr_status)code);
        cr_expect_str_neq(text, "unknown error", "code %d", code);
        for (int other = code + 1; other <= LR_OK; other++) {
            cr_expect_str_neq(text, lr_status_text((enum lr_status)other));
        }
    }
    cr_expect_str_eq(lr_status_text((enum lr_status) - 999), "unknown error");
}

Test(base_status, sentences_are_formatted_prefixed_and_cut) {
    struct lr_error error = {0};
    cr_expect_eq(lr_error_set(&error, LR_EPROTO, "byte %d", 7), LR_EPROTO);
    cr_expect_eq(lr_error_prefix(&error, "packet %d", 2), LR_EPROTO);
    cr_expect_str_eq(error.text, "packet 2: byte 7");
    cr_expect_eq(lr_error_set(NULL, LR_ENOMEM, "nobody asks"), LR_ENOMEM);
    char text[500];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    (void)lr_error_set(&error, LR_EIO, "%s", text);
    cr_expect_eq(strlen(error.text), LR_ERROR_TEXT_MAX - 1);
    (void)lr_error_prefix(&error, "%s", text);
    cr_expect_eq(strlen(error.text), LR_ERROR_TEXT_MAX - 1);
    (void)lr_error_set(&error, LR_EIO, "rest");
    text[LR_ERROR_TEXT_MAX - 3] = '\0';
    (void)lr_error_prefix(&error, "%s", text);
    cr_expect_lt(strlen(error.text), LR_ERROR_TEXT_MAX);
}

Test(base_assert, a_broken_invariant_ends_the_program, .signal = SIGABRT) {
    lr_assert_set_context("seed 1");
    volatile int two = 2;
    LR_ASSERT(two == 3);
}
