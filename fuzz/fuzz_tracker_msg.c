/* SPDX-License-Identifier: Apache-2.0 */
/* The tracker's messages: requests where the choice is 0, else answers to the request of that code.
 */
#include <string.h>

#include "fuzz.h"
#include "rpc/tracker_msg.h"

enum { KEY_MAX = 256, ROWS_MAX = 32 };

static void compare_requests(const struct lr_tracker_msg *a, const struct lr_tracker_msg *b) {
    LR_ASSERT(a->code == b->code);
    LR_ASSERT(lr_text_equal(a->key, b->key));
    LR_ASSERT(lr_text_equal(a->user, b->user));
    LR_ASSERT(a->priority == b->priority);
    LR_ASSERT(a->port == b->port);
    LR_ASSERT(lr_text_equal(a->matchkey, b->matchkey));
    LR_ASSERT(a->has_host == b->has_host && lr_text_equal(a->host, b->host));
    LR_ASSERT(a->has_replaces == b->has_replaces && lr_text_equal(a->replaces, b->replaces));
    LR_ASSERT(a->want_held == b->want_held);
}

static enum lr_status fuzz_request(struct fuzz_input *input) {
    struct lr_tracker_msg msg;
    struct lr_tracker_msg again;
    struct lr_buf bytes;
    struct lr_error error = {0};
    lr_tracker_msg_init(&msg, &input->counting.base);
    lr_tracker_msg_init(&again, &input->counting.base);
    lr_buf_init(&bytes, &input->counting.base);
    enum lr_status status = lr_tracker_msg_decode(&msg, input->data, input->size, KEY_MAX, &error);
    LR_ASSERT((status == LR_OK) == (error.text[0] == '\0'));
    if (status == LR_OK) {
        status = lr_tracker_msg_encode(&msg, &bytes);
        LR_ASSERT(status == LR_OK || status == LR_ENOMEM);
    }
    if (status == LR_OK) {
        status = lr_tracker_msg_decode(&again, lr_buf_data(&bytes) + 4, lr_buf_size(&bytes) - 4,
                                       KEY_MAX, NULL);
        LR_ASSERT(status == LR_OK || status == LR_ENOMEM);
    }
    if (status == LR_OK) {
        compare_requests(&msg, &again);
    }
    lr_buf_deinit(&bytes);
    lr_tracker_msg_deinit(&again);
    lr_tracker_msg_deinit(&msg);
    return status;
}

static enum lr_status encode_summary(const struct lr_tracker_answer *answer, struct lr_buf *out) {
    struct lr_summary_queue queues[ROWS_MAX];
    struct lr_summary_server servers[ROWS_MAX];
    struct lr_summary_held held[ROWS_MAX];
    size_t counts[3] = {lr_summary_queue_count(answer), lr_summary_server_count(answer),
                        lr_summary_held_count(answer)};
    for (size_t i = 0; i < 3; i++) {
        counts[i] = counts[i] < ROWS_MAX ? counts[i] : ROWS_MAX;
    }
    for (size_t i = 0; i < counts[0]; i++) {
        LR_ASSERT(lr_summary_queue_at(answer, i, &queues[i]) == LR_OK);
    }
    for (size_t i = 0; i < counts[1]; i++) {
        LR_ASSERT(lr_summary_server_at(answer, i, &servers[i]) == LR_OK);
    }
    for (size_t i = 0; i < counts[2]; i++) {
        LR_ASSERT(lr_summary_held_at(answer, i, &held[i]) == LR_OK);
    }
    return lr_tracker_answer_summary(answer->alloc, queues, counts[0], servers, counts[1],
                                     lr_summary_has_held(answer) ? held : NULL, counts[2], out);
}

static enum lr_status encode_answer(const struct lr_tracker_answer *answer, enum lr_tracker_code to,
                                    struct lr_buf *out) {
    if (to == LR_TRACKER_GET_PENDING_MATCHKEYS) {
        struct lr_text matchkeys[ROWS_MAX];
        size_t count = lr_tracker_answer_matchkey_count(answer);
        count = count < ROWS_MAX ? count : ROWS_MAX;
        for (size_t i = 0; i < count; i++) {
            matchkeys[i] = lr_tracker_answer_matchkey(answer, i);
        }
        return lr_tracker_answer_matchkeys(answer->alloc, matchkeys, count, out);
    }
    if (answer->code == LR_TRACKER_SUCCESS && to == LR_TRACKER_REQUEST) {
        /* An empty host is written as null, which no grant has. */
        struct lr_text host = answer->host.size > 0 ? answer->host : lr_text_of("h");
        return lr_tracker_answer_grant(answer->alloc, host, answer->port, answer->matchkey, out);
    }
    if (answer->code == LR_TRACKER_SUCCESS && to == LR_TRACKER_SUMMARY) {
        return encode_summary(answer, out);
    }
    return lr_tracker_answer_code((int)answer->code, out);
}

/* Decodes, encodes, decodes and encodes again: both texts must be the same. */
static enum lr_status fuzz_answer(struct fuzz_input *input, enum lr_tracker_code to) {
    struct lr_tracker_answer answer;
    struct lr_buf first;
    struct lr_buf second;
    lr_tracker_answer_init(&answer, &input->counting.base);
    lr_buf_init(&first, &input->counting.base);
    lr_buf_init(&second, &input->counting.base);
    enum lr_status status = lr_tracker_answer_decode(&answer, to, input->data, input->size, NULL);
    if (status == LR_OK) {
        status = encode_answer(&answer, to, &first);
        LR_ASSERT(status == LR_OK || status == LR_ENOMEM);
    }
    if (status == LR_OK) {
        status = lr_tracker_answer_decode(&answer, to, lr_buf_data(&first) + 4,
                                          lr_buf_size(&first) - 4, NULL);
        LR_ASSERT(status == LR_OK || status == LR_ENOMEM);
    }
    if (status == LR_OK) {
        status = encode_answer(&answer, to, &second);
    }
    if (status == LR_OK) {
        LR_ASSERT(lr_buf_size(&first) == lr_buf_size(&second));
        LR_ASSERT(memcmp(lr_buf_data(&first), lr_buf_data(&second), lr_buf_size(&first)) == 0);
    }
    lr_buf_deinit(&second);
    lr_buf_deinit(&first);
    lr_tracker_answer_deinit(&answer);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input input;
    if (!fuzz_begin(&input, data, size)) {
        return 0;
    }
    int to = input.choice % 8;
    enum lr_status status =
        to == 0 ? fuzz_request(&input) : fuzz_answer(&input, (enum lr_tracker_code)to);
    fuzz_end(&input, status);
    return 0;
}
