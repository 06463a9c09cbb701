/* SPDX-License-Identifier: Apache-2.0 */
#include "world/link.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

static const char *const fault_names[] = {"FIN", "RST", "half-close", "black hole"};
static const char *const side_names[] = {"to the service", "from the service",
                                         "of both directions"};

void lr_link_open(struct lr_link *link, struct lr_ledger *ledger, lr_time at, enum lr_plane plane,
                  const struct lr_endpoint *client, const struct lr_endpoint *service) {
    *link = (struct lr_link){.ledger = ledger, .plane = plane};
    lr_list_init(&link->faults);
    lr_list_init(&link->node);
    if (ledger != NULL) {
        link->number = lr_ledger_link_opened(ledger, at, plane, client, service);
    }
}

/* A link that the ledger had no memory for has number 0: it can be broken, but not watched. */
static bool is_watched(const struct lr_link *link) {
    return link->ledger != NULL && link->number != 0;
}

static uint64_t count_passed(const struct lr_link *link, enum lr_fault_side side) {
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

static bool counts(enum lr_fault_side side, enum lr_direction direction) {
    return side == LR_SIDE_BOTH || (side == LR_SIDE_TO_SERVICE) == (direction == LR_TO_SERVICE);
}

static void tell_fin(struct lr_link *link, lr_time at, enum lr_direction direction) {
    if (!link->fin_told[direction]) {
        link->fin_told[direction] = true;
        if (is_watched(link)) {
            lr_ledger_link_fin(link->ledger, at, link->number, direction);
        }
    }
}

static void tell_reset(struct lr_link *link, lr_time at, enum lr_direction direction) {
    link->ended = true;
    if (is_watched(link)) {
        lr_ledger_link_reset(link->ledger, at, link->number, direction);
    }
}

static void cut_direction(struct lr_link *link, lr_time at, enum lr_direction direction) {
    link->cut[direction] = true;
    if (direction == LR_TO_SERVICE) {
        tell_fin(link, at, direction);
    }
}

static void sign_receipt(struct lr_link *link, lr_time at, struct lr_fault *fault) {
    fault->fired++;
    fault->fired_at = at;
    fault->fired_at_byte = count_passed(link, fault->side);
    fault->fired_link = link->number;
    lr_list_remove(&fault->node);
    if (is_watched(link)) {
        char text[LR_SESSION_TEXT_MAX];
        snprintf(text, sizeof text, "%s after %" PRIu64 " bytes %s", fault_names[fault->kind],
                 fault->fired_at_byte, side_names[fault->side]);
        lr_ledger_link_fault(link->ledger, at, link->number, text);
    }
}

static enum lr_link_action fire(struct lr_link *link, lr_time at, struct lr_fault *fault) {
    sign_receipt(link, at, fault);
    switch (fault->kind) {
    case LR_FAULT_FIN:
        cut_direction(link, at, LR_TO_SERVICE);
        cut_direction(link, at, LR_FROM_SERVICE);
        return LR_LINK_FIN;
    case LR_FAULT_RST:
        link->cut[LR_TO_SERVICE] = true;
        link->cut[LR_FROM_SERVICE] = true;
        tell_reset(link, at, LR_TO_SERVICE);
        return LR_LINK_RST;
    case LR_FAULT_HALF_CLOSE:
        cut_direction(link, at,
                      fault->side == LR_SIDE_FROM_SERVICE ? LR_FROM_SERVICE : LR_TO_SERVICE);
        return LR_LINK_HALF_CLOSE;
    case LR_FAULT_BLACK_HOLE:
        link->black_hole = true;
        return LR_LINK_DROP;
    }
    LR_UNREACHABLE();
}

/* The armed fault that fires first as bytes pass in |direction|, with how many it lets through. */
static struct lr_fault *find_next(const struct lr_link *link, enum lr_direction direction,
                                  uint64_t *room) {
    struct lr_fault *next = NULL;
    *room = UINT64_MAX;
    LR_LIST_EACH (node, &link->faults) {
        struct lr_fault *fault = LR_CONTAINER_OF(node, struct lr_fault, node);
        uint64_t passed = count_passed(link, fault->side);
        uint64_t left = fault->after_bytes > passed ? fault->after_bytes - passed : 0;
        if (counts(fault->side, direction) && left < *room) {
            *room = left;
            next = fault;
        }
    }
    return next;
}

size_t lr_link_room(const struct lr_link *link, enum lr_direction direction) {
    uint64_t room;
    struct lr_fault *next = find_next(link, direction, &room);
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
    struct lr_fault *next = find_next(link, direction, &room);
    *pass = next != NULL && room < size ? (size_t)room : size;
    link->passed[direction] += *pass;
    if (is_watched(link) && *pass > 0) {
        lr_ledger_link_bytes(link->ledger, at, link->number, direction, bytes, *pass);
    }
    return next != NULL && room <= size ? fire(link, at, next) : LR_LINK_PASS;
}

bool lr_link_fin(struct lr_link *link, lr_time at, enum lr_direction direction) {
    bool swallowed = link->black_hole || link->cut[direction] || link->ended;
    if (!link->ended && (!swallowed || direction == LR_FROM_SERVICE)) {
        tell_fin(link, at, direction);
    }
    return !swallowed;
}

bool lr_link_reset(struct lr_link *link, lr_time at, enum lr_direction direction) {
    bool swallowed = link->black_hole || link->ended;
    if (!link->ended && (!swallowed || direction == LR_FROM_SERVICE)) {
        tell_reset(link, at, direction);
    }
    return !swallowed;
}

void lr_link_closed(struct lr_link *link, lr_time at, const char *reason) {
    LR_LIST_EACH (node, &link->faults) {
        lr_list_remove(node);
    }
    lr_list_remove(&link->node);
    if (!link->ended && is_watched(link)) {
        lr_ledger_link_closed(link->ledger, at, link->number, reason);
    }
    link->ended = true;
}

enum lr_link_action lr_link_arm(struct lr_link *link, lr_time at, struct lr_fault *fault) {
    lr_fault_disarm(fault);
    fault->armed = true;
    if (link->ended) {
        return LR_LINK_PASS;
    }
    lr_list_append(&link->faults, &fault->node);
    return count_passed(link, fault->side) >= fault->after_bytes ? fire(link, at, fault)
                                                                 : LR_LINK_PASS;
}

void lr_fault_disarm(struct lr_fault *fault) {
    if (fault->node.next == NULL) {
        lr_list_init(&fault->node); /* zeroed by its owner */
    }
    lr_list_remove(&fault->node);
}
