/* SPDX-License-Identifier: Apache-2.0 */
/* The lines that a run and its workers write to each other: a word, and fields behind it with a
 * blank before each. A field is any text, also an empty one or none (NULL): what is not plain
 * stands as \xHH, so that no text can end a line or a field. A long line is written as several,
 * each but the last with a backslash at its end. */
#ifndef LR_SCENARIO_WORKER_LINE_H
#define LR_SCENARIO_WORKER_LINE_H

#include <stdbool.h>

#include "base/buf.h"

enum {
    LR_LINE_PIECE_MAX = 32 * 1024,       /* bytes of a line as it is written */
    LR_LINE_BYTES_MAX = 64 * 1024 * 1024 /* of all its pieces; more is no line of ours */
};

/* Appends the word; the fields follow; lr_line_end ends it. Failures are kept in |status|. */
struct lr_line_writer {
    struct lr_buf bytes;
    size_t piece; /* bytes of the piece under way */
    enum lr_status status;
};

void lr_line_writer_init(struct lr_line_writer *writer, struct lr_alloc *alloc);
void lr_line_writer_deinit(struct lr_line_writer *writer);
void lr_line_begin(struct lr_line_writer *writer, const char *word);
void lr_line_text(struct lr_line_writer *writer, const char *text); /* NULL: none */
void lr_line_number(struct lr_line_writer *writer, uint64_t number);
void lr_line_end(struct lr_line_writer *writer);

/* A line that is put together from its pieces, then read from left to right. */
struct lr_line_reader {
    struct lr_alloc *alloc;
    struct lr_buf bytes; /* with a NUL behind them, once it is whole */
    char *at;            /* the next field */
    bool whole;
    enum lr_status status; /* LR_EPROTO: a field was missing, or not what it should be */
};

void lr_line_reader_init(struct lr_line_reader *reader, struct lr_alloc *alloc);
void lr_line_reader_deinit(struct lr_line_reader *reader);
/* Adds a piece (a string without its newline); a whole line before it is dropped. LR_OK: see
 * |whole|. LR_ENOMEM, LR_ELIMIT: the line is lost. */
LR_NODISCARD enum lr_status lr_line_feed(struct lr_line_reader *reader, const char *piece);
/* The word of the whole line; borrowed until the next lr_line_feed. Call it first. */
const char *lr_line_word(struct lr_line_reader *reader);
/* The next field. NULL for one that is none, and where |status| says that there is no such field;
 * borrowed until the next lr_line_feed. */
const char *lr_line_take_text(struct lr_line_reader *reader);
/* The same, where it has to be there. "" where it is not. */
const char *lr_line_take_string(struct lr_line_reader *reader);
uint64_t lr_line_take_number(struct lr_line_reader *reader, uint64_t max);
/* |status|, LR_EPROTO where fields are left. */
enum lr_status lr_line_done(struct lr_line_reader *reader);

#endif
