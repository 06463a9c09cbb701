/* SPDX-License-Identifier: Apache-2.0 */
/* The player of a run under torture: hands each case to another player, some points at a time, for
 * as long as it has more, and makes one result of what comes back. Where one of a batch costs a
 * worker its life, the batch is played again point by point: each has its verdict. */
#ifndef LR_SCENARIO_TORTURER_H
#define LR_SCENARIO_TORTURER_H

#include "scenario/player.h"

enum {
    LR_TORTURER_CASES_MAX = 64,  /* at a time: LR_CREW_MAX */
    LR_TORTURER_BATCH = 50,      /* points; at 20 ms each a second, far from a worker's limit */
    LR_TORTURER_FAILED_MAX = 100 /* points of a case that are not clean; then it is given up */
};

struct lr_torturer_case {
    bool busy;
    size_t ticket;
    struct lr_order order;
    struct lr_case_result result; /* so far; alloc NULL: nothing yet */
    uint64_t singly_until;        /* points up to this one are played alone */
    uint64_t first_failed;        /* 0: none */
};

struct lr_torturer {
    struct lr_player player;
    struct lr_player *inner;
    struct lr_alloc *alloc;
    enum lr_torture_kind kind;
    struct lr_torturer_case cases[LR_TORTURER_CASES_MAX];
};

/* Borrows |inner|. Nothing to free once all that has begun has ended. */
void lr_torturer_init(struct lr_torturer *torturer, struct lr_alloc *alloc, struct lr_player *inner,
                      enum lr_torture_kind kind);

#endif
