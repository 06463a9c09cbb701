/* SPDX-License-Identifier: Apache-2.0 */
/* Taking parts of a plan away, with all that refers to them. */
#ifndef LR_EXPLORE_PLAN_EDIT_H
#define LR_EXPLORE_PLAN_EDIT_H

#include "explore/plan.h"

void lr_plan_drop_actor(struct lr_plan *plan, unsigned int actor);
/* The last server stays: a plan has one at least. */
void lr_plan_drop_server(struct lr_plan *plan, unsigned int server);
void lr_plan_drop_fault(struct lr_plan *plan, unsigned int fault);
void lr_plan_drop_steps(struct lr_plan *plan, unsigned int actor, unsigned int first,
                        unsigned int count);

#endif
