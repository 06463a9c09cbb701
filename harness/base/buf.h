/* SPDX-License-Identifier: Apache-2.0 */
/* A growable run of bytes that is filled at its end and consumed from its front. */
#ifndef LR_BASE_BUF_H
#define LR_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/status.h"

struct lr_buf {
    struct lr_alloc *alloc;
    uint8_t *block;
    size_t capacity;
    size_t begin; /* consumed before this */
    size_t end;   /* filled up to this */
};

void lr_buf_init(struct lr_buf *buf, struct lr_alloc *alloc);
/* Frees the block; the buffer is then as after init. */
void lr_buf_deinit(struct lr_buf *buf);
/* Gives the content of |buf| away, to be freed with lr_buf_deinit; |buf| is then as after init. */
struct lr_buf lr_buf_take(struct lr_buf *buf);

static inline const uint8_t *lr_buf_data(const struct lr_buf *buf) {
    return buf->block == NULL ? NULL : buf->block + buf->begin;
}
static inline size_t lr_buf_size(const struct lr_buf *buf) {
    return buf->end - buf->begin;
}

/* Room for |size| more bytes, contiguous, at the end: a pointer to it in |*room|, valid until the
 * next call. LR_ENOMEM: nothing changed. */
LR_NODISCARD enum lr_status lr_buf_reserve(struct lr_buf *buf, size_t size, uint8_t **room);
/* Counts |size| bytes, written into reserved room, as filled. */
void lr_buf_commit(struct lr_buf *buf, size_t size);
/* Copies |size| bytes to the end. LR_ENOMEM: nothing changed. */
LR_NODISCARD enum lr_status lr_buf_append(struct lr_buf *buf, const void *bytes, size_t size);
/* Drops |size| bytes from the front; the block is given back when none remain and it is large. */
void lr_buf_consume(struct lr_buf *buf, size_t size);
/* Drops what is behind the first |size| bytes, of which there are at least so many. */
void lr_buf_truncate(struct lr_buf *buf, size_t size);

#endif
