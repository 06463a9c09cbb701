/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <string.h>

#include "base/assert.h"

enum {
    BUF_CAPACITY_MIN = 64,   /* most messages of the control plane fit */
    BUF_CAPACITY_KEEP = 4096 /* an empty buffer larger than this is not worth keeping */
};

void lr_buf_init(struct lr_buf *buf, struct lr_alloc *alloc) {
    *buf = (struct lr_buf){.alloc = alloc};
}

void lr_buf_deinit(struct lr_buf *buf) {
    lr_alloc_free(buf->alloc, buf->block, buf->capacity);
    lr_buf_init(buf, buf->alloc);
}

struct lr_buf lr_buf_take(struct lr_buf *buf) {
    struct lr_buf taken = *buf;
    lr_buf_init(buf, buf->alloc);
    return taken;
}

static void move_to_front(struct lr_buf *buf) {
    if (buf->begin > 0) {
        memmove(buf->block, buf->block + buf->begin, lr_buf_size(buf));
        buf->end -= buf->begin;
        buf->begin = 0;
    }
}

enum lr_status lr_buf_reserve(struct lr_buf *buf, size_t size, uint8_t **room) {
    if (size > buf->capacity - buf->end) {
        size_t used = lr_buf_size(buf);
        if (size > SIZE_MAX / 2 - used) {
            return LR_ENOMEM;
        }
        size_t needed = used + size;
        if (needed > buf->capacity) {
            size_t capacity = buf->capacity * 2 > needed ? buf->capacity * 2 : needed;
            capacity = capacity < BUF_CAPACITY_MIN ? BUF_CAPACITY_MIN : capacity;
            uint8_t *block = lr_alloc_resize(buf->alloc, buf->block, buf->capacity, capacity);
            if (block == NULL) {
                return LR_ENOMEM;
            }
            buf->block = block;
            buf->capacity = capacity;
        }
        move_to_front(buf);
    }
    *room = buf->block + buf->end;
    return LR_OK;
}

void lr_buf_commit(struct lr_buf *buf, size_t size) {
    LR_ASSERT(size <= buf->capacity - buf->end);
    buf->end += size;
}

enum lr_status lr_buf_append(struct lr_buf *buf, const void *bytes, size_t size) {
    if (size == 0) {
        return LR_OK;
    }
    uint8_t *room;
    enum lr_status status = lr_buf_reserve(buf, size, &room);
    if (status == LR_OK) {
        memcpy(room, bytes, size);
        lr_buf_commit(buf, size);
    }
    return status;
}

void lr_buf_consume(struct lr_buf *buf, size_t size) {
    LR_ASSERT(size <= lr_buf_size(buf));
    buf->begin += size;
    if (buf->begin == buf->end) {
        buf->begin = 0;
        buf->end = 0;
        if (buf->capacity > BUF_CAPACITY_KEEP) {
            lr_buf_deinit(buf);
        }
    }
}

void lr_buf_truncate(struct lr_buf *buf, size_t size) {
    LR_ASSERT(size <= lr_buf_size(buf));
    buf->end = buf->begin + size;
}
