/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/wire.h"

#include "base/assert.h"

struct lr_reader lr_reader_of(const void *data, size_t size) {
    return (struct lr_reader){.data = data, .size = size};
}

void lr_reader_fail(struct lr_reader *reader, enum lr_status status) {
    LR_ASSERT(status != LR_OK);
    if (reader->status == LR_OK) {
        reader->status = status;
        reader->error_at = reader->at;
    }
}

const uint8_t *lr_read_bytes(struct lr_reader *reader, uint64_t size) {
    static const uint8_t nothing[8] = {0}; /* no bytes of no data still are not an error */
    if (size > lr_reader_left(reader)) {
        lr_reader_fail(reader, LR_ETRUNCATED);
    }
    if (reader->status != LR_OK) {
        return NULL;
    }
    const uint8_t *bytes = reader->data == NULL ? nothing : reader->data + reader->at;
    reader->at += (size_t)size;
    return bytes;
}

/* Little-endian bytes as a number, put together by arithmetic: the same on any machine, and spelled
 * out so that a compiler makes a single load of it. */
static uint16_t number16(const uint8_t *bytes) {
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static uint32_t number32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static uint64_t number64(const uint8_t *bytes) {
    return (uint64_t)number32(bytes) | (uint64_t)number32(bytes + 4) << 32;
}

uint8_t lr_read_u8(struct lr_reader *reader) {
    const uint8_t *bytes = lr_read_bytes(reader, 1);
    return bytes == NULL ? 0 : bytes[0];
}

uint16_t lr_read_u16(struct lr_reader *reader) {
    const uint8_t *bytes = lr_read_bytes(reader, 2);
    return bytes == NULL ? 0 : number16(bytes);
}

uint32_t lr_read_u32(struct lr_reader *reader) {
    const uint8_t *bytes = lr_read_bytes(reader, 4);
    return bytes == NULL ? 0 : number32(bytes);
}

uint64_t lr_read_u64(struct lr_reader *reader) {
    const uint8_t *bytes = lr_read_bytes(reader, 8);
    return bytes == NULL ? 0 : number64(bytes);
}

/* Two's complement without relying on what a conversion to a signed type does. */
int32_t lr_read_i32(struct lr_reader *reader) {
    uint32_t bits = lr_read_u32(reader);
    return bits <= INT32_MAX ? (int32_t)bits : -1 - (int32_t)(UINT32_MAX - bits);
}

int64_t lr_read_i64(struct lr_reader *reader) {
    uint64_t bits = lr_read_u64(reader);
    return bits <= INT64_MAX ? (int64_t)bits : -1 - (int64_t)(UINT64_MAX - bits);
}

struct lr_writer lr_writer_of(struct lr_buf *out) {
    return (struct lr_writer){.out = out, .status = LR_OK};
}

void lr_writer_fail(struct lr_writer *writer, enum lr_status status) {
    LR_ASSERT(status != LR_OK);
    if (writer->status == LR_OK) {
        writer->status = status;
    }
}

void lr_write_bytes(struct lr_writer *writer, const void *bytes, size_t size) {
    if (writer->status == LR_OK) {
        writer->status = lr_buf_append(writer->out, bytes, size);
    }
}

static void put32(uint8_t *bytes, uint32_t value) {
    bytes[0] = (uint8_t)(value & 0xffU);
    bytes[1] = (uint8_t)(value >> 8 & 0xffU);
    bytes[2] = (uint8_t)(value >> 16 & 0xffU);
    bytes[3] = (uint8_t)(value >> 24);
}

static void put64(uint8_t *bytes, uint64_t value) {
    put32(bytes, (uint32_t)(value & UINT32_MAX));
    put32(bytes + 4, (uint32_t)(value >> 32));
}

void lr_write_u8(struct lr_writer *writer, uint8_t value) {
    lr_write_bytes(writer, &value, 1);
}

void lr_write_u16(struct lr_writer *writer, uint16_t value) {
    const uint8_t bytes[2] = {(uint8_t)(value & 0xffU), (uint8_t)(value >> 8)};
    lr_write_bytes(writer, bytes, sizeof bytes);
}

void lr_write_u32(struct lr_writer *writer, uint32_t value) {
    uint8_t bytes[4];
    put32(bytes, value);
    lr_write_bytes(writer, bytes, sizeof bytes);
}

void lr_write_u64(struct lr_writer *writer, uint64_t value) {
    uint8_t bytes[8];
    put64(bytes, value);
    lr_write_bytes(writer, bytes, sizeof bytes);
}

void lr_write_i32(struct lr_writer *writer, int32_t value) {
    lr_write_u32(writer, (uint32_t)value);
}

void lr_write_i64(struct lr_writer *writer, int64_t value) {
    lr_write_u64(writer, (uint64_t)value);
}

/* Where the |width| bytes at |mark| are; NULL: after an error, as they may never have been written.
 */
static uint8_t *written_at(struct lr_writer *writer, size_t mark, size_t width) {
    if (writer->status != LR_OK) {
        return NULL;
    }
    size_t size = lr_buf_size(writer->out);
    LR_ASSERT(mark <= size && size - mark >= width);
    return writer->out->block + writer->out->begin + mark;
}

void lr_write_u64_at(struct lr_writer *writer, size_t mark, uint64_t value) {
    uint8_t *bytes = written_at(writer, mark, 8);
    if (bytes != NULL) {
        put64(bytes, value);
    }
}

void lr_write_u32_at(struct lr_writer *writer, size_t mark, uint32_t value) {
    uint8_t *bytes = written_at(writer, mark, 4);
    if (bytes != NULL) {
        put32(bytes, value);
    }
}

enum lr_status lr_writer_end(struct lr_writer *writer, size_t mark) {
    LR_ASSERT(mark <= lr_buf_size(writer->out));
    if (writer->status != LR_OK) {
        writer->out->end = writer->out->begin + mark;
    }
    return writer->status;
}
