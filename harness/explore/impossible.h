/* SPDX-License-Identifier: Apache-2.0 */
/* Which behaviours cannot be reached, and why: what is neither reached nor named here has been
 * missed. */
#ifndef LR_EXPLORE_IMPOSSIBLE_H
#define LR_EXPLORE_IMPOSSIBLE_H

#include "explore/reach.h"

/* Why |tuple| cannot be; NULL: it can. */
const char *lr_impossible(const struct lr_reach_tuple *tuple);

#endif
