/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "support/capture.h"
#include "support/failing.h"

static const char recording[] =
    "{\"conn\": 0, \"t\": 0.0, \"ev\": \"mark\", \"text\": \"begin\"}\n"
    "{\"conn\": 4, \"t\": 0.5, \"ev\": \"open\", \"link\": \"client-server\", \"peer\": \"h:1\"}\n"
    "{\"conn\": 9, \"t\": 0.6, \"ev\": \"open\", \"link\": \"server-tracker\", \"peer\": \"h:2\"}\n"
    "{\"conn\": 4, \"t\": 0.75, \"dir\": \"c2s\", \"hex\": \"00ff\"}\n"
    "\n"
    "{\"conn\": 4, \"t\": 1, \"dir\": \"s2c\", \"hex\": \"\"}\n"
    "{\"conn\": 4, \"t\": 1.5, \"dir\": \"c2s\", \"hex\": \"7f\"}\n"
    "{\"conn\": 4, \"t\": 2.5, \"ev\": \"reset\", \"dir\": \"c2s\", \"err\": \"x\"}\n"
    "{\"conn\": 4, \"t\": 2.5, \"ev\": \"close\"}";

static void read_recording(struct lr_alloc *alloc, void *context) {
    (void)context;
    struct lr_capture capture;
    struct lr_buf stream;
    struct lr_error error = {0};
    lr_buf_init(&stream, alloc);
    enum lr_status status =
        lr_capture_parse(&capture, alloc, recording, sizeof recording - 1, &error);
    if (status == LR_OK) {
        status = lr_capture_stream(&capture, 4, LR_CAPTURE_TO_SERVER, &stream);
    }
    if (status == LR_OK) {
        cr_assert_eq(lr_buf_size(&stream), 3);
        cr_assert_eq(memcmp(lr_buf_data(&stream), "\x00\xff\x7f", 3), 0);
    }
    cr_assert_eq(status, lr_test_must_succeed(alloc) ? LR_OK : LR_ENOMEM, "%s", error.text);
    lr_buf_deinit(&stream);
    lr_capture_deinit(&capture);
}

Test(capture, streams_are_what_was_read_in_one_direction) {
    lr_test_each_failure(read_recording, NULL);
}

Test(capture, events_keep_their_order_time_and_line) {
    struct lr_capture capture;
    cr_assert_eq(
        lr_capture_parse(&capture, lr_alloc_system(), recording, sizeof recording - 1, NULL),
        LR_OK);
    cr_expect_eq(capture.event_count, 8);
    cr_assert_eq(capture.conn_count, 2);
    cr_expect_eq(capture.conns[0].conn, 4);
    cr_expect_str_eq(lr_capture_link_name(capture.conns[1].link), "server-tracker");
    cr_expect(lr_text_equal(capture.events[0].text, lr_text_of("begin")));
    static const enum lr_capture_kind kinds[] = {LR_CAPTURE_OPEN,  LR_CAPTURE_DATA,
                                                 LR_CAPTURE_DATA,  LR_CAPTURE_DATA,
                                                 LR_CAPTURE_RESET, LR_CAPTURE_CLOSE};
    size_t place = 0;
    size_t count = 0;
    const struct lr_capture_event *event;
    while ((event = lr_capture_next(&capture, 4, &place)) != NULL) {
        cr_assert_lt(count, LR_COUNT_OF(kinds));
        cr_expect_eq(event->kind, kinds[count++]);
    }
    cr_expect_eq(count, LR_COUNT_OF(kinds));
    const struct lr_capture_event *reset = &capture.events[6];
    cr_expect_eq(reset->at, 2 * LR_SECOND + LR_SECOND / 2);
    cr_expect_eq(reset->line, 8);
    cr_expect_eq(reset->direction, LR_CAPTURE_TO_SERVER);
    lr_capture_deinit(&capture);
}

Test(capture, what_is_no_recording_is_refused_with_its_line) {
    static const struct {
        const char *lines, *says;
    } rows[] = {
        {"x", "line 1: not JSON"},
        {"[]", "line 1: no conn"},
        {"{\"conn\": 1}", "line 1: no t"},
        {"{\"conn\": 1, \"t\": -1}", "line 1: no t"},
        {"{\"conn\": 1, \"t\": 1}", "neither ev nor hex"},
        {"{\"conn\": 1, \"t\": 1, \"dir\": \"c2s\", \"hex\": \"00\"}",
         "connection 1 was not opened"},
        {"{\"conn\": 1, \"t\": 1, \"ev\": \"dance\"}", "no such ev"},
        {"{\"conn\": 1, \"t\": 1, \"ev\": \"open\", \"link\": \"x\", \"peer\": \"y\"}",
         "no such link"},
        {"{\"conn\": 1, \"t\": 1, \"ev\": \"open\", \"link\": \"client-server\", \"peer\": \"y\"}\n"
         "{\"conn\": 1, \"t\": 1, \"ev\": \"open\", \"link\": \"client-server\", \"peer\": \"y\"}",
         "line 2: connection 1 opens twice"},
        {"{\"conn\": 1, \"t\": 1, \"ev\": \"open\", \"link\": \"client-server\", \"peer\": \"y\"}\n"
         "{\"conn\": 1, \"t\": 1, \"dir\": \"c2s\", \"hex\": \"0\"}",
         "line 2: an odd number"},
        {"{\"conn\": 1, \"t\": 1, \"ev\": \"open\", \"link\": \"client-server\", \"peer\": \"y\"}\n"
         "{\"conn\": 1, \"t\": 1, \"dir\": \"c2s\", \"hex\": \"0g\"}",
         "line 2: byte 0 is no pair"},
        {"{\"conn\": 1, \"t\": 1, \"ev\": \"open\", \"link\": \"client-server\", \"peer\": \"y\"}\n"
         "{\"conn\": 1, \"t\": 1, \"dir\": \"up\", \"hex\": \"00\"}",
         "line 2: no dir"},
    };
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        struct lr_capture capture;
        struct lr_error error = {0};
        cr_expect_eq(lr_capture_parse(&capture, lr_alloc_system(), rows[i].lines,
                                      strlen(rows[i].lines), &error),
                     LR_EPROTO, "%s", rows[i].says);
        cr_expect_not_null(strstr(error.text, rows[i].says), "%s: %s", rows[i].says, error.text);
        lr_capture_deinit(&capture);
    }
}
