/* SPDX-License-Identifier: Apache-2.0 */
/* One bounds-checked reader and one growable writer for what is on the wire. Both keep the first
 * error and do nothing after it, so a parser reads like the layout and asks once, at its end.
 * Integers are little-endian on the wire whatever the machine is. */
#ifndef LR_RPC_WIRE_H
#define LR_RPC_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

/* Reads from bytes that somebody else owns. */
struct lr_reader {
    const uint8_t *data;
    size_t size;
    size_t at;
    enum lr_status status; /* LR_OK, or the first error: LR_ETRUNCATED, LR_EPROTO, LR_ELIMIT .. */
    size_t error_at;       /* where it happened */
};

struct lr_reader lr_reader_of(const void *data, size_t size);
uint8_t lr_read_u8(struct lr_reader *reader);
uint16_t lr_read_u16(struct lr_reader *reader);
uint32_t lr_read_u32(struct lr_reader *reader);
uint64_t lr_read_u64(struct lr_reader *reader);
int32_t lr_read_i32(struct lr_reader *reader);
int64_t lr_read_i64(struct lr_reader *reader);
/* |size| bytes, borrowed from the data; NULL after an error (also for too large a size). */
const uint8_t *lr_read_bytes(struct lr_reader *reader, uint64_t size);
/* Sets the error, unless there is one. */
void lr_reader_fail(struct lr_reader *reader, enum lr_status status);
static inline size_t lr_reader_left(const struct lr_reader *reader) {
    return reader->status == LR_OK ? reader->size - reader->at : 0;
}

/* Appends to a buffer. The buffer's owner drops what was written when |status| is an error. */
struct lr_writer {
    struct lr_buf *out;    /* borrowed */
    enum lr_status status; /* LR_OK, or the first error: LR_ENOMEM, LR_ENOTSUP, LR_EINVAL */
};

struct lr_writer lr_writer_of(struct lr_buf *out);
/* Sets the error, unless there is one. */
void lr_writer_fail(struct lr_writer *writer, enum lr_status status);
void lr_write_u8(struct lr_writer *writer, uint8_t value);
void lr_write_u16(struct lr_writer *writer, uint16_t value);
void lr_write_u32(struct lr_writer *writer, uint32_t value);
void lr_write_u64(struct lr_writer *writer, uint64_t value);
void lr_write_i32(struct lr_writer *writer, int32_t value);
void lr_write_i64(struct lr_writer *writer, int64_t value);
void lr_write_bytes(struct lr_writer *writer, const void *bytes, size_t size);
/* Overwrites eight bytes written earlier, when the buffer's lr_buf_size was |mark|: a length that
 * is known only when what it counts has been written. The buffer must not have been consumed from
 * since. */
void lr_write_u64_at(struct lr_writer *writer, size_t mark, uint64_t value);
/* The same for four bytes. */
void lr_write_u32_at(struct lr_writer *writer, size_t mark, uint32_t value);
/* Takes back what was written since |mark| where there was an error. Returns the writer's status.
 */
enum lr_status lr_writer_end(struct lr_writer *writer, size_t mark);

#endif
