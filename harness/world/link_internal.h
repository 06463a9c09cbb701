/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of the link share: what passes (link.c), and its faults (link_fault.c). */
#ifndef LR_WORLD_LINK_INTERNAL_H
#define LR_WORLD_LINK_INTERNAL_H

#include "world/link.h"

static inline bool lr_link_is_watched(const struct lr_link *link) {
    return link->ledger != NULL && link->number != 0;
}
uint64_t lr_link_count(const struct lr_link *link, enum lr_fault_side side);
void lr_link_tell_fin(struct lr_link *link, lr_time at, enum lr_direction direction);
void lr_link_tell_reset(struct lr_link *link, lr_time at, enum lr_direction direction);

/* The fault that fires first as bytes pass in |direction|, with how many it lets through. */
struct lr_fault *lr_link_next_fault(const struct lr_link *link, enum lr_direction direction,
                                    uint64_t *room);
/* Of a kind that does not spoil: those are due until they are done. */
enum lr_link_action lr_link_fire(struct lr_link *link, lr_time at, struct lr_fault *fault);

#endif
