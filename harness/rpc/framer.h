/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts the bytes of one direction of a connection into frames, however they arrive. Which kind
 * comes next is the caller's to say, as it depends on the frame before: magic, then length-prefixed
 * text (handshake keys, tracker messages), or packets. One framer serves the roles and the
 * observer. A frame that lies whole in the input is not copied. What is announced is not allocated
 * until it comes. */
#ifndef LR_RPC_FRAMER_H
#define LR_RPC_FRAMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

enum lr_frame_kind {
    LR_FRAME_WORD,  /* four bytes: a magic number or an answer to one */
    LR_FRAME_TEXT,  /* int32 length, that many bytes (PROTOCOL: tracker messages, handshake keys) */
    LR_FRAME_PACKET /* uint64 length, that many bytes (data plane); length 0 is a frame, too */
};

struct lr_frame {
    enum lr_frame_kind kind;
    const uint8_t *body; /* |kept| bytes; borrowed until the next call on the framer */
    size_t kept;         /* the whole body, or its first |keep_max| bytes */
    uint64_t size;       /* the body's announced size */
    uint64_t begin;      /* offset in the stream of the frame's first byte, its length included */
    uint64_t end;        /* offset behind its last */
};

struct lr_framer {
    struct lr_buf partial;
    enum lr_frame_kind expect; /* the caller's: what comes next. Change it only between frames */
    uint64_t size_max;         /* the caller's: a longer body is LR_ELIMIT */
    size_t keep_max;           /* the caller's: of longer bodies only this much is kept (observer);
                                  SIZE_MAX keeps all */
    uint64_t offset;           /* bytes consumed so far */
    uint64_t frame_begin;
    uint64_t body_size;
    uint64_t body_seen;
    uint8_t *rest;  /* where the rest of this body goes; NULL: it is kept here */
    size_t front;   /* bytes before that rest */
    bool in_body;   /* the length has been read */
    bool delivered; /* |partial| holds the frame handed out last */
};

void lr_framer_init(struct lr_framer *framer, struct lr_alloc *alloc, enum lr_frame_kind expect);
void lr_framer_deinit(struct lr_framer *framer);

/* Takes bytes from |*data| (|*left| of them), moving both on, until a frame is whole: then
 * |*complete| is true and |*frame| set; false when all input was taken. Call in a loop, as one
 * input can hold many. LR_EPROTO: a negative length. LR_ELIMIT: beyond |size_max|. LR_ENOMEM. After
 * an error the stream cannot be followed any more. A body of zero bytes is complete at once. */
LR_NODISCARD enum lr_status lr_framer_next(struct lr_framer *framer, const uint8_t **data,
                                           size_t *left, bool *complete, struct lr_frame *frame);
/* The body that is on its way: what of it has come, borrowed until the next call. False: none is,
 * or its rest goes elsewhere. */
bool lr_framer_begun(const struct lr_framer *framer, const uint8_t **body, size_t *kept,
                     uint64_t *size);
/* Of the body that is on its way the framer keeps the first |front| bytes, which have come; all
 * others go to |rest|, so that they are not copied twice. |rest| has room for them and stays until
 * the frame is whole or the framer is not called any more. The frame's |kept| is then |front|. */
void lr_framer_direct(struct lr_framer *framer, size_t front, uint8_t *rest);
/* Gives the body of the frame that was handed out last away, |kept| bytes, so that a long one is
 * not copied: |out| is overwritten, the frame's |body| stays valid for as long as |out| does.
 * False: it is not the framer's, as it lay whole in the input. */
bool lr_framer_take(struct lr_framer *framer, struct lr_buf *out);
/* True where a frame has begun and is not whole: the stream must not end here. */
bool lr_framer_inside(const struct lr_framer *framer);

#endif
