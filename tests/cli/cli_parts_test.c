/* SPDX-License-Identifier: Apache-2.0 */
/* Words, tables and options of the commands, without processes; with every allocation failing in
 * turn. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/options.h"
#include "cli/query_table.h"
#include "cli/value_words.h"
#include "support/failing.h"

/* ---- words ---- */

static void show_back(struct lr_alloc *alloc, const struct lr_value *value, const char *want) {
    struct lr_result result = {.kind = LR_ANSWER_VALUE, .value = *value};
    struct lr_buf out;
    lr_buf_init(&out, alloc);
    if (lr_value_words_show(&result, &out) == LR_OK) {
        cr_assert_eq(lr_buf_size(&out), strlen(want), "%s", want);
        cr_assert_eq(memcmp(lr_buf_data(&out), want, strlen(want)), 0, "%s", want);
    } else {
        cr_assert(!lr_test_must_succeed(alloc));
    }
    lr_buf_deinit(&out);
}

static void read_and_show(struct lr_alloc *alloc, void *context) {
    static const struct {
        const char *word;
        enum lr_value_kind kind;
        const char *shown;
    } rows[] = {
        {"5", LR_VALUE_INT, "i:5"},
        {"-9223372036854775808", LR_VALUE_INT, "i:-9223372036854775808"},
        {"i:9223372036854775807", LR_VALUE_INT, "i:9223372036854775807"},
        {"f:0.5", LR_VALUE_FLOAT, "f:0.5"},
        {"f:1e100", LR_VALUE_FLOAT, "f:1e+100"},
        {"f:-3", LR_VALUE_FLOAT, "f:-3.0"},
        {"0.5", LR_VALUE_STR, "s:0.5"},
        {"s:", LR_VALUE_STR, "s:"},
        {"s:5", LR_VALUE_STR, "s:5"},
        {"s:two%20w%C3%a9", LR_VALUE_STR, "s:two%20w%C3%A9"},
        {"100%", LR_VALUE_STR, "s:100%25"},
        {"x:5", LR_VALUE_STR, "s:x:5"},
        {"b:", LR_VALUE_BYTES, "b:"},
        {"b:00fF", LR_VALUE_BYTES, "b:00ff"},
        {"null", LR_VALUE_NULL, "null"},
    };
    const char *texts[LR_COUNT_OF(rows)];
    struct lr_value_words words;
    struct lr_error error = {0};
    (void)context;
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        texts[i] = rows[i].word;
    }
    if (lr_value_words_init(&words, alloc, texts, LR_COUNT_OF(rows), &error) == LR_OK) {
        for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
            cr_assert_eq(words.items[i].kind, rows[i].kind, "%s", rows[i].word);
            show_back(alloc, &words.items[i], rows[i].shown);
        }
    } else {
        cr_assert(!lr_test_must_succeed(alloc), "%s", error.text);
        cr_assert_eq(error.code, LR_ENOMEM);
    }
    lr_value_words_deinit(&words);
}

Test(cli_value_words, come_back_as_they_were_written) {
    lr_test_each_failure(read_and_show, NULL);
}

Test(cli_value_words, that_are_no_values_are_named) {
    static const char *const wrong[] = {
        "i:", "i:x", "i: 5", "9223372036854775808", "f:x", "f: 1", "b:0", "b:xy", "s:%ff", "%c3"};
    for (size_t i = 0; i < LR_COUNT_OF(wrong); i++) {
        struct lr_value_words words;
        struct lr_error error = {0};
        cr_assert_eq(lr_value_words_init(&words, lr_alloc_system(), &wrong[i], 1, &error),
                     LR_EINVAL, "%s", wrong[i]);
        cr_assert_not_null(strstr(error.text, wrong[i]), "%s: %s", wrong[i], error.text);
        lr_value_words_deinit(&words);
    }
}

/* ---- tables ---- */

enum { SERVERS = 3 };

static bool make_summary(struct lr_alloc *alloc, struct lr_tracker_answer *answer) {
    const struct lr_summary_queue queues[] = {{lr_text_of("b"), 1, 0}, {lr_text_of("a"), 0, 2}};
    const struct lr_summary_server servers[SERVERS] = {
        {lr_text_of("server:b"), lr_text_of("h2"), 2},
        {lr_text_of("server:a"), lr_text_of("h1"), 1},
        {lr_text_of("server:b"), lr_text_of("h1"), 1}};
    const struct lr_summary_held held[] = {
        {lr_text_of("a"), lr_text_of("h1:1"), lr_text_of("c:9"), lr_text_of("me"), 1.5}};
    struct lr_error error = {0};
    struct lr_buf message;
    lr_buf_init(&message, alloc);
    enum lr_status status =
        lr_tracker_answer_summary(alloc, queues, 2, servers, SERVERS, held, 1, &message);
    if (status == LR_OK) {
        status = lr_tracker_answer_decode(answer, LR_TRACKER_SUMMARY, lr_buf_data(&message) + 4,
                                          lr_buf_size(&message) - 4, &error);
    }
    lr_buf_deinit(&message);
    cr_assert(status == LR_OK || !lr_test_must_succeed(alloc), "%s", error.text);
    return status == LR_OK;
}

static enum lr_status write_json(const struct lr_tracker_answer *summary, struct lr_buf *out) {
    return lr_query_json(summary, lr_text_of("h"), 5, out);
}

struct writer_case {
    enum lr_status (*write)(const struct lr_tracker_answer *summary, struct lr_buf *out);
    const char *begins;
    const char *holds;
};

static void write_table(struct lr_alloc *alloc, void *context) {
    const struct writer_case *wanted = context;
    struct lr_tracker_answer summary;
    struct lr_buf out;
    lr_tracker_answer_init(&summary, alloc);
    lr_buf_init(&out, alloc);
    if (make_summary(alloc, &summary)) {
        enum lr_status status = wanted->write(&summary, &out);
        cr_assert(status == LR_OK || !lr_test_must_succeed(alloc));
        cr_assert(status == LR_OK || status == LR_ENOMEM);
        if (status == LR_OK && lr_buf_append(&out, "", 1) == LR_OK) {
            const char *text = (const char *)lr_buf_data(&out);
            cr_assert_eq(strncmp(text, wanted->begins, strlen(wanted->begins)), 0, "%s", text);
            cr_assert_not_null(strstr(text, wanted->holds), "%s", text);
        }
    }
    lr_buf_deinit(&out);
    lr_tracker_answer_deinit(&summary);
}

Test(cli_query_table, sorts_servers_by_key_and_leaves_equal_ones_as_they_came) {
    struct writer_case wanted = {lr_query_table, "Server List\n",
                                 "h1:1                     server:a\n"
                                 "h2:2                     server:b\n"
                                 "h1:1                     server:b\n"};
    lr_test_each_failure(write_table, &wanted);
}

Test(cli_query_table, tells_who_holds_what) {
    struct writer_case wanted = {lr_query_held_table, "Held Servers\n",
                                 "\nh1:1             a     c:9       me     "};
    lr_test_each_failure(write_table, &wanted);
}

Test(cli_query_table, is_json_for_programs) {
    struct writer_case wanted = {
        write_json,
        "{\"tracker\": {\"host\": \"h\", \"port\": 5}, \"servers\": [{\"key\": \"server:a\"",
        "{\"key\": \"b\", \"total\": 2, \"free\": 1, \"pending\": 0}], \"held\": [{"
        "\"server\": \"h1:1\", "
        "\"key\": \"a\", \"client\": \"c:9\", \"user\": \"me\", \"seconds\": "
        "1.500}]}\n"};
    lr_test_each_failure(write_table, &wanted);
}

/* ---- options ---- */

struct settings {
    uint16_t port;
    uint32_t count;
    size_t bytes;
    uint64_t time_ns;
    int64_t integer;
    const char *text;
    struct lr_address address;
    bool flag;
};

static const struct lr_option options[] = {
    {LR_OPTION(LR_OPTION_COUNT, "port", "PORT", struct settings, port, "a port")},
    {LR_OPTION(LR_OPTION_COUNT, "count", "N", struct settings, count, "a count"), .max = 9},
    {LR_OPTION(LR_OPTION_BYTES, "bytes", "BYTES", struct settings, bytes, "a size")},
    {LR_OPTION(LR_OPTION_SECONDS, "time", "SECONDS", struct settings, time_ns, "a time")},
    {LR_OPTION(LR_OPTION_INTEGER, "integer", "N", struct settings, integer, "an integer")},
    {LR_OPTION(LR_OPTION_TEXT, "text", "TEXT", struct settings, text, "a text")},
    {LR_OPTION(LR_OPTION_ADDRESS, "address", "HOST:PORT", struct settings, address, "a place")},
    {LR_OPTION(LR_OPTION_FLAG, "flag", NULL, struct settings, flag, "a flag")},
};

static const struct lr_command_line line = {.command = "test",
                                            .operands = "WORD..",
                                            .operands_max = 9,
                                            .summary = "",
                                            .options = options,
                                            .option_count = LR_COUNT_OF(options)};

enum { ARGUMENTS_MAX = 32 };

static int parse(const char *const *given, size_t count, struct settings *settings,
                 char ***operands, size_t *operand_count) {
    static char *arguments[ARGUMENTS_MAX];
    arguments[0] = (char *)"test";
    for (size_t i = 0; i < count; i++) {
        arguments[i + 1] = (char *)given[i];
    }
    return lr_options_parse(&line, (int)count + 1, arguments, settings, operands, operand_count);
}

Test(cli_options, land_in_the_settings_whatever_their_order_and_form) {
    static const char *const given[] = {
        "--port",     "65535",     "a",       "--count=9", "--bytes", "2K",
        "--time=0.5", "--integer", "-7",      "--text=",   "-3",      "--address",
        "[::1]:90",   "--flag",    "--count", "3",         "--",      "--flag"};
    struct settings settings = {0};
    char **operands;
    size_t count;
    cr_assert_eq(parse(given, LR_COUNT_OF(given), &settings, &operands, &count), LR_OPTIONS_GO_ON);
    cr_assert_eq(settings.port, 65535);
    cr_assert_eq(settings.count, 3, "the last one counts");
    cr_assert_eq(settings.bytes, 2048);
    cr_assert_eq(settings.time_ns, LR_SECOND / 2);
    cr_assert_eq(settings.integer, -7);
    cr_assert_str_eq(settings.text, "");
    cr_assert_str_eq(settings.address.host, "::1");
    cr_assert_eq(settings.address.port, 90);
    cr_assert(settings.flag);
    cr_assert_eq(count, 3);
    cr_assert_str_eq(operands[0], "a");
    cr_assert_str_eq(operands[1], "-3");
    cr_assert_str_eq(operands[2], "--flag");
}

Test(cli_options, that_are_wrong_change_nothing_beyond_them) {
    static const char *const wrong[][2] = {
        {"--port", "65536"},         {"--port", "1 "},
        {"--count", "10"},           {"--count", "1K"},
        {"--bytes", "1T"},           {"--bytes", "K"},
        {"--bytes", "99999999999G"}, {"--time", "1e99"},
        {"--integer", "1.5"},        {"--integer", "9223372036854775808"},
        {"--address", "x"},          {"--flag=1", "a"},
        {"--nothing", "a"}};
    for (size_t i = 0; i < LR_COUNT_OF(wrong); i++) {
        struct settings settings = {.port = 1, .count = 2, .bytes = 3, .time_ns = 4, .integer = 5};
        char **operands;
        size_t count;
        cr_assert_eq(parse(wrong[i], 2, &settings, &operands, &count), 2, "%s", wrong[i][1]);
        cr_assert(settings.port == 1 && settings.count == 2 && settings.bytes == 3 &&
                  settings.time_ns == 4 && settings.integer == 5 && !settings.flag);
    }
}
