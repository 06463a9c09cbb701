/* SPDX-License-Identifier: Apache-2.0 */
#include "world/link_internal.h"

#include "base/assert.h"

void lr_link_open(struct lr_link *link, struct lr_ledger *ledger, lr_time at, enum lr_plane plane,
                  const struct lr_endpoint *client, const struct lr_endpoint *service) {
    *link = (struct lr_link){.ledger = ledger, .plane = plane};
    lr_list_init(&link->faults);
    lr_list_init(&link->node);
    if (ledger != NULL) {
        link->number = lr_ledger_link_opened(ledger, at, plane, client, service);
    }
}

uint64_t lr_link_count(const struct lr_link *link, enum lr_fault_side side) {
    switch (side) {
    case LR_SIDE_TO_SERVICE:
        return link->passed[LR_TO_SERVICE];
    case LR_SIDE_FROM_SERVICE:
        return link->passed[LR_FROM_SERVICE];
    case LR_SIDE_BOTH:
        return link->passed[LR_TO_SERVICE] + link->passed[LR_FROM_SERVICE];
    }
    LR_UNREACHABLE();
}

void lr_link_tell_fin(struct lr_link *link, lr_time at, enum lr_direction direction) {
    if (!link->fin_told[direction]) {
        link->fin_told[direction] = true;
        if (lr_link_is_watched(link)) {
            lr_ledger_link_fin(link->ledger, at, link->number, direction);
        }
    }
}

void lr_link_tell_reset(struct lr_link *link, lr_time at, enum lr_direction direction) {
    link->ended = true;
    if (lr_link_is_watched(link)) {
        lr_ledger_link_reset(link->ledger, at, link->number, direction);
    }
}

size_t lr_link_room(const struct lr_link *link, enum lr_direction direction) {
    uint64_t room;
    const struct lr_fault *next = lr_link_next_fault(link, direction, &room);
    return next == NULL || room > SIZE_MAX ? SIZE_MAX : (size_t)(room == 0 ? 1 : room);
}

enum lr_link_action lr_link_bytes(struct lr_link *link, lr_time at, enum lr_direction direction,
                                  const uint8_t *bytes, size_t size, size_t *pass) {
    LR_ASSERT(size > 0);
    *pass = 0;
    if (link->black_hole || link->cut[direction] || link->ended) {
        return LR_LINK_DROP;
    }
    uint64_t room;
    struct lr_fault *next = lr_link_next_fault(link, direction, &room);
    *pass = next != NULL && room < size ? (size_t)room : size;
    link->passed[direction] += *pass;
    if (lr_link_is_watched(link) && *pass > 0) {
        lr_ledger_link_bytes(link->ledger, at, link->number, direction, bytes, *pass);
    }
    return next != NULL && room <= size && !lr_fault_spoils(next->kind)
               ? lr_link_fire(link, at, next)
               : LR_LINK_PASS;
}

bool lr_link_fin(struct lr_link *link, lr_time at, enum lr_direction direction) {
    bool swallowed = link->black_hole || link->cut[direction] || link->ended;
    if (!link->ended && (!swallowed || direction == LR_FROM_SERVICE)) {
        lr_link_tell_fin(link, at, direction);
    }
    return !swallowed;
}

bool lr_link_reset(struct lr_link *link, lr_time at, enum lr_direction direction) {
    bool swallowed = link->black_hole || link->ended;
    if (!link->ended && (!swallowed || direction == LR_FROM_SERVICE)) {
        lr_link_tell_reset(link, at, direction);
    }
    return !swallowed;
}

void lr_link_closed(struct lr_link *link, lr_time at, const char *reason) {
    LR_LIST_EACH (node, &link->faults) {
        struct lr_fault *fault = LR_CONTAINER_OF(node, struct lr_fault, node);
        lr_list_remove(node);
        fault->active = false;
        fault->link = NULL;
    }
    lr_list_remove(&link->node);
    if (!link->ended && lr_link_is_watched(link)) {
        lr_ledger_link_closed(link->ledger, at, link->number, reason);
    }
    link->ended = true;
}
