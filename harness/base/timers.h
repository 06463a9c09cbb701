/* SPDX-License-Identifier: Apache-2.0 */
/* The deadlines of one role: intrusive, ordered by (time, order of arming), so equal ones fire in
 * the order in which they were armed. Arming and disarming never fail. */
#ifndef LR_BASE_TIMERS_H
#define LR_BASE_TIMERS_H

#include "base/time.h"
#include "base/tree.h"

struct lr_timer {
    struct lr_tree_node node;
    lr_time at;
    uint64_t sequence;
    int kind; /* the owner's: what it is a deadline for */
};

struct lr_timers {
    struct lr_tree tree;
    uint64_t next_sequence;
};

void lr_timers_init(struct lr_timers *timers);
/* Sets |timer|, zeroed once before its first use, to |at|; armed already: moved. LR_TIME_NEVER
 * disarms. */
void lr_timers_arm(struct lr_timers *timers, struct lr_timer *timer, lr_time at);
void lr_timers_disarm(struct lr_timers *timers, struct lr_timer *timer);
/* The earliest deadline, or LR_TIME_NEVER. */
lr_time lr_timers_next(const struct lr_timers *timers);
/* Disarms and returns the earliest timer that is due at |now|, or NULL. Loop until NULL. */
struct lr_timer *lr_timers_pop(struct lr_timers *timers, lr_time now);

static inline int lr_timer_armed(const struct lr_timer *timer) {
    return lr_tree_linked(&timer->node);
}

#endif
