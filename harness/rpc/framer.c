/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/framer.h"

#include <string.h>

#include "base/assert.h"
#include "rpc/wire.h"

/* What precedes the body of each kind: the length, or nothing where the length is fixed. */
static const struct {
    size_t prefix;       /* bytes of the length */
    uint64_t fixed_size; /* of the body, where there is no length */
} frame_kinds[] = {
    [LR_FRAME_WORD] = {0, 4},
    [LR_FRAME_TEXT] = {4, 0},
    [LR_FRAME_PACKET] = {8, 0},
};

void lr_framer_init(struct lr_framer *framer, struct lr_alloc *alloc, enum lr_frame_kind expect) {
    *framer = (struct lr_framer){.expect = expect, .size_max = UINT64_MAX, .keep_max = SIZE_MAX};
    lr_buf_init(&framer->partial, alloc);
}

void lr_framer_deinit(struct lr_framer *framer) {
    lr_buf_deinit(&framer->partial);
}

bool lr_framer_inside(const struct lr_framer *framer) {
    return framer->in_body || (!framer->delivered && lr_buf_size(&framer->partial) > 0);
}

bool lr_framer_begun(const struct lr_framer *framer, const uint8_t **body, size_t *kept,
                     uint64_t *size) {
    if (!framer->in_body || framer->rest != NULL) {
        return false;
    }
    *body = lr_buf_data(&framer->partial);
    *kept = lr_buf_size(&framer->partial);
    *size = framer->body_size;
    return true;
}

void lr_framer_direct(struct lr_framer *framer, size_t front, uint8_t *rest) {
    size_t kept = lr_buf_size(&framer->partial);
    LR_ASSERT(framer->in_body && framer->rest == NULL && framer->body_seen == kept);
    LR_ASSERT(front > 0 && front <= kept);
    memcpy(rest, lr_buf_data(&framer->partial) + front, kept - front);
    framer->rest = rest;
    framer->front = front;
}

bool lr_framer_take(struct lr_framer *framer, struct lr_buf *out) {
    if (!framer->delivered) {
        return false;
    }
    framer->delivered = false;
    *out = lr_buf_take(&framer->partial);
    return true;
}

/* Moves |size| bytes of the input past us. */
static void skip_input(struct lr_framer *framer, const uint8_t **data, size_t *left, size_t size) {
    if (size > 0) {
        *data += size;
        *left -= size;
        framer->offset += size;
    }
}

/* The body's size from the prefix at |bytes|, checked. */
static enum lr_status begin_body(struct lr_framer *framer, const uint8_t *bytes) {
    size_t prefix = frame_kinds[framer->expect].prefix;
    struct lr_reader reader = lr_reader_of(bytes, prefix);
    uint64_t size = frame_kinds[framer->expect].fixed_size;
    if (prefix == 4) {
        int32_t length = lr_read_i32(&reader);
        if (length < 0) {
            return LR_EPROTO;
        }
        size = (uint64_t)length;
    } else if (prefix == 8) {
        size = lr_read_u64(&reader);
    }
    /* An |end| beyond 2^64 is no stream's. */
    if (size > framer->size_max || size > UINT64_MAX - framer->offset) {
        return LR_ELIMIT;
    }
    framer->body_size = size;
    framer->body_seen = 0;
    framer->in_body = true;
    return LR_OK;
}

/* Reads the length, from the input where it lies whole in it; |*ready| tells whether it is known.
 */
static enum lr_status take_prefix(struct lr_framer *framer, const uint8_t **data, size_t *left,
                                  bool *ready) {
    size_t prefix = frame_kinds[framer->expect].prefix;
    size_t have = lr_buf_size(&framer->partial);
    *ready = false;
    LR_ASSERT(have < prefix || prefix == 0);
    if (have == 0) {
        framer->frame_begin = framer->offset;
    }
    size_t missing = prefix - have;
    size_t take = *left < missing ? *left : missing;
    const uint8_t *bytes = *data;
    if (have > 0 || take < missing) {
        enum lr_status status = lr_buf_append(&framer->partial, *data, take);
        if (status != LR_OK) {
            return status;
        }
        bytes = lr_buf_data(&framer->partial);
    }
    skip_input(framer, data, left, take);
    if (take < missing) {
        return LR_OK;
    }
    enum lr_status status = begin_body(framer, bytes);
    if (status == LR_OK) {
        lr_buf_consume(&framer->partial, lr_buf_size(&framer->partial));
        *ready = true;
    }
    return status;
}

/* Keeps what is wanted of |size| body bytes at |bytes|. */
static enum lr_status keep_body(struct lr_framer *framer, const uint8_t *bytes, size_t size) {
    if (framer->rest != NULL) {
        memcpy(framer->rest + (framer->body_seen - framer->front), bytes, size);
        return LR_OK;
    }
    size_t kept = lr_buf_size(&framer->partial);
    size_t room = framer->keep_max > kept ? framer->keep_max - kept : 0;
    return lr_buf_append(&framer->partial, bytes, size < room ? size : room);
}

static void fill_frame(struct lr_framer *framer, const uint8_t *body, struct lr_frame *frame) {
    static const uint8_t nothing[1] = {0};
    uint64_t keep = framer->body_size < framer->keep_max ? framer->body_size : framer->keep_max;
    keep = framer->rest != NULL ? framer->front : keep;
    *frame = (struct lr_frame){
        .kind = framer->expect,
        .body = body == NULL ? nothing : body,
        .kept = (size_t)keep,
        .size = framer->body_size,
        .begin = framer->frame_begin,
        .end = framer->offset,
    };
    framer->in_body = false;
    framer->rest = NULL;
}

/* Takes body bytes; true in |*complete| when the last has come. */
static enum lr_status take_body(struct lr_framer *framer, const uint8_t **data, size_t *left,
                                bool *complete, struct lr_frame *frame) {
    uint64_t missing = framer->body_size - framer->body_seen;
    const uint8_t *bytes = *data;
    if (framer->body_seen == 0 && *left >= missing) {
        /* Whole in the input: handed out from there. */
        skip_input(framer, data, left, (size_t)missing);
        fill_frame(framer, bytes, frame);
        *complete = true;
        return LR_OK;
    }
    size_t take = *left < missing ? *left : (size_t)missing;
    enum lr_status status = keep_body(framer, bytes, take);
    if (status != LR_OK) {
        return status;
    }
    skip_input(framer, data, left, take);
    framer->body_seen += take;
    if (framer->body_seen == framer->body_size) {
        framer->delivered = true;
        fill_frame(framer, lr_buf_data(&framer->partial), frame);
        *complete = true;
    }
    return LR_OK;
}

enum lr_status lr_framer_next(struct lr_framer *framer, const uint8_t **data, size_t *left,
                              bool *complete, struct lr_frame *frame) {
    *complete = false;
    if (framer->delivered) {
        lr_buf_consume(&framer->partial, lr_buf_size(&framer->partial));
        framer->delivered = false;
    }
    if (!framer->in_body) {
        if (*left == 0) {
            return LR_OK;
        }
        bool ready;
        enum lr_status status = take_prefix(framer, data, left, &ready);
        if (status != LR_OK || !ready) {
            return status;
        }
    }
    return take_body(framer, data, left, complete, frame);
}
