/* SPDX-License-Identifier: Apache-2.0 */
#include "golden_again.h"

#include "rpc/tracker_msg.h"

enum { KEY_MAX = 4096 };

enum lr_status golden_request_again(struct lr_alloc *alloc, const struct lr_frame *frame,
                                    struct lr_buf *questions, struct lr_buf *again,
                                    struct lr_error *error) {
    struct lr_tracker_msg msg;
    lr_tracker_msg_init(&msg, alloc);
    enum lr_status status = lr_tracker_msg_decode(&msg, frame->body, frame->kept, KEY_MAX, error);
    if (status == LR_OK) {
        status = lr_tracker_msg_encode(&msg, again);
    }
    if (status == LR_OK) {
        uint8_t code = (uint8_t)msg.code;
        status = lr_buf_append(questions, &code, 1);
    }
    lr_tracker_msg_deinit(&msg);
    return status;
}

static enum lr_status matchkeys_again(const struct lr_tracker_answer *answer,
                                      struct lr_buf *again) {
    struct lr_text matchkeys[64];
    size_t count = lr_tracker_answer_matchkey_count(answer);
    if (count > LR_COUNT_OF(matchkeys)) {
        return LR_ELIMIT;
    }
    for (size_t i = 0; i < count; i++) {
        matchkeys[i] = lr_tracker_answer_matchkey(answer, i);
    }
    return lr_tracker_answer_matchkeys(answer->alloc, matchkeys, count, again);
}

static enum lr_status summary_again(const struct lr_tracker_answer *answer, struct lr_buf *again) {
    struct lr_summary_queue queues[64];
    struct lr_summary_server servers[64];
    size_t queue_count = lr_summary_queue_count(answer);
    size_t server_count = lr_summary_server_count(answer);
    enum lr_status status = LR_OK;
    if (queue_count > LR_COUNT_OF(queues) || server_count > LR_COUNT_OF(servers)) {
        return LR_ELIMIT;
    }
    for (size_t i = 0; i < queue_count && status == LR_OK; i++) {
        status = lr_summary_queue_at(answer, i, &queues[i]);
    }
    for (size_t i = 0; i < server_count && status == LR_OK; i++) {
        status = lr_summary_server_at(answer, i, &servers[i]);
    }
    return status != LR_OK ? status
                           : lr_tracker_answer_summary(answer->alloc, queues, queue_count, servers,
                                                       server_count, NULL, 0, again);
}

static enum lr_status encode_answer(const struct lr_tracker_answer *answer, enum lr_tracker_code to,
                                    struct lr_buf *again) {
    if (to == LR_TRACKER_REQUEST) {
        return lr_tracker_answer_grant(answer->alloc, answer->host, answer->port, answer->matchkey,
                                       again);
    }
    if (to == LR_TRACKER_SUMMARY) {
        return summary_again(answer, again);
    }
    if (to == LR_TRACKER_GET_PENDING_MATCHKEYS) {
        return matchkeys_again(answer, again);
    }
    return lr_tracker_answer_code((int)answer->code, again);
}

enum lr_status golden_answer_again(struct lr_alloc *alloc, const struct lr_frame *frame,
                                   struct lr_buf *questions, struct lr_buf *again,
                                   struct lr_error *error) {
    uint8_t *codes = questions->block + questions->begin;
    struct lr_tracker_answer answer;
    enum lr_status status = lr_error_set(error, LR_EPROTO, "answers nothing that was asked");
    for (size_t i = 0; i < lr_buf_size(questions); i++) {
        enum lr_tracker_code to = (enum lr_tracker_code)codes[i];
        if (codes[i] == 0) {
            continue;
        }
        lr_tracker_answer_init(&answer, alloc);
        status = lr_tracker_answer_decode(&answer, to, frame->body, frame->kept, error);
        bool answered = status == LR_OK;
        if (answered) {
            codes[i] = 0;
            status = encode_answer(&answer, to, again);
        }
        lr_tracker_answer_deinit(&answer);
        if (answered || status == LR_ENOMEM) {
            break;
        }
    }
    return status;
}

enum lr_status golden_packet_again(struct lr_alloc *alloc, enum lr_dialect dialect,
                                   const struct lr_frame *frame, struct lr_buf *again,
                                   struct lr_error *error) {
    struct lr_packet packet;
    lr_packet_init(&packet, alloc);
    enum lr_status status = lr_packet_decode(dialect, &lr_value_limits_default, frame->body,
                                             frame->kept, &packet, error);
    if (status == LR_OK) {
        status = lr_packet_encode(dialect, &packet, again);
    }
    lr_packet_deinit(&packet);
    return status;
}
