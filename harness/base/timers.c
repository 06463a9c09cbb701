/* SPDX-License-Identifier: Apache-2.0 */
#include "base/timers.h"

#include "base/compiler.h"

static const struct lr_timer *timer_of(const struct lr_tree_node *node) {
    return LR_CONTAINER_OF(node, struct lr_timer, node);
}

static int compare_timers(const struct lr_tree_node *a, const struct lr_tree_node *b) {
    const struct lr_timer *x = timer_of(a);
    const struct lr_timer *y = timer_of(b);
    int order = LR_ORDER(x->at, y->at);
    return order != 0 ? order : LR_ORDER(x->sequence, y->sequence);
}

void lr_timers_init(struct lr_timers *timers) {
    lr_tree_init(&timers->tree, compare_timers);
    timers->next_sequence = 0;
}

void lr_timers_disarm(struct lr_timers *timers, struct lr_timer *timer) {
    if (lr_timer_armed(timer)) {
        lr_tree_remove(&timers->tree, &timer->node);
    }
}

void lr_timers_arm(struct lr_timers *timers, struct lr_timer *timer, lr_time at) {
    lr_timers_disarm(timers, timer);
    if (at != LR_TIME_NEVER) {
        timer->at = at;
        timer->sequence = timers->next_sequence++;
        (void)lr_tree_insert(&timers->tree, &timer->node); /* sequences differ: never equal */
    }
}

lr_time lr_timers_next(const struct lr_timers *timers) {
    const struct lr_tree_node *first = lr_tree_first(&timers->tree);
    return first == NULL ? LR_TIME_NEVER : timer_of(first)->at;
}

struct lr_timer *lr_timers_pop(struct lr_timers *timers, lr_time now) {
    struct lr_tree_node *first = lr_tree_first(&timers->tree);
    if (first == NULL || timer_of(first)->at > now) {
        return NULL;
    }
    lr_tree_remove(&timers->tree, first);
    return LR_CONTAINER_OF(first, struct lr_timer, node);
}
