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

/* |width| bytes as a little-endian number, put together by arithmetic: the same on any machine. */
static uint64_t read_number(struct lr_reader *reader, size_t width) {
    const uint8_t *bytes = lr_read_bytes(reader, width);
    uint64_t value = 0;
    for (size_t i = 0; bytes != NULL && i < width; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

uint8_t lr_read_u8(struct lr_reader *reader) {
    return (uint8_t)read_number(reader, 1);
}

uint16_t lr_read_u16(struct lr_reader *reader) {
    return (uint16_t)read_number(reader, 2);
}

uint32_t lr_read_u32(struct lr_reader *reader) {
    return (uint32_t)read_number(reader, 4);
}

uint64_t lr_read_u64(struct lr_reader *reader) {
    return read_number(reader, 8);
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

static void put_number(uint8_t *bytes, uint64_t value, size_t width) {
    for (size_t i = 0; i < width; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i) & 0xffU);
    }
}

static void write_number(struct lr_writer *writer, uint64_t value, size_t width) {
    uint8_t bytes[8];
    put_number(bytes, value, width);
    lr_write_bytes(writer, bytes, width);
}

void lr_write_u8(struct lr_writer *writer, uint8_t value) {
    write_number(writer, value, 1);
}

void lr_write_u16(struct lr_writer *writer, uint16_t value) {
    write_number(writer, value, 2);
}

void lr_write_u32(struct lr_writer *writer, uint32_t value) {
    write_number(writer, value, 4);
}

void lr_write_u64(struct lr_writer *writer, uint64_t value) {
    write_number(writer, value, 8);
}

void lr_write_i32(struct lr_writer *writer, int32_t value) {
    write_number(writer, (uint32_t)value, 4);
}

void lr_write_i64(struct lr_writer *writer, int64_t value) {
    write_number(writer, (uint64_t)value, 8);
}

static void write_at(struct lr_writer *writer, size_t mark, uint64_t value, size_t width) {
    if (writer->status != LR_OK) {
        return; /* the place may never have been written */
    }
    size_t size = lr_buf_size(writer->out);
    LR_ASSERT(mark <= size && size - mark >= width);
    put_number(writer->out->block + writer->out->begin + mark, value, width);
}

void lr_write_u64_at(struct lr_writer *writer, size_t mark, uint64_t value) {
    write_at(writer, mark, value, 8);
}

void lr_write_u32_at(struct lr_writer *writer, size_t mark, uint32_t value) {
    write_at(writer, mark, value, 4);
}

enum lr_status lr_writer_end(struct lr_writer *writer, size_t mark) {
    LR_ASSERT(mark <= lr_buf_size(writer->out));
    if (writer->status != LR_OK) {
        writer->out->end = writer->out->begin + mark;
    }
    return writer->status;
}
