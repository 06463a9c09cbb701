/* SPDX-License-Identifier: Apache-2.0 */
/* How often a request was tried, and when it was given up. */
#ifndef LR_EXPLORE_CLIENT_REQUEST_H
#define LR_EXPLORE_CLIENT_REQUEST_H

#include "explore/playing.h"

/* |result| is that of |act|'s request. */
void lr_check_request(struct lr_playing *play, const struct lr_act *act,
                      const struct lr_plan_step *step, const struct lr_result *result);

#endif
