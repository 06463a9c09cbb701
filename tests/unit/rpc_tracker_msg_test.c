/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "rpc/tracker_msg.h"
#include "support/failing.h"

enum { KEY_MAX = 64 };

/* Each as Python writes it: comes out the same, with its length before it. */
static const char *const messages[] = {
    "[1]",
    "[2, \"/random/0.5\"]",
    "[3, \"dev\", [9090, \"dev:0.4759739494514652\"], null]",
    "[3, \"a:b\", [1, \"a:b:0.5\"], \"192.0.2.1\"]",
    "[3, \"dev\", [65535, \"dev:0.1\"], null, \"dev:0.2\"]",
    "[4, \"dev\", \"\", 1]",
    "[4, \"d\\u00e9v \\ud83d\\ude00\", \"me\", -9223372036854775808]",
    "[5, {\"key\": \"server:dev\", \"addr\": [null, 9090]}]",
    "[5, {\"key\": \"server:dev\", \"addr\": [\"::1\", 9090]}]",
    "[5, {\"key\": \"server:dev\"}]",
    "[6]",
    "[6, \"held\"]",
    "[7]",
};

static void message_again(struct lr_alloc *alloc, void *context) {
    const char *text = context;
    struct lr_tracker_msg msg;
    struct lr_error error = {0};
    struct lr_buf out;
    lr_buf_init(&out, alloc);
    lr_tracker_msg_init(&msg, alloc);
    enum lr_status status =
        lr_tracker_msg_decode(&msg, (const uint8_t *)text, strlen(text), KEY_MAX, &error);
    if (status == LR_OK) {
        status = lr_tracker_msg_encode(&msg, &out);
    }
    if (status == LR_OK) {
        size_t size = strlen(text);
        const uint8_t *bytes = lr_buf_data(&out);
        cr_assert_eq(lr_buf_size(&out), 4 + size, "%s", text);
        cr_assert(bytes[0] == size && bytes[1] == 0 && bytes[2] == 0 && bytes[3] == 0);
        cr_assert_eq(memcmp(bytes + 4, text, size), 0, "%s became %.*s", text,
                     (int)lr_buf_size(&out) - 4, (const char *)bytes + 4);
    } else {
        cr_assert_eq(lr_buf_size(&out), 0);
    }
    cr_assert_eq(status, lr_test_must_succeed(alloc) ? LR_OK : LR_ENOMEM, "%s: %s", text,
                 error.text);
    lr_tracker_msg_deinit(&msg);
    lr_buf_deinit(&out);
}

Test(rpc_tracker_msg, each_message_comes_out_as_python_wrote_it) {
    for (size_t i = 0; i < LR_COUNT_OF(messages); i++) {
        char text[128];
        memcpy(text, messages[i], strlen(messages[i]) + 1);
        lr_test_each_failure(message_again, text);
    }
}

static enum lr_status decode(struct lr_tracker_msg *msg, const char *text, struct lr_error *error) {
    lr_tracker_msg_init(msg, lr_alloc_system());
    return lr_tracker_msg_decode(msg, (const uint8_t *)text, strlen(text), KEY_MAX, error);
}

Test(rpc_tracker_msg, other_spellings_and_other_servers_are_understood) {
    static const struct {
        const char *text;
        uint16_t port;
        bool has_host;
        const char *key;
    } rows[] = {
        /* TVM's Java and iOS servers */
        {"[5, {\"key\" : \"server:dev\", \"addr\": [null, \"5001\"]}]", 5001, false, "server:dev"},
        {"[5, {\"key\": \"k\", \"addr\": [null, \"1\"]}]", 1, false, "k"},
        /* an old PUT without a custom address, and what may come one day */
        {"[3,\"dev\",[9090,\"dev:0.1\"]]", 9090, false, "dev"},
        {"[3, \"dev\", [9090, \"dev:0.1\"], \"h\", null, 7]", 9090, true, "dev"},
        {" [ 4 , \"\\u0064ev\" , \"\" , 1 ] ", 0, false, "dev"},
        {"[5, {\"addr\": [\"h\", 1], \"version\": \"1\", \"key\": \"k\"}]", 1, true, "k"},
        {"[6, \"other\"]", 0, false, ""},
        {"[1, 2, 3]", 0, false, ""},
    };
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        struct lr_tracker_msg msg;
        struct lr_error error = {0};
        cr_expect_eq(decode(&msg, rows[i].text, &error), LR_OK, "%s: %s", rows[i].text, error.text);
        cr_expect_eq(msg.port, rows[i].port, "%s", rows[i].text);
        cr_expect_eq(msg.has_host, rows[i].has_host, "%s", rows[i].text);
        cr_expect(lr_text_equal(msg.key, lr_text_of(rows[i].key)), "%s", rows[i].text);
        cr_expect_not(msg.want_held);
        lr_tracker_msg_deinit(&msg);
    }
}

Test(rpc_tracker_msg, a_real_priority_is_the_integer_below_it_and_a_rest) {
    static const struct {
        const char *text;
        int64_t priority;
        double rest;
    } rows[] = {
        {"[4, \"k\", \"\", 1.25]", 1, 0.25},
        {"[4, \"k\", \"\", -1.25]", -2, 0.75},
        {"[4, \"k\", \"\", 3.0]", 3, 0.0},
        {"[4, \"k\", \"\", -1e-300]", 0, 0.0},
        {"[4, \"k\", \"\", -9.223372036854775e18]", INT64_C(-9223372036854774784), 0.0},
    };
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        struct lr_tracker_msg msg;
        cr_assert_eq(decode(&msg, rows[i].text, NULL), LR_OK, "%s", rows[i].text);
        cr_expect_eq(msg.priority, rows[i].priority, "%s", rows[i].text);
        cr_expect_eq(msg.priority_rest, rows[i].rest, "%s", rows[i].text);
        lr_tracker_msg_deinit(&msg);
    }
}

Test(rpc_tracker_msg, nothing_of_a_message_is_left_in_the_next) {
    static const char put[] = "[3, \"dev\", [9090, \"dev:0.1\"], \"h\", \"dev:0.2\"]";
    struct lr_tracker_msg msg;
    cr_assert_eq(decode(&msg, put, NULL), LR_OK);
    cr_assert_eq(lr_tracker_msg_decode(&msg, (const uint8_t *)"[1]", 3, KEY_MAX, NULL), LR_OK);
    cr_expect_eq(msg.code, LR_TRACKER_PING);
    cr_expect(msg.key.size == 0 && msg.matchkey.size == 0 && msg.port == 0);
    cr_expect_not(msg.has_host || msg.has_replaces);
    lr_tracker_msg_deinit(&msg);
    lr_tracker_msg_deinit(&msg); /* of nothing */
}

Test(rpc_tracker_msg, what_is_no_message_is_refused_with_a_sentence) {
    static const struct {
        const char *text;
        enum lr_status status;
        int64_t code;
        const char *says;
    } rows[] = {
        {"", LR_EPROTO, 0, "empty"},
        {"{nope", LR_EPROTO, 0, "not JSON"},
        {"{\"a\": 1}", LR_EPROTO, 0, "this is an object"},
        {"[]", LR_EPROTO, 0, "begins with its code, this one with nothing"},
        {"[\"1\"]", LR_EPROTO, 0, "this one with a string"},
        {"[1.0]", LR_EPROTO, 0, "this one with a real"},
        {"[true]", LR_EPROTO, 0, "this one with a bool"},
        {"[99]", LR_EPROTO, 99, "unknown code 99"},
        {"[0]", LR_EPROTO, 0, "unknown code 0"},
        {"[-1]", LR_EPROTO, -1, "unknown code -1"},
        {"[2]", LR_EPROTO, 2, "STOP: the stop key is nothing"},
        {"[3, \"dev\"]", LR_EPROTO, 3, "PUT: [port, matchkey] is nothing"},
        {"[3, 1, [1, \"m\"], null]", LR_EPROTO, 3, "PUT: the key is an integer"},
        {"[3, \"k\", [\"1\", \"m\"], null]", LR_EPROTO, 3, "port is no number"},
        {"[3, \"k\", [0, \"m\"], null]", LR_EPROTO, 3, "port is no number"},
        {"[3, \"k\", [65536, \"m\"], null]", LR_EPROTO, 3, "port is no number"},
        {"[3, \"k\", [1, null], null]", LR_EPROTO, 3, "matchkey is null"},
        {"[3, \"k\", [1, \"m\"], 7]", LR_EPROTO, 3, "custom address is an integer"},
        {"[3, \"k\", [1, \"m\"], null, 7]", LR_EPROTO, 3, "to replace is an integer"},
        {"[4, null, \"\", 1]", LR_EPROTO, 4, "REQUEST: the key is null"},
        {"[4, \"k\", null, 1]", LR_EPROTO, 4, "the user is null"},
        {"[4, \"k\", \"\", \"high\"]", LR_EPROTO, 4, "the priority is a string"},
        {"[4, \"k\", \"\"]", LR_EPROTO, 4, "the priority is nothing"},
        {"[4, \"k\", \"\", 1e19]", LR_EPROTO, 4, "beyond 64 bits"},
        {"[4, \"k\", \"\", NaN]", LR_EPROTO, 0, "not JSON"},
        {"[5, 3]", LR_EPROTO, 5, "UPDATE_INFO: the info is an integer"},
        {"[5, {}]", LR_EPROTO, 5, "the info's key is nothing"},
        {"[5, {\"key\": \"k\", \"addr\": 3}]", LR_EPROTO, 5, "addr is no list"},
        {"[5, {\"key\": \"k\", \"addr\": [1, 2]}]", LR_EPROTO, 5, "the host in addr is an integer"},
        {"[5, {\"key\": \"k\", \"addr\": [null, \"x\"]}]", LR_EPROTO, 5,
         "port in addr is no number"},
        {"[5, {\"key\": \"k\", \"addr\": [null, \"0\"]}]", LR_EPROTO, 5,
         "port in addr is no number"},
        {"[5, {\"key\": \"k\", \"addr\": [null, null]}]", LR_EPROTO, 5,
         "port in addr is no number"},
        {"[4, \"0123456789012345678901234567890123456789012345678901234567890123456789\", \"\", 1]",
         LR_ELIMIT, 4, "a key of 70 bytes, at most 64"},
        {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
         LR_ELIMIT, 0, "more than 32 levels"},
    };
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        struct lr_tracker_msg msg;
        struct lr_error error = {0};
        cr_expect_eq(decode(&msg, rows[i].text, &error), rows[i].status, "%s: %s", rows[i].text,
                     error.text);
        cr_expect_not_null(strstr(error.text, rows[i].says), "%s: %s", rows[i].text, error.text);
        cr_expect_eq(msg.code, rows[i].code, "%s", rows[i].text);
        lr_tracker_msg_deinit(&msg);
    }
}

static enum lr_status decode_answer(struct lr_tracker_answer *answer, enum lr_tracker_code to,
                                    const char *text, struct lr_error *error) {
    return lr_tracker_answer_decode(answer, to, (const uint8_t *)text, strlen(text), error);
}

/* The text of a framed answer. */
static struct lr_text framed(const struct lr_buf *out) {
    cr_assert_geq(lr_buf_size(out), 4);
    return (struct lr_text){(const char *)lr_buf_data(out) + 4, lr_buf_size(out) - 4};
}

static const char other_grant[] = "[0, [\"127.0.0.3\", 28005, \"dev:0.1\"]]";
static const char grant_text[] = "[0, [\"127.0.0.2\", 28004, \"dev:0.4759739494514652\"]]";

static void grant_again(struct lr_alloc *alloc, void *context) {
    (void)context;
    struct lr_tracker_answer answer;
    struct lr_buf out;
    lr_buf_init(&out, alloc);
    lr_tracker_answer_init(&answer, alloc);
    enum lr_status status = decode_answer(&answer, LR_TRACKER_REQUEST, other_grant, NULL);
    if (status == LR_OK) { /* the same once more: the former answer goes */
        status = decode_answer(&answer, LR_TRACKER_REQUEST, grant_text, NULL);
    }
    if (status == LR_OK) {
        cr_assert_eq(answer.port, 28004);
        status = lr_tracker_answer_grant(alloc, answer.host, answer.port, answer.matchkey, &out);
    }
    if (status == LR_OK) {
        cr_assert(lr_text_equal(framed(&out), lr_text_of(grant_text)));
    }
    cr_assert_eq(status, lr_test_must_succeed(alloc) ? LR_OK : LR_ENOMEM);
    lr_tracker_answer_deinit(&answer);
    lr_buf_deinit(&out);
}

Test(rpc_tracker_msg, a_grant_comes_out_as_it_went_in) {
    lr_test_each_failure(grant_again, NULL);
}

static const char matchkeys_text[] = "[\"dev:0.1\", \"d\\u00e9v:0.2\"]";

static void matchkeys_again(struct lr_alloc *alloc, void *context) {
    (void)context;
    struct lr_tracker_answer answer;
    struct lr_buf out;
    lr_buf_init(&out, alloc);
    lr_tracker_answer_init(&answer, alloc);
    enum lr_status status =
        decode_answer(&answer, LR_TRACKER_GET_PENDING_MATCHKEYS, matchkeys_text, NULL);
    if (status == LR_OK) {
        cr_assert_eq(lr_tracker_answer_matchkey_count(&answer), 2);
        struct lr_text matchkeys[2] = {lr_tracker_answer_matchkey(&answer, 0),
                                       lr_tracker_answer_matchkey(&answer, 1)};
        cr_assert(lr_text_equal(matchkeys[1], lr_text_of("d\xc3\xa9v:0.2")));
        status = lr_tracker_answer_matchkeys(alloc, matchkeys, 2, &out);
    }
    if (status == LR_OK) {
        cr_assert(lr_text_equal(framed(&out), lr_text_of(matchkeys_text)));
    }
    cr_assert_eq(status, lr_test_must_succeed(alloc) ? LR_OK : LR_ENOMEM);
    lr_tracker_answer_deinit(&answer);
    lr_buf_deinit(&out);
}

Test(rpc_tracker_msg, matchkeys_come_out_as_they_went_in) {
    lr_test_each_failure(matchkeys_again, NULL);
}

static const char summary_text[] =
    "[0, {\"queue_info\": {\"dev\": {\"free\": 1, \"pending\": 0}, \"a:b\": {\"free\": 0, "
    "\"pending\": 12}}, \"server_info\": [{\"key\": \"server:dev\", \"addr\": [\"127.0.0.2\", "
    "28004]}, {\"key\": \"server:x\", \"addr\": [null, 1]}, {\"key\": \"server:y\"}], \"held\": "
    "[{\"key\": \"dev\", \"server\": \"127.0.0.2:28004\", \"client\": \"127.0.0.1:5\", \"user\": "
    "\"\", \"seconds\": 12.5}, {\"key\": \"dev\", \"server\": \"h:1\", \"client\": \"h:2\", "
    "\"user\": \"me\", \"seconds\": 0.0}]}]";

static void summary_again(struct lr_alloc *alloc, void *context) {
    (void)context;
    struct lr_tracker_answer answer;
    struct lr_buf out;
    struct lr_summary_queue queues[2];
    struct lr_summary_server servers[3];
    struct lr_summary_held held[2];
    lr_buf_init(&out, alloc);
    lr_tracker_answer_init(&answer, alloc);
    enum lr_status status = decode_answer(&answer, LR_TRACKER_SUMMARY, summary_text, NULL);
    if (status == LR_OK) {
        cr_assert_eq(lr_summary_queue_count(&answer), 2);
        cr_assert_eq(lr_summary_server_count(&answer), 3);
        cr_assert(lr_summary_has_held(&answer));
        cr_assert_eq(lr_summary_held_count(&answer), 2);
        for (size_t i = 0; i < 2; i++) {
            cr_assert_eq(lr_summary_queue_at(&answer, i, &queues[i]), LR_OK);
            cr_assert_eq(lr_summary_held_at(&answer, i, &held[i]), LR_OK);
        }
        for (size_t i = 0; i < 3; i++) {
            cr_assert_eq(lr_summary_server_at(&answer, i, &servers[i]), LR_OK);
        }
        cr_assert_eq(lr_summary_queue_at(&answer, 2, &queues[0]), LR_ENOTFOUND);
        cr_assert_eq(queues[1].pending, 12);
        cr_assert_eq(held[0].seconds, 12.5);
        status = lr_tracker_answer_summary(alloc, queues, 2, servers, 3, held, 2, &out);
    }
    if (status == LR_OK) {
        struct lr_text text = framed(&out);
        cr_assert(lr_text_equal(text, lr_text_of(summary_text)), "%.*s", (int)text.size, text.data);
    }
    cr_assert_eq(status, lr_test_must_succeed(alloc) ? LR_OK : LR_ENOMEM);
    lr_tracker_answer_deinit(&answer);
    lr_buf_deinit(&out);
}

Test(rpc_tracker_msg, a_summary_comes_out_as_it_went_in) {
    lr_test_each_failure(summary_again, NULL);
}

Test(rpc_tracker_msg, an_empty_summary_says_nothing_of_what_is_held_unless_asked) {
    struct lr_tracker_answer answer;
    struct lr_buf out;
    lr_buf_init(&out, lr_alloc_system());
    cr_assert_eq(lr_tracker_answer_summary(lr_alloc_system(), NULL, 0, NULL, 0, NULL, 0, &out),
                 LR_OK);
    static const char expected[] = "[0, {\"queue_info\": {}, \"server_info\": []}]";
    cr_expect(lr_text_equal(framed(&out), lr_text_of(expected)));
    lr_tracker_answer_init(&answer, lr_alloc_system());
    cr_assert_eq(decode_answer(&answer, LR_TRACKER_SUMMARY, expected, NULL), LR_OK);
    cr_expect_not(lr_summary_has_held(&answer));
    cr_expect_eq(lr_summary_held_count(&answer), 0);
    cr_expect_eq(lr_summary_queue_count(&answer), 0);
    lr_tracker_answer_deinit(&answer);
    lr_buf_deinit(&out);
}

Test(rpc_tracker_msg, codes_are_answers_alone_or_in_front_of_what_was_asked_for) {
    static const struct {
        enum lr_tracker_code to;
        const char *text;
        int64_t code;
    } rows[] = {
        {LR_TRACKER_PING, "0", 0},        {LR_TRACKER_STOP, "-1", -1},
        {LR_TRACKER_PUT, " 0 ", 0},       {LR_TRACKER_UPDATE_INFO, "0", 0},
        {LR_TRACKER_REQUEST, "-1", -1},   {LR_TRACKER_REQUEST, "[-1, \"no\"]", -1},
        {LR_TRACKER_SUMMARY, "[-1]", -1},
    };
    struct lr_buf out;
    lr_buf_init(&out, lr_alloc_system());
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        struct lr_tracker_answer answer;
        lr_tracker_answer_init(&answer, lr_alloc_system());
        cr_expect_eq(decode_answer(&answer, rows[i].to, rows[i].text, NULL), LR_OK, "%s",
                     rows[i].text);
        cr_expect_eq(answer.code, rows[i].code, "%s", rows[i].text);
        cr_expect_eq(lr_summary_queue_count(&answer), 0);
        lr_tracker_answer_deinit(&answer);
    }
    cr_assert_eq(lr_tracker_answer_code(LR_TRACKER_FAIL, &out), LR_OK);
    cr_expect_eq(lr_buf_size(&out), 6);
    cr_expect_eq(memcmp(lr_buf_data(&out), "\2\0\0\0-1", 6), 0);
    lr_buf_deinit(&out);
}

Test(rpc_tracker_msg, what_answers_nothing_is_refused_with_a_sentence) {
    static const struct {
        enum lr_tracker_code to;
        const char *text, *says;
    } rows[] = {
        {LR_TRACKER_PING, "1", "answer to PING: code 1 is no answer's"},
        {LR_TRACKER_PING, "null", "has no code, it is null"},
        {LR_TRACKER_PING, "{}", "has no code, it is an object"},
        {LR_TRACKER_PUT, "[0]", "answer to PUT: has no code, it is a list"},
        {LR_TRACKER_UPDATE_INFO, "[0, null]", "has no code, it is a list"},
        {LR_TRACKER_REQUEST, "0", "a grant is host, port and matchkey"},
        {LR_TRACKER_REQUEST, "[0, [\"h\", 0, \"m\"]]", "a grant is"},
        {LR_TRACKER_REQUEST, "[0, [null, 1, \"m\"]]", "a grant is"},
        {LR_TRACKER_REQUEST, "[0, [\"h\", 70000, \"m\"]]", "a grant is"},
        {LR_TRACKER_GET_PENDING_MATCHKEYS, "0", "the answer is an integer, not a list"},
        {LR_TRACKER_GET_PENDING_MATCHKEYS, "[\"m\", 1]", "element 1: an integer"},
        {LR_TRACKER_SUMMARY, "[0]", "queue_info is nothing"},
        {LR_TRACKER_SUMMARY, "[0, {\"queue_info\": {\"k\": {}}}]", "no counts of free and pending"},
        {LR_TRACKER_SUMMARY, "[0, {\"queue_info\": {\"k\": {\"free\": -1, \"pending\": 0}}}]",
         "no counts"},
        {LR_TRACKER_SUMMARY, "[0, {\"queue_info\": {}}]", "server_info is nothing"},
        {LR_TRACKER_SUMMARY, "[0, {\"queue_info\": {}, \"server_info\": [{}]}]",
         "server_info, element 0: has no key"},
        {LR_TRACKER_SUMMARY, "[0, {\"queue_info\": {}, \"server_info\": [], \"held\": [{}]}]",
         "held, element 0: has no key"},
        {LR_TRACKER_SUMMARY,
         "[0, {\"queue_info\": {}, \"server_info\": [], \"held\": [{\"key\": \"\", \"server\": "
         "\"\", \"client\": \"\", \"user\": \"\", \"seconds\": -1}]}]",
         "held, element 0: has no number of seconds"},
        {LR_TRACKER_SUCCESS, "0", "code 0 is no request's"},
    };
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        struct lr_tracker_answer answer;
        struct lr_error error = {0};
        lr_tracker_answer_init(&answer, lr_alloc_system());
        cr_expect_eq(decode_answer(&answer, rows[i].to, rows[i].text, &error),
                     rows[i].to == LR_TRACKER_SUCCESS ? LR_EINVAL : LR_EPROTO, "%s: %s",
                     rows[i].text, error.text);
        cr_expect_not_null(strstr(error.text, rows[i].says), "%s: %s", rows[i].text, error.text);
        cr_expect_null(answer.document);
        lr_tracker_answer_deinit(&answer);
    }
}

Test(rpc_tracker_msg, a_message_that_cannot_be_written_leaves_the_buffer) {
    struct lr_tracker_msg msg;
    struct lr_buf out;
    lr_buf_init(&out, lr_alloc_system());
    cr_assert_eq(lr_tracker_answer_code(0, &out), LR_OK);
    size_t before = lr_buf_size(&out);
    lr_tracker_msg_init(&msg, lr_alloc_system());
    msg.code = LR_TRACKER_REQUEST;
    msg.key = lr_text_of("\xff");
    cr_expect_eq(lr_tracker_msg_encode(&msg, &out), LR_EINVAL);
    msg.code = 99;
    cr_expect_eq(lr_tracker_msg_encode(&msg, &out), LR_EINVAL);
    cr_expect_eq(lr_buf_size(&out), before);
    cr_expect_str_eq(lr_tracker_code_name(LR_TRACKER_PUT), "PUT");
    cr_expect_null(lr_tracker_code_name(99));
    lr_buf_deinit(&out);
}
