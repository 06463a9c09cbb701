/* SPDX-License-Identifier: Apache-2.0 */
/* The faults of a link: where they fire, and what they make of it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "world/link_internal.h"

static const char *const side_names[] = {"to the service", "from the service",
                                         "of both directions"};

/* What is of one direction. */
static enum lr_direction direction_of(const struct lr_fault *fault) {
    return fault->side == LR_SIDE_FROM_SERVICE ? LR_FROM_SERVICE : LR_TO_SERVICE;
}

static bool is_of_one_direction(const struct lr_fault *fault) {
    return fault->where != LR_AT_BYTE || lr_fault_spoils(fault->kind);
}

static uint64_t count_passed(const struct lr_link *link, const struct lr_fault *fault) {
    return is_of_one_direction(fault) ? link->passed[direction_of(fault)]
                                      : lr_link_count(link, fault->side);
}

static bool counts(const struct lr_fault *fault, enum lr_direction direction) {
    return is_of_one_direction(fault) ? direction_of(fault) == direction
                                      : lr_fault_side_has(fault->side, direction);
}

/* ---- chance ---- */

/* So that one that never comes ends its search: a link of this project passes less. */
#define SEARCHED_MAX UINT64_C(1000000)

static bool draw(struct lr_fault *fault) {
    return fault->chance_of[1] == 0 ||
           lr_prng_chance(&fault->random, fault->chance_of[0], fault->chance_of[1]);
}

/* How many bytes are passed over, of which each could have been the one. */
static uint64_t draw_bytes(struct lr_fault *fault) {
    uint64_t bytes = 0;
    while (bytes < SEARCHED_MAX && !draw(fault)) {
        bytes++;
    }
    return bytes;
}

/* ---- named points ---- */

static bool waits_for_point(const struct lr_fault *fault) {
    return fault->where != LR_AT_BYTE && !fault->placed && !fault->active;
}

/* Places |fault| where |found| is the one; a point that has passed already is none. */
static void take_point(struct lr_fault *fault, const struct lr_scan_found *found, uint64_t passed) {
    if (found->point != fault->point || (fault->where == LR_BEFORE && found->begin < passed)) {
        return;
    }
    if (fault->nth > 1) {
        fault->nth--;
        return;
    }
    if (!draw(fault)) {
        return;
    }
    uint64_t size = found->end - found->begin;
    uint64_t inside = fault->inside != 0 ? fault->inside : size / 2;
    inside = inside < size ? inside : size - 1;
    uint64_t at = fault->where == LR_BEFORE   ? found->begin
                  : fault->where == LR_INSIDE ? found->begin + inside
                                              : found->end;
    fault->after_bytes = at > passed ? at : passed;
    fault->placed = true;
}

static void look(struct lr_link *link, enum lr_direction direction, const uint8_t *bytes,
                 size_t size) {
    uint64_t passed = link->passed[direction];
    LR_LIST_EACH (node, &link->faults) {
        struct lr_fault *fault = LR_CONTAINER_OF(node, struct lr_fault, node);
        struct lr_scan_found found;
        while (waits_for_point(fault) && counts(fault, direction) &&
               lr_scan_next(&fault->scan, passed, bytes, size, &found)) {
            take_point(fault, &found, passed);
        }
    }
}

/* ---- which is next ---- */

static bool is_done(const struct lr_fault *fault) {
    return waits_for_point(fault) || (fault->active && lr_fault_shapes(fault->kind));
}

struct lr_fault *lr_link_next_fault(const struct lr_link *link, enum lr_direction direction,
                                    uint64_t *room) {
    struct lr_fault *next = NULL;
    *room = UINT64_MAX;
    LR_LIST_EACH (node, &link->faults) {
        struct lr_fault *fault = LR_CONTAINER_OF(node, struct lr_fault, node);
        uint64_t passed = count_passed(link, fault);
        uint64_t left = fault->after_bytes > passed ? fault->after_bytes - passed : 0;
        if (!is_done(fault) && counts(fault, direction) && left < *room) {
            *room = left;
            next = fault;
        }
    }
    return next;
}

enum lr_link_action lr_link_begin(struct lr_link *link, lr_time at, enum lr_direction direction,
                                  const uint8_t *bytes, size_t size) {
    if (link->black_hole || link->cut[direction] || link->ended || !lr_link_has_faults(link)) {
        return LR_LINK_PASS;
    }
    look(link, direction, bytes, size);
    uint64_t room;
    struct lr_fault *next = lr_link_next_fault(link, direction, &room);
    return next != NULL && room == 0 && !lr_fault_spoils(next->kind) ? lr_link_fire(link, at, next)
                                                                     : LR_LINK_PASS;
}

struct lr_fault *lr_link_due(const struct lr_link *link, enum lr_direction direction, size_t size) {
    if (link->black_hole || link->cut[direction] || link->ended) {
        return NULL;
    }
    LR_LIST_EACH (node, &link->faults) {
        struct lr_fault *fault = LR_CONTAINER_OF(node, struct lr_fault, node);
        if (lr_fault_spoils(fault->kind) && counts(fault, direction) && !waits_for_point(fault) &&
            fault->after_bytes <= link->passed[direction] &&
            (size > 0 || fault->kind == LR_FAULT_GARBAGE)) {
            return fault;
        }
    }
    return NULL;
}

/* ---- firing ---- */

static void sign_receipt(struct lr_link *link, lr_time at, struct lr_fault *fault) {
    fault->fired++;
    fault->fired_at = at;
    fault->fired_at_byte = count_passed(link, fault);
    fault->fired_link = link->number;
    if (lr_link_is_watched(link)) {
        char text[LR_SESSION_TEXT_MAX];
        const char *side =
            is_of_one_direction(fault) ? side_names[direction_of(fault)] : side_names[fault->side];
        snprintf(text, sizeof text, "%s after %" PRIu64 " bytes %s",
                 lr_fault_row(fault->kind)->told, fault->fired_at_byte, side);
        lr_ledger_link_fault(link->ledger, at, link->number, text);
    }
}

static void leave_link(struct lr_fault *fault) {
    lr_list_remove(&fault->node);
    fault->link = NULL;
}

static void cut_direction(struct lr_link *link, lr_time at, enum lr_direction direction) {
    link->cut[direction] = true;
    if (direction == LR_TO_SERVICE) {
        lr_link_tell_fin(link, at, direction);
    }
}

static enum lr_link_action end_link(struct lr_link *link, lr_time at, struct lr_fault *fault) {
    if (fault->kind == LR_FAULT_FIN) {
        cut_direction(link, at, LR_TO_SERVICE);
        cut_direction(link, at, LR_FROM_SERVICE);
        return LR_LINK_FIN;
    }
    if (fault->kind == LR_FAULT_RST) {
        link->cut[LR_TO_SERVICE] = true;
        link->cut[LR_FROM_SERVICE] = true;
        lr_link_tell_reset(link, at, LR_TO_SERVICE);
        return LR_LINK_RST;
    }
    if (fault->kind == LR_FAULT_HALF_CLOSE) {
        cut_direction(link, at, direction_of(fault));
        return LR_LINK_HALF_CLOSE;
    }
    LR_ASSERT(fault->kind == LR_FAULT_BLACK_HOLE);
    link->black_hole = true;
    return LR_LINK_DROP;
}

enum lr_link_action lr_link_fire(struct lr_link *link, lr_time at, struct lr_fault *fault) {
    sign_receipt(link, at, fault);
    if (lr_fault_shapes(fault->kind)) {
        fault->active = true;
        fault->applied = false;
        fault->due_at[0] = fault->due_at[1] = 0;
        return LR_LINK_SHAPE;
    }
    leave_link(fault);
    return end_link(link, at, fault);
}

/* ---- what changes bytes ---- */

static size_t length_size(const struct lr_link *link) {
    bool packets = link->plane == LR_PLANE_DATA;
    return packets ? 8 : 4;
}

/* Lengths that programs have stumbled over: none, a few too many, the ends of what is allowed. */
static uint64_t choose_length(struct lr_fault *fault, size_t width) {
    static const uint64_t lengths[] = {0, 1, 0xffff, INT32_MAX, UINT32_MAX, UINT64_MAX >> 1};
    uint64_t chosen = lengths[lr_prng_below(&fault->random, LR_COUNT_OF(lengths))];
    return width == 4 ? chosen & UINT32_MAX : chosen;
}

static void begin_spoiling(struct lr_link *link, lr_time at, struct lr_fault *fault) {
    fault->active = true;
    sign_receipt(link, at, fault);
    if (lr_link_is_watched(link)) {
        lr_ledger_link_spoiled(link->ledger, link->number);
    }
    fault->left =
        fault->kind == LR_FAULT_TRUNCATE || fault->kind == LR_FAULT_GARBAGE ? fault->amount : 1;
    if (fault->kind == LR_FAULT_CORRUPT_LENGTH) {
        fault->left = length_size(link);
        if (!fault->has_value) {
            fault->value = choose_length(fault, length_size(link));
        }
    }
}

/* The next such message, where there is to be one; nothing else is waited for twice. */
static void end_spoiling(struct lr_fault *fault) {
    fault->active = false;
    if (fault->where != LR_AT_BYTE && fault->times > fault->fired) {
        fault->placed = false;
        return;
    }
    leave_link(fault);
}

static uint8_t spoil_byte(const struct lr_link *link, struct lr_fault *fault, uint8_t byte) {
    if (fault->kind == LR_FAULT_CORRUPT_BIT) {
        uint64_t bit = fault->has_value ? fault->value : lr_prng_below(&fault->random, 8);
        return (uint8_t)(byte ^ (1U << (bit & 7)));
    }
    if (fault->kind == LR_FAULT_CORRUPT_BYTE) {
        return (uint8_t)(fault->has_value ? fault->value
                                          : byte ^ (1 + lr_prng_below(&fault->random, 255)));
    }
    LR_ASSERT(fault->kind == LR_FAULT_CORRUPT_LENGTH);
    return (uint8_t)(fault->value >> (8 * (length_size(link) - fault->left)));
}

/* The ledger hears of what the service gets, and of what the service sends. */
static void tell_spoiled(struct lr_link *link, lr_time at, enum lr_direction direction,
                         const uint8_t *sent, size_t sent_size, const uint8_t *made,
                         size_t made_size) {
    const bool up = direction == LR_TO_SERVICE;
    size_t size = up ? made_size : sent_size;
    if (lr_link_is_watched(link) && size > 0) {
        lr_ledger_link_bytes(link->ledger, at, link->number, direction, up ? made : sent, size);
    }
}

size_t lr_link_spoil(struct lr_link *link, lr_time at, enum lr_direction direction,
                     struct lr_fault *fault, const uint8_t *bytes, size_t size, uint8_t *out,
                     size_t room, size_t *made) {
    LR_ASSERT(room > 0 && (size > 0 || fault->kind == LR_FAULT_GARBAGE));
    size_t taken = 0;
    *made = 0;
    if (!fault->active) {
        begin_spoiling(link, at, fault);
    }
    if (fault->kind == LR_FAULT_GARBAGE) {
        *made = fault->left < room ? (size_t)fault->left : room;
        lr_prng_fill(&fault->random, out, *made);
        fault->left -= *made;
    } else if (fault->kind == LR_FAULT_TRUNCATE) {
        taken = fault->left < size ? (size_t)fault->left : size;
        fault->left -= taken;
    } else {
        while (fault->left > 0 && taken < size && taken < room) {
            out[taken] = spoil_byte(link, fault, bytes[taken]);
            taken++;
            fault->left--;
        }
        *made = taken;
    }
    link->passed[direction] += taken;
    tell_spoiled(link, at, direction, bytes, taken, out, *made);
    if (fault->left == 0) {
        end_spoiling(fault);
    }
    return taken;
}

/* ---- arming and undoing ---- */

enum lr_link_action lr_link_arm(struct lr_link *link, lr_time at, struct lr_fault *fault) {
    lr_fault_disarm(fault);
    fault->armed = true;
    if (link->ended) {
        return LR_LINK_PASS;
    }
    fault->link = link;
    lr_list_append(&link->faults, &fault->node);
    uint64_t passed = count_passed(link, fault);
    if (fault->where != LR_AT_BYTE) {
        enum lr_direction direction = direction_of(fault);
        fault->placed = false;
        lr_scan_init(&fault->scan, link->ledger, link->number, link->plane, direction, passed);
        return LR_LINK_PASS;
    }
    if (fault->chance_of[1] != 0) {
        uint64_t from = fault->after_bytes > passed ? fault->after_bytes : passed;
        fault->after_bytes = from + draw_bytes(fault);
    }
    if (passed < fault->after_bytes) {
        return LR_LINK_PASS;
    }
    if (lr_fault_spoils(fault->kind)) {
        return fault->kind == LR_FAULT_GARBAGE ? LR_LINK_SPOIL : LR_LINK_PASS;
    }
    return lr_link_fire(link, at, fault);
}

void lr_fault_disarm(struct lr_fault *fault) {
    if (fault->node.next == NULL) {
        lr_list_init(&fault->node); /* zeroed by its owner */
    }
    fault->active = false;
    leave_link(fault);
}

enum lr_link_action lr_link_undo(lr_time at, struct lr_fault *fault, struct lr_link **link) {
    bool shapes = fault->active && lr_fault_shapes(fault->kind) && fault->link != NULL;
    *link = fault->link;
    lr_fault_disarm(fault);
    if (!shapes) {
        return LR_LINK_PASS;
    }
    if (lr_link_is_watched(*link)) {
        char text[LR_SESSION_TEXT_MAX];
        (void)snprintf(text, sizeof text, "%s is undone", lr_fault_row(fault->kind)->told);
        lr_ledger_link_fault((*link)->ledger, at, (*link)->number, text);
    }
    return LR_LINK_SHAPE;
}

size_t lr_link_stop(const struct lr_link *link, enum lr_direction direction) {
    uint64_t stop = SIZE_MAX;
    LR_LIST_EACH (node, &link->faults) {
        const struct lr_fault *fault = LR_CONTAINER_OF(node, struct lr_fault, node);
        uint64_t passed = count_passed(link, fault);
        if (lr_fault_shapes(fault->kind) && !is_done(fault) && counts(fault, direction)) {
            uint64_t left = fault->after_bytes > passed ? fault->after_bytes - passed : 1;
            stop = left < stop ? left : stop;
        }
    }
    return (size_t)stop;
}

struct lr_fault *lr_link_shaped_by(const struct lr_link *link, enum lr_fault_kind kind,
                                   enum lr_direction direction) {
    for (struct lr_list *node = link->faults.prev; node != &link->faults; node = node->prev) {
        struct lr_fault *fault = LR_CONTAINER_OF(node, struct lr_fault, node);
        bool shapes = lr_fault_shapes_both(kind) || lr_fault_side_has(fault->side, direction);
        if (fault->kind == kind && fault->active && shapes) {
            return fault;
        }
    }
    return NULL;
}
