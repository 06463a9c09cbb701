/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "rpc/json_internal.h"
#include "support/failing.h"

static enum lr_status parse(const char *text, struct lr_json **root, struct lr_error *error) {
    return lr_json_parse(lr_alloc_system(), text, strlen(text), root, error);
}

Test(rpc_json, reads_any_spelling_of_a_value) {
    static const struct {
        const char *text;
        enum lr_json_type type;
    } rows[] = {
        {"0", LR_JSON_INT},
        {" -1 ", LR_JSON_INT},
        {"1.5", LR_JSON_REAL},
        {"1e3", LR_JSON_REAL},
        {"null", LR_JSON_NULL},
        {"true", LR_JSON_BOOL},
        {"false", LR_JSON_BOOL},
        {"\"s\"", LR_JSON_STRING},
        {"[]", LR_JSON_LIST},
        {"\t{\n}\r", LR_JSON_OBJECT},
        {"9223372036854775807", LR_JSON_INT},
        {"-9223372036854775808", LR_JSON_INT},
    };
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        struct lr_json *root;
        struct lr_error error = {0};
        cr_assert_eq(parse(rows[i].text, &root, &error), LR_OK, "%s: %s", rows[i].text, error.text);
        cr_expect_eq(lr_json_type(root), rows[i].type, "%s", rows[i].text);
        lr_json_free(root);
    }
}

Test(rpc_json, refuses_what_is_none_with_a_sentence) {
    static const struct {
        const char *text;
        enum lr_status status;
        const char *says;
    } rows[] = {
        {"", LR_EPROTO, "empty"},
        {"{nope", LR_EPROTO, "not JSON at byte"},
        {"[\x7f", LR_EPROTO, "near '?'"},
        {"[1", LR_EPROTO, "not JSON"},
        {"[1] x", LR_EPROTO, "not JSON"},
        {"[1,]", LR_EPROTO, "not JSON"},
        {"NaN", LR_EPROTO, "NaN"},
        {"[Infinity]", LR_EPROTO, "Infinity"},
        {"[-Infinity]", LR_EPROTO, "not JSON"},
        {"[9223372036854775808]", LR_EPROTO, "too big integer"},
        {"[1e999]", LR_EPROTO, "overflow"},
        {"[\"\\ud800\"]", LR_EPROTO, "Unicode"},
        {"[\"\xff\"]", LR_EPROTO, "unable to decode byte 0xff"},
        {"[\"a\nb\"]", LR_EPROTO, "not JSON"},
        {"['a']", LR_EPROTO, "not JSON"},
        {"[01]", LR_EPROTO, "not JSON"},
        {"{1: 2}", LR_EPROTO, "not JSON"},
        {"[-9223372036854775809]", LR_EPROTO, "too big negative integer"},
        {"{\"a\\u0000b\": 1}", LR_EPROTO, "NUL byte in object key"},
        {"\xef\xbb\xbf[1]", LR_EPROTO, "not JSON"},                 /* a byte order mark */
        {"[\"\xed\xa0\x80\"]", LR_EPROTO, "unable to decode byte"}, /* a surrogate as UTF-8 */
        {"[\"\x01\"]", LR_EPROTO, "control character"},
    };
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        struct lr_json *root = NULL;
        struct lr_error error = {0};
        cr_expect_eq(parse(rows[i].text, &root, &error), rows[i].status, "%s: %s", rows[i].text,
                     error.text);
        cr_expect_not_null(strstr(error.text, rows[i].says), "%s: %s", rows[i].text, error.text);
        cr_expect_null(root);
        for (const char *c = error.text; *c != '\0'; c++) {
            cr_assert(*c >= 0x20 && *c < 0x7f, "a peer's bytes are quoted as they came");
        }
    }
}

Test(rpc_json, bounds_how_deep_lists_nest_and_sees_through_strings) {
    for (size_t depth = 30; depth < 36; depth++) {
        char text[80];
        struct lr_json *root;
        struct lr_error error = {0};
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        text[2 * depth] = '\0';
        enum lr_status status = parse(text, &root, &error);
        cr_expect_eq(status, depth <= LR_JSON_DEPTH_MAX ? LR_OK : LR_ELIMIT, "%zu", depth);
        lr_json_free(root);
    }
    struct lr_json *root;
    cr_expect_eq(parse("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[\"]", &root, NULL),
                 LR_OK);
    lr_json_free(root);
    /* Malformed and deep: whichever is said, nothing recurses. */
    char deep[5000];
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    cr_expect_eq(parse(deep, &root, NULL), LR_ELIMIT);
}

/* Whether two documents say the same. */
static bool same(const struct lr_json *a, const struct lr_json *b) {
    struct lr_text text_a = {0}, text_b = {0};
    int64_t integer_a = 0, integer_b = 0;
    enum lr_json_type type = lr_json_type(a);
    if (type != lr_json_type(b) || lr_json_count(a) != lr_json_count(b)) {
        return false;
    }
    if (type == LR_JSON_STRING) {
        return lr_json_text(a, &text_a) && lr_json_text(b, &text_b) &&
               lr_text_equal(text_a, text_b);
    }
    if (type == LR_JSON_INT) {
        return lr_json_int(a, &integer_a) && lr_json_int(b, &integer_b) && integer_a == integer_b;
    }
    for (size_t i = 0; type == LR_JSON_LIST && i < lr_json_count(a); i++) {
        if (!same(lr_json_at(a, i), lr_json_at(b, i))) {
            return false;
        }
    }
    return true;
}

/* A line break before it makes a text one that is not spelled plainly. */
Test(rpc_json, what_is_spelled_plainly_reads_as_the_library_reads_it) {
    static const char *const texts[] = {
        "[4, \"bench\", \"\", 1]",
        "[3, \"k\", [9090, \"k:0.5\"], null]",
        "[0, [\"127.0.0.1\", 9090, \"k:0.25\"]]",
        "0",
        "-1",
        "-0",
        "00",
        "-",
        "01",
        "1.",
        "1.5",
        "1e2",
        "1E2",
        "-7 ",
        " [ ] ",
        "[[], [ [ ] ]]",
        "999999999999999",
        "1000000000000000",
        "-999999999999999",
        "-1000000000000000",
        "9223372036854775807",
        "9223372036854775808",
        "null",
        "nul",
        "nulll",
        "[null,null]",
        "n",
        "\"\"",
        "\"a",
        "\"a\\u0041\"",
        "\"\\\"\"",
        "\"\x7f\"",
        "\"\xc3\xa9\"",
        "[1 2]",
        "[1,]",
        "[,1]",
        "[1",
        "[",
        "]",
        "[]]",
        "[] []",
        "[1], 2",
        "[true]",
        "{\"a\": 1}",
        "[{}]",
        " ",
        "[\"a\" \"b\"]",
        "[1\t]",
        "[-]",
        "[--1]",
        "[1-]",
        "[+1]",
    };
    for (size_t i = 0; i < LR_COUNT_OF(texts); i++) {
        char other[64] = "\n";
        struct lr_json *plain = NULL, *library = NULL;
        struct lr_error plain_error = {0}, library_error = {0};
        cr_assert_lt(strlen(texts[i]) + 2, sizeof other);
        memcpy(other + 1, texts[i], strlen(texts[i]));
        enum lr_status status = parse(texts[i], &plain, &plain_error);
        cr_assert_eq(status, parse(other, &library, &library_error), "%s: %s, %s", texts[i],
                     plain_error.text, library_error.text);
        cr_expect(status != LR_OK || same(plain, library), "%s", texts[i]);
        lr_json_free(plain);
        lr_json_free(library);
    }
}

/* Which texts are spared the library: it is there to be quick, and not to say more than this. */
Test(rpc_json, what_is_plain_is_read_without_the_library) {
    static const struct {
        const char *text;
        enum lr_status status;
    } rows[] = {
        {"[4, \"key\", \"\", 1]", LR_OK},
        {" [ 0 , -1 , null , [ ] , [[\" ~\"]] ] ", LR_OK},
        {"0", LR_OK},
        {"999999999999999", LR_OK},
        {"-999999999999999", LR_OK},
        {"1000000000000000", LR_ENOTSUP}, /* sixteen digits are the library's */
        {"-0", LR_ENOTSUP},
        {"01", LR_ENOTSUP},
        {"-", LR_ENOTSUP},
        {"", LR_ENOTSUP},
        {"1.5", LR_ENOTSUP},
        {"1e3", LR_ENOTSUP},
        {"1E3", LR_ENOTSUP},
        {"true", LR_ENOTSUP},
        {"nul", LR_ENOTSUP},
        {"{}", LR_ENOTSUP},
        {"[1", LR_ENOTSUP},
        {"[1,", LR_ENOTSUP},
        {"[1,]", LR_ENOTSUP},
        {"[1 2]", LR_ENOTSUP},
        {"[,1]", LR_ENOTSUP},
        {"1 1", LR_ENOTSUP},
        {"\"", LR_ENOTSUP},
        {"\"\\n\"", LR_ENOTSUP},
        {"\"\x1f\"", LR_ENOTSUP},
        {"\"\x7f\"", LR_ENOTSUP},
        {"\"\xc3\xa9\"", LR_ENOTSUP},
    };
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        struct lr_json *root = NULL;
        cr_expect_eq(
            lr_json_plain_parse(lr_alloc_system(), rows[i].text, strlen(rows[i].text), &root),
            rows[i].status, "%s", rows[i].text);
        lr_json_free(root);
    }
}

/* Around the number of values up to which plain spelling is read apart. */
Test(rpc_json, lists_of_any_length_keep_their_elements) {
    static const size_t counts[] = {1, 61, 62, 63, 64, 65, 66, 5000};
    for (size_t i = 0; i < LR_COUNT_OF(counts); i++) {
        static char text[4 * 5000 + 8];
        size_t used = 0;
        for (size_t k = 0; k < counts[i]; k++) {
            memcpy(text + used, k == 0 ? "[ [" : "],[", 3);
            used += 3;
        }
        memcpy(text + used, "]]", 3);
        struct lr_json *root;
        cr_assert_eq(parse(text, &root, NULL), LR_OK, "%zu", counts[i]);
        cr_expect_eq(lr_json_count(root), counts[i]);
        for (size_t k = 0; k < counts[i]; k++) {
            cr_assert_eq(lr_json_type(lr_json_at(root, k)), LR_JSON_LIST);
        }
        lr_json_free(root);
    }
    static char commas[5000];
    struct lr_json *root;
    memset(commas, ',', sizeof commas - 1);
    cr_expect_eq(parse(commas, &root, NULL), LR_EPROTO);
    cr_expect_eq(parse(commas + sizeof commas - 20, &root, NULL), LR_EPROTO);
}

Test(rpc_json, looks_into_documents) {
    struct lr_json *root;
    struct lr_text text;
    int64_t integer;
    double number;
    cr_assert_eq(
        parse("{\"a\": [1, 2.5, \"x\\u0000\\u00e9\\ud83d\\ude00\"], \"b\": 1, \"a2\": null, "
              "\"b\": 2, \"yes\": true, \"no\": false}",
              &root, NULL),
        LR_OK);
    const struct lr_json *list = lr_json_get(root, "a");
    cr_assert_not_null(list);
    cr_expect_eq(lr_json_count(list), 3);
    cr_expect(lr_json_int(lr_json_at(list, 0), &integer) && integer == 1);
    cr_expect(lr_json_number(lr_json_at(list, 0), &number) && number == 1.0);
    cr_expect_not(lr_json_int(lr_json_at(list, 1), &integer));
    cr_expect(lr_json_number(lr_json_at(list, 1), &number) && number == 2.5);
    cr_assert(lr_json_text(lr_json_at(list, 2), &text));
    cr_expect_eq(text.size, 8);
    cr_expect_eq(memcmp(text.data, "x\0\xc3\xa9\xf0\x9f\x98\x80", 8), 0);
    cr_expect_null(lr_json_at(list, 3));
    cr_expect_null(lr_json_at(root, 0));
    cr_expect_null(lr_json_get(list, "a"));
    cr_expect_null(lr_json_get(root, "none"));
    cr_expect(lr_json_int(lr_json_get(root, "b"), &integer) && integer == 2, "the last one counts");
    bool truth = false;
    cr_expect(lr_json_bool(lr_json_get(root, "yes"), &truth) && truth);
    cr_expect(lr_json_bool(lr_json_get(root, "no"), &truth) && !truth);
    cr_expect_not(lr_json_bool(lr_json_get(root, "b"), &truth));
    cr_expect_not(lr_json_text(NULL, &text));
    cr_expect_not(lr_json_int(NULL, &integer));
    cr_expect_not(lr_json_number(lr_json_get(root, "a2"), &number));
    static const char *const names[] = {"a", "b", "a2", "yes", "no"};
    const struct lr_json *member;
    size_t place = 0;
    size_t count = 0;
    for (struct lr_text name; lr_json_next(root, &place, &name, &member); count++) {
        cr_assert_lt(count, LR_COUNT_OF(names));
        cr_expect(lr_text_equal(name, lr_text_of(names[count])));
    }
    cr_expect_eq(count, LR_COUNT_OF(names));
    lr_json_free(root);
}

static void parse_long(struct lr_alloc *alloc, void *context) {
    const char *text = context;
    struct lr_json *root;
    struct lr_error error = {0};
    enum lr_status status = lr_json_parse(alloc, text, strlen(text), &root, &error);
    cr_assert_eq(status, lr_test_must_succeed(alloc) ? LR_OK : LR_ENOMEM, "%s", error.text);
    lr_json_free(root);
}

/* Long enough that the library's token buffer grows more than once: where that failed, it used to
 * write behind it. */
Test(rpc_json, nothing_is_lost_or_overwritten_whichever_allocation_fails) {
    char text[] =
        "{\"a long name, so that the token grows: 0123456789012345678901234567890123456789\": "
        "[\"another one 0123456789012345678901234567890123456789 \\u00e9 0123456789\", 1, "
        "2.5, {\"a\": [], \"b\": {\"c\": null}}, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]]}";
    lr_test_each_failure(parse_long, text);
    char plain[] = "[3, \"key\", [9090, \"key:0.5\"], null]";
    lr_test_each_failure(parse_long, plain);
}

static void write_texts(struct lr_alloc *alloc, void *context) {
    (void)context;
    static const char expected[] =
        "[\"\\u00e9\\u007f\\u2028\\ud83d\\ude00\\\"\\\\/\\u0000\\u001f\\n\\b"
        "\\f\\r\\t~ \", -9223372036854775808]";
    static const char text[] = "\xc3\xa9\x7f\xe2\x80\xa8\xf0\x9f\x98\x80\"\\/\0\x1f\n\b\f\r\t~ ";
    struct lr_buf out;
    lr_buf_init(&out, alloc);
    struct lr_writer writer = lr_writer_of(&out);
    lr_json_write_raw(&writer, "[");
    lr_json_write_text(&writer, (struct lr_text){text, sizeof text - 1});
    lr_json_write_raw(&writer, ", ");
    lr_json_write_int(&writer, INT64_MIN);
    lr_json_write_raw(&writer, "]");
    cr_assert_eq(writer.status, lr_test_must_succeed(alloc) ? LR_OK : LR_ENOMEM);
    if (writer.status == LR_OK) {
        cr_assert_eq(lr_buf_size(&out), sizeof expected - 1);
        cr_assert_eq(memcmp(lr_buf_data(&out), expected, sizeof expected - 1), 0);
    }
    lr_buf_deinit(&out);
}

/* What Python's json.dumps writes for the same text. */
Test(rpc_json, writes_text_as_python_does) {
    lr_test_each_failure(write_texts, NULL);
}

Test(rpc_json, refuses_to_write_what_is_not_utf8) {
    struct lr_buf out;
    lr_buf_init(&out, lr_alloc_system());
    struct lr_writer writer = lr_writer_of(&out);
    lr_json_write_text(&writer, lr_text_of("\xff"));
    cr_expect_eq(writer.status, LR_EINVAL);
    cr_expect_eq(lr_buf_size(&out), 0);
    lr_buf_deinit(&out);
}
