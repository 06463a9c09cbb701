/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "support/files.h"
#include "support/recording.h"

void lr_recorded_load(struct lr_recorded *recorded, const char *name, enum lr_capture_link link) {
    struct lr_buf text;
    struct lr_capture capture;
    struct lr_error error = {0};
    lr_buf_init(&text, lr_alloc_system());
    lr_buf_init(&recorded->sent, lr_alloc_system());
    lr_buf_init(&recorded->answered, lr_alloc_system());
    cr_assert_eq(lr_test_read_file(LR_GOLDEN_DIR "/captures", name, &text), LR_OK, "%s", name);
    enum lr_status status = lr_capture_parse(&capture, lr_alloc_system(), lr_buf_data(&text),
                                             lr_buf_size(&text), &error);
    cr_assert_eq(status, LR_OK, "%s: %s", name, error.text);
    bool found = false;
    for (size_t i = 0; i < capture.conn_count && !found; i++) {
        int64_t conn = capture.conns[i].conn;
        found = capture.conns[i].link == link;
        if (found) {
            cr_assert_eq(lr_capture_stream(&capture, conn, LR_CAPTURE_TO_SERVER, &recorded->sent),
                         LR_OK);
            cr_assert_eq(
                lr_capture_stream(&capture, conn, LR_CAPTURE_FROM_SERVER, &recorded->answered),
                LR_OK);
        }
    }
    cr_assert(found, "%s has no %s connection", name, lr_capture_link_name(link));
    lr_capture_deinit(&capture);
    lr_buf_deinit(&text);
}

void lr_recorded_deinit(struct lr_recorded *recorded) {
    lr_buf_deinit(&recorded->sent);
    lr_buf_deinit(&recorded->answered);
}
