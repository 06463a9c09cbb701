/* SPDX-License-Identifier: Apache-2.0 */
/* Captures: what is read of them, and what is told of wrong ones. */
#include <criterion/criterion.h>
#include <string.h>

#include "mocks/peers/capture.h"
#include "support/failing.h"

#define OPEN                                                                                       \
    "{\"conn\": 4, \"t\": 0.5, \"ev\": \"open\", \"link\": \"client-server\", \"peer\": \"h:1\"}\n"

static const char recording[] =
    OPEN "{\"conn\": 0, \"t\": 0.6, \"ev\": \"mark\", \"text\": \"a word\"}\n"
         "\n"
         "{\"conn\": 4, \"t\": 0.75, \"dir\": \"c2s\", \"hex\": \"00ff\"}\n"
         "{\"conn\": 4, \"t\": 1, \"dir\": \"s2c\", \"hex\": \"\"}\n"
         "{\"conn\": 4, \"t\": 1.5, \"dir\": \"c2s\", \"hex\": \"7f\"}\n"
         "{\"conn\": 4, \"t\": 2, \"ev\": \"write-failed\", \"dir\": \"s2c\"}\n"
         "{\"conn\": 4, \"t\": 2.5, \"ev\": \"reset\", \"dir\": \"c2s\"}";

static void read_recording(struct lr_alloc *alloc, void *context) {
    (void)context;
    struct lr_capture capture;
    struct lr_buf stream;
    struct lr_error error = {.code = LR_OK};
    lr_buf_init(&stream, alloc);
    enum lr_status status =
        lr_capture_parse(&capture, alloc, recording, sizeof recording - 1, &error);
    if (status == LR_OK) {
        status = lr_capture_stream(&capture, 4, LR_CAPTURE_TO_SERVER, &stream);
    }
    if (status == LR_OK) {
        cr_assert_eq(capture.event_count, 7);
        cr_assert_eq(capture.conn_count, 1);
        cr_assert_eq(capture.events[2].line, 4, "empty lines are counted");
        cr_assert_eq(capture.events[2].at, 750 * LR_MS);
        cr_assert(lr_text_equal(capture.events[1].text, lr_text_of("a word")));
        cr_assert_eq(lr_buf_size(&stream), 3);
        cr_assert_eq(memcmp(lr_buf_data(&stream), "\x00\xff\x7f", 3), 0);
    }
    cr_assert_eq(status, lr_test_must_succeed(alloc) ? LR_OK : LR_ENOMEM, "%s", error.text);
    lr_buf_deinit(&stream);
    lr_capture_deinit(&capture);
}

Test(mocks_capture, a_recording_is_read_whatever_allocation_fails) {
    lr_test_each_failure(read_recording, NULL);
}

Test(mocks_capture, what_is_no_recording_is_refused_with_its_line) {
    static const struct {
        const char *line;
        const char *told;
    } rows[] = {
        {"{\"conn\": 4", "line 2: "},
        {"[1]", "no conn"},
        {"{\"t\": 1, \"dir\": \"c2s\", \"hex\": \"\"}", "no conn"},
        {"{\"conn\": -1, \"t\": 1, \"dir\": \"c2s\", \"hex\": \"\"}", "no conn"},
        {"{\"conn\": 4, \"dir\": \"c2s\", \"hex\": \"\"}", "no t"},
        {"{\"conn\": 4, \"t\": 1e10, \"dir\": \"c2s\", \"hex\": \"\"}", "no t"},
        {"{\"conn\": 4, \"t\": 1}", "neither ev nor hex"},
        {"{\"conn\": 4, \"t\": 1, \"hex\": \"00\"}", "no dir"},
        {"{\"conn\": 4, \"t\": 1, \"dir\": \"up\", \"hex\": \"00\"}", "no dir"},
        {"{\"conn\": 4, \"t\": 1, \"dir\": \"c2s\", \"hex\": \"0\"}", "an odd number of digits"},
        {"{\"conn\": 4, \"t\": 1, \"dir\": \"c2s\", \"hex\": \"0g\"}", "no pair"},
        {"{\"conn\": 4, \"t\": 1, \"dir\": \"c2s\", \"hex\": \"AB\"}", "no pair"},
        {"{\"conn\": 5, \"t\": 1, \"dir\": \"c2s\", \"hex\": \"00\"}", "was not opened"},
        {"{\"conn\": 5, \"t\": 1, \"ev\": \"eof\", \"dir\": \"c2s\"}", "was not opened"},
        {"{\"conn\": 4, \"t\": 1, \"ev\": \"eof\"}", "no dir"},
        {"{\"conn\": 4, \"t\": 1, \"ev\": \"nod\"}", "no such ev"},
        {"{\"conn\": 0, \"t\": 1, \"ev\": \"mark\"}", "a mark without text"},
        {"{\"conn\": 6, \"t\": 1, \"ev\": \"open\", \"link\": \"x\", \"peer\": \"h\"}",
         "no such link"},
        {"{\"conn\": 6, \"t\": 1, \"ev\": \"open\"}", "without link and peer"},
        {OPEN, "opens twice"},
    };
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        struct lr_capture capture;
        struct lr_error error = {.code = LR_OK};
        struct lr_buf lines;
        lr_buf_init(&lines, lr_alloc_system());
        cr_assert_eq(lr_buf_append(&lines, OPEN, sizeof OPEN - 1), LR_OK);
        cr_assert_eq(lr_buf_append(&lines, rows[i].line, strlen(rows[i].line)), LR_OK);
        cr_expect_eq(lr_capture_parse(&capture, lr_alloc_system(), lr_buf_data(&lines),
                                      lr_buf_size(&lines), &error),
                     LR_EPROTO, "accepted: %s", rows[i].line);
        cr_expect(strstr(error.text, rows[i].told) != NULL, "%s: %s", rows[i].line, error.text);
        cr_expect(strstr(error.text, "line 2: ") == error.text, "%s", error.text);
        cr_expect_eq(capture.event_count, 0);
        lr_capture_deinit(&capture);
        lr_buf_deinit(&lines);
    }
}
