/* SPDX-License-Identifier: Apache-2.0 */
/* What a run and its workers say to each other, in lines (scenario/worker_line.h): one codec, both
 * ways. The run sends an order a line; a worker answers with the lines of a result, of which the
 * last says that it is whole, or with its calibration; in between come the events of its trace. */
#ifndef LR_SCENARIO_WORKER_CODEC_H
#define LR_SCENARIO_WORKER_CODEC_H

#include "scenario/order.h"
#include "scenario/worker_line.h"

enum lr_order_kind {
    LR_ORDER_PLAY,
    LR_ORDER_CALIBRATE,
    LR_ORDER_END /* nothing more comes: the worker is to leave */
};

void lr_order_write(struct lr_line_writer *writer, const struct lr_order *order);
void lr_order_write_calibrate(struct lr_line_writer *writer);
void lr_order_write_end(struct lr_line_writer *writer);
/* Reads the whole line of |reader|, to which the texts of |*order| then belong. LR_EPROTO. */
LR_NODISCARD enum lr_status lr_order_read(struct lr_line_reader *reader, enum lr_order_kind *kind,
                                          struct lr_order *order);

void lr_answer_write(struct lr_line_writer *writer, const struct lr_case_result *result,
                     bool interrupted);
/* |error|: why there is none, LR_OK where there is. */
void lr_answer_write_calibration(struct lr_line_writer *writer,
                                 const struct lr_calibration *calibration,
                                 const struct lr_error *error);
void lr_answer_write_trace(struct lr_line_writer *writer, const struct lr_trace_event *event);

enum lr_answer_kind {
    LR_ANSWER_PART, /* more of it has to come */
    LR_ANSWER_RESULT,
    LR_ANSWER_CALIBRATION,
    LR_ANSWER_TRACE
};

/* What has come of an answer. */
struct lr_answer {
    struct lr_line_reader line;
    struct lr_case_result result; /* the reader's, from its first line on */
    bool interrupted;
    struct lr_calibration calibration;
    struct lr_error calibration_error;
    struct lr_trace_event event; /* its texts: borrowed until the next line */
};

void lr_answer_init(struct lr_answer *answer, struct lr_alloc *alloc);
void lr_answer_deinit(struct lr_answer *answer);
/* Takes a line as a worker wrote it, and says what is there now. The result is taken with
 * lr_answer_take. LR_EPROTO: not what a worker writes. LR_ENOMEM, LR_ELIMIT. */
LR_NODISCARD enum lr_status lr_answer_read(struct lr_answer *answer, const char *piece,
                                           enum lr_answer_kind *kind);
/* Moves the result out; it is the caller's to deinit. */
struct lr_case_result lr_answer_take(struct lr_answer *answer);

#endif
