/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/prng.h"
#include "rpc/handshake.h"
#include "support/failing.h"

static void expect_bytes(const struct lr_buf *out, const void *bytes, size_t size) {
    cr_assert_eq(lr_buf_size(out), size, "%zu bytes", lr_buf_size(out));
    cr_assert_eq(memcmp(lr_buf_data(out), bytes, size), 0);
}

Test(rpc_handshake, parses_a_key_and_its_timeout) {
    static const struct {
        const char *text, *matchkey, *timeout;
        uint64_t ns;
    } rows[] = {
        {"client:dev:0.4", "dev:0.4", "", LR_TIME_NEVER},
        {"client:", "", "", LR_TIME_NEVER},
        {"client:a:b:0.4 -timeout=60", "a:b:0.4", "60", 60 * LR_SECOND},
        {"client:dev -timeout=0.5", "dev", "0.5", LR_SECOND / 2},
        {"client:dev -timeout=4.0", "dev", "4.0", 4 * LR_SECOND},
        {"client:dev -timeout=0", "dev", "0", LR_TIME_NEVER},
        {"client:dev  \t-timeout=1\n", "dev", "1", LR_SECOND},
        {"client:d\xc3\xa9v", "d\xc3\xa9v", "", LR_TIME_NEVER},
    };
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        struct lr_client_key key;
        struct lr_error error = {0};
        cr_expect_eq(lr_client_key_parse(lr_text_of(rows[i].text), &key, &error), LR_OK, "%s: %s",
                     rows[i].text, error.text);
        cr_expect(lr_text_equal(key.matchkey, lr_text_of(rows[i].matchkey)), "%s", rows[i].text);
        cr_expect(lr_text_equal(key.timeout, lr_text_of(rows[i].timeout)), "%s", rows[i].text);
        cr_expect_eq(key.timeout_ns, rows[i].ns, "%s", rows[i].text);
    }
}

Test(rpc_handshake, refuses_a_key_that_is_none_and_says_why) {
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "empty"},
        {" client:dev", "does not begin with client:"},
        {"server:dev", "does not begin with client:"},
        {"dev", "does not begin with client:"},
        {"CLIENT:dev", "does not begin with client:"},
        {"client:\xff", "not UTF-8"},
        {"client:dev -timeout=abc", "\"abc\" is no number of seconds"},
        {"client:dev -timeout=nan", "no number of seconds"},
        {"client:dev -timeout=inf", "no number of seconds"},
        {"client:dev -timeout=-1", "no number of seconds"},
        {"client:dev -timeout=", "no number of seconds"},
        {"client:dev -timeout=1 -timeout=x", "no number of seconds"},
        {"client:dev -other=1", "unknown option \"-other=1\""},
        {"client:dev tail", "unknown option \"tail\""},
    };
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        struct lr_client_key key;
        struct lr_error error = {0};
        cr_expect_eq(lr_client_key_parse(lr_text_of(rows[i].text), &key, &error), LR_EPROTO, "%s",
                     rows[i].text);
        cr_expect_not_null(strstr(error.text, rows[i].says), "%s: %s", rows[i].text, error.text);
    }
}

Test(rpc_handshake, a_client_says_magic_length_and_key) {
    struct lr_buf out;
    lr_buf_init(&out, lr_alloc_system());
    cr_assert_eq(lr_client_hello_encode(lr_text_of("k:0.1"), LR_TIME_NEVER, &out), LR_OK);
    expect_bytes(&out,
                 "\x71\xf2\x0f\x00\x0c\x00\x00\x00"
                 "client:k:0.1",
                 20);
    lr_buf_consume(&out, 20);
    cr_assert_eq(lr_client_hello_encode(lr_text_of("k"), 60 * LR_SECOND, &out), LR_OK);
    expect_bytes(&out,
                 "\x71\xf2\x0f\x00\x14\x00\x00\x00"
                 "client:k -timeout=60",
                 28);
    lr_buf_deinit(&out);
}

Test(rpc_handshake, timeouts_are_written_as_short_as_they_are) {
    static const struct {
        uint64_t ns;
        const char *tail;
    } rows[] = {
        {LR_SECOND / 2, "client: -timeout=0.5"},
        {1, "client: -timeout=0.000000001"},
        {10 * LR_SECOND, "client: -timeout=10"},
        {10 * LR_SECOND + 50 * LR_MS, "client: -timeout=10.05"},
        {LR_TIME_NEVER - 1, "client: -timeout=18446744073.709551614"},
        {0, "client:"},
    };
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        struct lr_buf out;
        lr_buf_init(&out, lr_alloc_system());
        cr_assert_eq(lr_client_hello_encode(lr_text_of(""), rows[i].ns, &out), LR_OK);
        lr_buf_consume(&out, 8);
        expect_bytes(&out, rows[i].tail, strlen(rows[i].tail));
        lr_buf_deinit(&out);
    }
}

Test(rpc_handshake, a_server_gives_its_key_only_where_it_accepts) {
    struct lr_buf out;
    lr_buf_init(&out, lr_alloc_system());
    cr_assert_eq(lr_server_hello_encode(LR_MAGIC_RPC, lr_text_of("dev"), &out), LR_OK);
    expect_bytes(&out, "\x71\xf2\x0f\x00\x0a\x00\x00\x00server:dev", 18);
    lr_buf_consume(&out, 18);
    cr_assert_eq(lr_server_hello_encode(LR_ANSWER_MISMATCH, lr_text_of("dev"), &out), LR_OK);
    expect_bytes(&out, "\x73\xf2\x0f\x00", 4);
    cr_expect_eq(lr_word_decode(lr_buf_data(&out)), LR_ANSWER_MISMATCH);
    lr_buf_deinit(&out);
}

static void say_all(struct lr_alloc *alloc, void *context) {
    (void)context;
    struct lr_buf out;
    struct lr_prng random;
    bool must = lr_test_must_succeed(alloc);
    lr_prng_init(&random, 3);
    lr_buf_init(&out, alloc);
    enum lr_status status = lr_client_hello_encode(lr_text_of("dev:0.123"), 1, &out);
    cr_assert(status == LR_OK || lr_buf_size(&out) == 0);
    size_t before = lr_buf_size(&out);
    char long_key[100];
    memset(long_key, 'k', sizeof long_key);
    struct lr_text key = {long_key, sizeof long_key};
    enum lr_status second = lr_server_hello_encode(LR_MAGIC_RPC, key, &out);
    cr_assert(second == LR_OK || lr_buf_size(&out) == before);
    char *matchkey = lr_matchkey_new(alloc, lr_text_of("dev"), &random);
    cr_assert(!must || (status == LR_OK && second == LR_OK && matchkey != NULL));
    lr_alloc_free_string(alloc, matchkey);
    lr_buf_deinit(&out);
}

Test(rpc_handshake, leaves_the_buffer_as_it_was_without_memory) {
    lr_test_each_failure(say_all, NULL);
}

Test(rpc_handshake, matchkeys_are_the_key_and_sixteen_digits_and_differ) {
    struct lr_prng random;
    lr_prng_init(&random, 3);
    char *a = lr_matchkey_new(lr_alloc_system(), lr_text_of("a:b"), &random);
    char *b = lr_matchkey_new(lr_alloc_system(), lr_text_of("a:b"), &random);
    cr_assert(a != NULL && b != NULL);
    cr_expect_eq(strlen(a), strlen("a:b:0.") + 16);
    cr_expect_eq(strspn(a + 6, "0123456789"), 16);
    cr_expect_str_neq(a, b);
    cr_expect(lr_text_equal(lr_matchkey_key(lr_text_of(a)), lr_text_of("a:b")));
    cr_expect(lr_text_equal(lr_matchkey_key(lr_text_of("plain")), lr_text_of("plain")));
    lr_alloc_free_string(lr_alloc_system(), a);
    lr_alloc_free_string(lr_alloc_system(), b);
}
