/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a plan that was found to break something as small as it gets while it still breaks it in
 * the same way: fewer actors, servers, faults and steps, a plainer link, shorter waits. */
#ifndef LR_EXPLORE_SHRINK_H
#define LR_EXPLORE_SHRINK_H

#include "explore/run.h"

enum { LR_SHRINK_RUNS_MAX = 4000 }; /* what is usual for |runs_max| */

struct lr_shrinking {
    struct lr_alloc *alloc;
    const char *fingerprint; /* of the finding that has to stay */
    unsigned int runs_max;   /* it ends after so many runs, however small the plan is then */
    unsigned int runs;       /* that were played */
};

/* Shrinks |plan| in place; |out| is what its last run that broke it gave. A plan that does not
 * break it is left alone. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_shrink(struct lr_shrinking *shrinking, struct lr_plan *plan,
                                      struct lr_explored *out, struct lr_error *error);

#endif
