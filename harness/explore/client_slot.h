/* SPDX-License-Identifier: Apache-2.0 */
/* A client's session: how it comes to hold one, and lets go of it. */
#ifndef LR_EXPLORE_CLIENT_SLOT_H
#define LR_EXPLORE_CLIENT_SLOT_H

#include "explore/playing.h"

/* Takes the session out of |result|. */
void lr_slot_take(struct lr_playing *play, struct lr_act *act, struct lr_slot *slot,
                  struct lr_result *result, const struct lr_plan_step *step);
/* REF, UNREF, CLOSE, SCOPE. */
void lr_slot_do(struct lr_playing *play, struct lr_act *act, struct lr_slot *slot,
                unsigned int what);
/* Lets go of all references: the slot is empty then. */
void lr_slot_leave(struct lr_playing *play, struct lr_act *act, struct lr_slot *slot);

#endif
