/* SPDX-License-Identifier: Apache-2.0 */
/* Makes plans: the same seed, the same plan, byte for byte. All chance comes from the tables of
 * explore/odds.h, each part's from a generator of its own name, so that a change of one part leaves
 * the others as they are. */
#ifndef LR_EXPLORE_GENERATE_H
#define LR_EXPLORE_GENERATE_H

#include "explore/plan.h"

void lr_generate(struct lr_plan *plan, uint64_t seed);

#endif
