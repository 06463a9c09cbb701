/* SPDX-License-Identifier: Apache-2.0 */
/* Whether what came of an operation is what must come of it. */
#ifndef LR_EXPLORE_CLIENT_CHECK_H
#define LR_EXPLORE_CLIENT_CHECK_H

#include "explore/playing.h"

/* Judges |result|, and remembers what it brought. True: the step goes on with its next phase. */
bool lr_check_result(struct lr_playing *play, struct lr_act *act, struct lr_slot *slot,
                     const struct lr_plan_step *step, const struct lr_result *result);
/* An operation could not even be queued. */
void lr_check_refusal(struct lr_playing *play, const struct lr_act *act, const struct lr_slot *slot,
                      enum lr_status status);
/* It has not ended in a time in which every operation ends. */
void lr_check_never(struct lr_playing *play, const struct lr_act *act,
                    const struct lr_plan_step *step);
/* Sessions that have ended must be known to their clients, who have done nothing for a while. */
void lr_check_heard(struct lr_playing *play, const struct lr_act *act);

#endif
