/* SPDX-License-Identifier: Apache-2.0 */
/* Messages decoded and encoded again. Each appends the whole message, with its length, to |again|.
 * Errors are those of the codecs. */
#ifndef LR_TEST_GOLDEN_AGAIN_H
#define LR_TEST_GOLDEN_AGAIN_H

#include "rpc/framer.h"
#include "rpc/packet.h"

/* A tracker's request; its code is appended to |questions|. */
LR_NODISCARD enum lr_status golden_request_again(struct lr_alloc *alloc,
                                                 const struct lr_frame *frame,
                                                 struct lr_buf *questions, struct lr_buf *again,
                                                 struct lr_error *error);
/* An answer to one of |questions|, the first that it can answer, which is set to 0. */
LR_NODISCARD enum lr_status golden_answer_again(struct lr_alloc *alloc,
                                                const struct lr_frame *frame,
                                                struct lr_buf *questions, struct lr_buf *again,
                                                struct lr_error *error);
LR_NODISCARD enum lr_status golden_packet_again(struct lr_alloc *alloc, enum lr_dialect dialect,
                                                const struct lr_frame *frame, struct lr_buf *again,
                                                struct lr_error *error);

#endif
