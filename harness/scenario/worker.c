/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/worker.h"

#include <string.h>

#include "scenario/calibrate.h"

struct worker {
    const struct lr_worker_options *options;
    struct lr_trace_sink sink;
    struct lr_order_means means;
    struct lr_line_reader line;
    struct lr_buf piece; /* as it is read */
    struct lr_error *error;
};

/* All of it at once, so that a worker that dies leaves no half a line but its last. */
static enum lr_status send(struct worker *worker, struct lr_line_writer *writer) {
    enum lr_status status = writer->status;
    if (status == LR_OK) {
        size_t size = lr_buf_size(&writer->bytes);
        bool written = fwrite(lr_buf_data(&writer->bytes), 1, size, worker->options->out) == size &&
                       fflush(worker->options->out) == 0;
        status = written ? LR_OK : LR_EIO;
    }
    lr_line_writer_deinit(writer);
    return status;
}

static void pass_on(struct lr_trace_sink *sink, const struct lr_trace_event *event) {
    struct worker *worker = LR_CONTAINER_OF(sink, struct worker, sink);
    struct lr_line_writer writer;
    lr_line_writer_init(&writer, worker->options->alloc);
    lr_answer_write_trace(&writer, event);
    (void)send(worker, &writer); /* where nobody listens any more, the answer's failure shows it */
}

static enum lr_status play(struct worker *worker, const struct lr_order *order) {
    struct lr_case_result result;
    struct lr_line_writer writer;
    bool interrupted;
    enum lr_status status =
        lr_order_play(order, &worker->means, &result, &interrupted, worker->error);
    if (status != LR_OK) {
        return status;
    }
    lr_line_writer_init(&writer, worker->options->alloc);
    lr_answer_write(&writer, &result, interrupted);
    lr_case_result_deinit(&result);
    status = send(worker, &writer);
    return status == LR_OK ? LR_OK : lr_error_set(worker->error, status, "a result is lost");
}

static enum lr_status calibrate(struct worker *worker) {
    struct lr_calibration calibration;
    struct lr_error why = {.code = LR_OK};
    struct lr_line_writer writer;
    why.code = lr_calibrate(worker->options->alloc, LR_CALIBRATION_ROUNDS, &calibration, &why);
    lr_line_writer_init(&writer, worker->options->alloc);
    lr_answer_write_calibration(&writer, &calibration, &why);
    enum lr_status status = send(worker, &writer);
    return status == LR_OK ? LR_OK : lr_error_set(worker->error, status, "a calibration is lost");
}

/* The next line, without its newline, as a string in |piece|. False: there is none. */
static bool read_piece(struct worker *worker, enum lr_status *status) {
    struct lr_buf *piece = &worker->piece;
    int c;
    lr_buf_consume(piece, lr_buf_size(piece));
    while ((c = getc(worker->options->in)) != EOF && c != '\n' && *status == LR_OK) {
        char byte = (char)c;
        *status =
            lr_buf_size(piece) < LR_LINE_BYTES_MAX ? lr_buf_append(piece, &byte, 1) : LR_ELIMIT;
    }
    if (*status == LR_OK) {
        *status = lr_buf_append(piece, "", 1);
    }
    return c != EOF && *status == LR_OK;
}

static enum lr_status heed(struct worker *worker, bool *leave) {
    enum lr_order_kind kind;
    struct lr_order order = {.file = NULL};
    enum lr_status status = lr_line_feed(&worker->line, (const char *)lr_buf_data(&worker->piece));
    if (status != LR_OK || !worker->line.whole) {
        return status;
    }
    status = lr_order_read(&worker->line, &kind, &order);
    if (status != LR_OK) {
        return lr_error_set(worker->error, status,
                            "a worker is started by lastref run, and takes its orders alone");
    }
    switch (kind) {
    case LR_ORDER_PLAY:
        return play(worker, &order);
    case LR_ORDER_CALIBRATE:
        return calibrate(worker);
    case LR_ORDER_END:
        *leave = true;
        break;
    }
    return LR_OK;
}

enum lr_status lr_worker_run(const struct lr_worker_options *options, struct lr_error *error) {
    struct worker worker = {
        .options = options,
        .sink = {.emit = pass_on, .level = options->level},
        .error = error,
    };
    worker.means = (struct lr_order_means){
        .alloc = options->alloc, .tvm = options->tvm, .trace = &worker.sink};
    lr_line_reader_init(&worker.line, options->alloc);
    lr_buf_init(&worker.piece, options->alloc);
    enum lr_status status = LR_OK;
    bool leave = false;
    error->code = LR_OK;
    while (!leave && status == LR_OK && read_piece(&worker, &status)) {
        status = heed(&worker, &leave);
    }
    lr_buf_deinit(&worker.piece);
    lr_line_reader_deinit(&worker.line);
    if (status != LR_OK && error->code == LR_OK) {
        lr_error_set(error, status, "a worker cannot go on: %s", lr_status_text(status));
    }
    return status;
}
