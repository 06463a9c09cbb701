/* SPDX-License-Identifier: Apache-2.0 */
/* The remote operations of a client's steps, phase by phase. */
#ifndef LR_EXPLORE_CLIENT_CALL_H
#define LR_EXPLORE_CLIENT_CALL_H

#include "explore/playing.h"

/* What a client writes into arrays and files: its own mark again and again, of a length that does
 * not divide those of buffers. */
enum { LR_MARK_BYTES = 7 };
void lr_call_mark(const struct lr_act *act, const struct lr_slot *slot,
                  char out[LR_MARK_BYTES + 1]);

/* Queues the operation of |act|'s phase of |step|. LR_ENOTFOUND: there is none (any more). What
 * lr_session_call says. */
LR_NODISCARD enum lr_status lr_call_begin(struct lr_playing *play, struct lr_act *act,
                                          struct lr_slot *slot, const struct lr_plan_step *step,
                                          lr_op *op);
#endif
