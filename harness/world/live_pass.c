/* SPDX-License-Identifier: Apache-2.0 */
/* What faults make of the bytes that pass a relay: when they pass, and which. To the service a
 * stall and slow-loris hold back before the link counts, from it behind that, as in the simulated
 * world. */
#include "world/live_relay.h"

#include <string.h>

#include "base/assert.h"

enum { SPOILED_MAX = 64 };

/* Bytes on their way. */
struct piece {
    struct lr_list node;
    lr_time due_at;
    struct lr_buf bytes;
};

static struct lr_link *link_of(const struct lr_relay_end *end) {
    return &end->pair->watched->link;
}

static lr_time now_of(const struct lr_relay_end *end) {
    return lr_live_clock(end->pair->live);
}

static struct lr_fault *shaped_by(const struct lr_relay_end *end, enum lr_fault_kind kind) {
    return end->pair->watched == NULL
               ? NULL
               : lr_link_shaped_by(link_of(end), kind, lr_relay_direction(end));
}

static struct lr_socket *other_of(const struct lr_relay_end *end) {
    return &end->pair
                ->ends[lr_relay_direction(end) == LR_TO_SERVICE ? LR_FROM_SERVICE : LR_TO_SERVICE]
                .socket;
}

static void wait_until(struct lr_relay_end *end, lr_time at) {
    end->timer.kind = LR_ALARM_PASS;
    lr_live_set_alarm(end->pair->live, &end->timer, at);
}

void lr_pass_init(struct lr_relay_end *end) {
    lr_buf_init(&end->waiting, end->pair->live->alloc);
    lr_list_init(&end->delayed);
}

static void free_piece(struct lr_relay_end *end, struct piece *piece) {
    end->delayed_bytes -= lr_buf_size(&piece->bytes);
    lr_list_remove(&piece->node);
    lr_buf_deinit(&piece->bytes);
    LR_FREE(end->pair->live->alloc, piece);
}

void lr_pass_deinit(struct lr_relay_end *end) {
    lr_live_unset_alarm(end->pair->live, &end->timer);
    lr_buf_deinit(&end->waiting);
    LR_LIST_EACH (node, &end->delayed) {
        free_piece(end, LR_CONTAINER_OF(node, struct piece, node));
    }
}

/* ---- on its way ---- */

/* When |size| bytes that go onto the link now arrive. */
static lr_time due_of(struct lr_relay_end *end, size_t size) {
    const lr_time now = now_of(end);
    const struct lr_fault *width = shaped_by(end, LR_FAULT_BANDWIDTH);
    const struct lr_fault *latency = shaped_by(end, LR_FAULT_LATENCY);
    struct lr_fault *jitter = shaped_by(end, LR_FAULT_JITTER);
    struct lr_fault *gathers = shaped_by(end, LR_FAULT_COALESCE);
    lr_time due = now;
    if (width != NULL) {
        due = lr_time_add(end->line_free_at > now ? end->line_free_at : now,
                          size * LR_SECOND / width->amount);
        end->line_free_at = due;
    }
    due = lr_time_add(due, latency == NULL ? 0 : latency->amount);
    due = lr_time_add(due, jitter == NULL ? 0 : lr_prng_below(&jitter->random, jitter->amount + 1));
    if (gathers != NULL) {
        lr_time *window = &gathers->due_at[lr_relay_direction(end)];
        *window = *window <= now ? lr_time_add(now, gathers->amount) : *window;
        due = due > *window ? due : *window;
    }
    end->last_at = due > end->last_at ? due : end->last_at;
    return end->last_at;
}

static void delay(struct lr_relay_end *end, const uint8_t *bytes, size_t size) {
    struct piece *piece = LR_NEW(end->pair->live->alloc, struct piece);
    if (piece != NULL) {
        lr_list_init(&piece->node);
        lr_buf_init(&piece->bytes, end->pair->live->alloc);
        piece->due_at = due_of(end, size);
    }
    if (piece == NULL || lr_buf_append(&piece->bytes, bytes, size) != LR_OK) {
        lr_alloc_free(end->pair->live->alloc, piece, piece == NULL ? 0 : sizeof *piece);
        lr_relay_reset_both(end->pair, "out of memory");
        return;
    }
    end->delayed_bytes += size;
    lr_list_append(&end->delayed, &piece->node);
}

/* The service's bytes are held back here. */
static bool is_kept_back(struct lr_relay_end *end) {
    struct lr_fault *slows = shaped_by(end, LR_FAULT_SLOW);
    if (lr_relay_direction(end) == LR_TO_SERVICE) {
        return false;
    }
    if (slows != NULL && slows->due_at[LR_FROM_SERVICE] > now_of(end)) {
        wait_until(end, slows->due_at[LR_FROM_SERVICE]);
        return true;
    }
    if (slows != NULL) {
        slows->due_at[LR_FROM_SERVICE] = lr_time_add(now_of(end), slows->amount);
    }
    return shaped_by(end, LR_FAULT_STALL) != NULL;
}

/* One that is due, alone where bytes come one by one, else with all behind it that are. */
static void send_due(struct lr_relay_end *end, bool by_bytes) {
    struct piece *piece = LR_CONTAINER_OF(end->delayed.next, struct piece, node);
    if (by_bytes) {
        uint8_t byte = *lr_buf_data(&piece->bytes);
        lr_buf_consume(&piece->bytes, 1);
        end->delayed_bytes--;
        if (lr_buf_size(&piece->bytes) == 0) {
            free_piece(end, piece);
        }
        lr_relay_send(end, &byte, 1);
        return;
    }
    struct lr_buf all = lr_buf_take(&piece->bytes);
    end->delayed_bytes -= lr_buf_size(&all);
    free_piece(end, piece);
    const lr_time now = now_of(end);
    LR_LIST_EACH (node, &end->delayed) {
        piece = LR_CONTAINER_OF(node, struct piece, node);
        if (piece->due_at > now ||
            lr_buf_append(&all, lr_buf_data(&piece->bytes), lr_buf_size(&piece->bytes)) != LR_OK) {
            break;
        }
        free_piece(end, piece);
    }
    lr_relay_send(end, lr_buf_data(&all), lr_buf_size(&all));
    lr_buf_deinit(&all);
}

static void send_delayed(struct lr_relay_end *end) {
    while (!lr_list_empty(&end->delayed) && !end->socket.closing && !end->socket.frozen) {
        const struct piece *piece = LR_CONTAINER_OF(end->delayed.next, struct piece, node);
        if (piece->due_at > now_of(end)) {
            wait_until(end, piece->due_at);
            return;
        }
        if (is_kept_back(end)) {
            return;
        }
        bool slow =
            lr_relay_direction(end) == LR_FROM_SERVICE && shaped_by(end, LR_FAULT_SLOW) != NULL;
        send_due(end, slow || shaped_by(end, LR_FAULT_SPLIT) != NULL);
    }
}

/* ---- onto the link ---- */

static bool is_shaped(const struct lr_relay_end *end) {
    for (int kind = LR_FAULT_STALL; kind <= LR_FAULT_JITTER; kind++) {
        if (shaped_by(end, (enum lr_fault_kind)kind) != NULL) {
            return true;
        }
    }
    return false;
}

static bool is_delayed(const struct lr_relay_end *end) {
    return is_shaped(end) || !lr_list_empty(&end->delayed);
}

static void let_go(struct lr_relay_end *end, const uint8_t *bytes, size_t size, bool delayed) {
    if (size > 0 && delayed) {
        delay(end, bytes, size);
    } else if (size > 0) {
        lr_relay_send(end, bytes, size);
    }
}

/* Bytes that faults make of those that wait. */
static void let_go_spoiled(struct lr_relay_end *end) {
    const enum lr_direction direction = lr_relay_direction(end);
    uint8_t out[SPOILED_MAX];
    struct lr_fault *fault;
    size_t size;
    while (!end->socket.closing && (size = lr_buf_size(&end->waiting),
                                    fault = lr_link_due(link_of(end), direction, size)) != NULL) {
        size_t made;
        size_t taken = lr_link_spoil(link_of(end), now_of(end), direction, fault,
                                     lr_buf_data(&end->waiting), size, out, sizeof out, &made);
        lr_buf_consume(&end->waiting, taken);
        let_go(end, out, made, is_delayed(end));
    }
}

/* To the service, they wait before the link counts them. */
static bool may_not_enter(struct lr_relay_end *end, const struct lr_fault *slows) {
    if (lr_relay_direction(end) != LR_TO_SERVICE) {
        return false;
    }
    if (slows != NULL && slows->due_at[LR_TO_SERVICE] > now_of(end)) {
        wait_until(end, slows->due_at[LR_TO_SERVICE]);
        return true;
    }
    return shaped_by(end, LR_FAULT_STALL) != NULL;
}

/* Some of what waits passes. False: no more does now. */
static bool enter(struct lr_relay_end *end) {
    const enum lr_direction direction = lr_relay_direction(end);
    struct lr_link *link = link_of(end);
    const uint8_t *bytes = lr_buf_data(&end->waiting);
    size_t size = lr_buf_size(&end->waiting);
    enum lr_link_action action = lr_link_begin(link, now_of(end), direction, bytes, size);
    if (action != LR_LINK_PASS) {
        lr_relay_act(end->pair->watched, action);
        return action == LR_LINK_SHAPE && !end->socket.closing;
    }
    struct lr_fault *slows = shaped_by(end, LR_FAULT_SLOW);
    if (may_not_enter(end, slows)) {
        return false;
    }
    let_go_spoiled(end);
    size = lr_buf_size(&end->waiting);
    if (size == 0 || end->socket.closing) {
        return false;
    }
    size_t stop = lr_link_stop(link, direction);
    size = size < stop ? size : stop;
    if (slows != NULL && direction == LR_TO_SERVICE) {
        size = 1;
        slows->due_at[direction] = lr_time_add(now_of(end), slows->amount);
    }
    size_t pass;
    bool delayed = is_delayed(end); /* as it is before what fires behind them */
    bytes = lr_buf_data(&end->waiting);
    action = lr_link_bytes(link, now_of(end), direction, bytes, size, &pass);
    let_go(end, bytes, pass, delayed);
    bool over = action != LR_LINK_PASS && action != LR_LINK_SHAPE;
    lr_buf_consume(&end->waiting, over ? lr_buf_size(&end->waiting) : pass);
    if (action != LR_LINK_PASS) {
        lr_relay_act(end->pair->watched, action);
    }
    return !over && !end->socket.closing;
}

void lr_pass_go_on(struct lr_relay_end *end) {
    if (end->pair->watched != NULL && !end->socket.closing && !end->socket.frozen) {
        bool more = true;
        while (more && lr_buf_size(&end->waiting) > 0) {
            more = enter(end);
        }
        let_go_spoiled(end);
    }
    send_delayed(end);
    if (end->socket.closing || lr_pass_holds(end)) {
        return;
    }
    if (end->cut_waits) {
        end->cut_waits = false;
        lr_socket_shut(other_of(end));
    }
    if (end->ended) {
        end->ended = false;
        lr_relay_finish(end);
    } else if (!end->socket.got_end && other_of(end)->unsent == 0) {
        lr_socket_read(&end->socket, true);
    }
}

void lr_pass_take(struct lr_relay_end *end, const uint8_t *bytes, size_t size) {
    if (lr_buf_append(&end->waiting, bytes, size) != LR_OK) {
        lr_relay_reset_both(end->pair, "out of memory");
        return;
    }
    lr_pass_go_on(end);
    if (!end->socket.closing && lr_pass_is_full(end)) {
        lr_socket_read(&end->socket, false);
    }
}

bool lr_pass_cut(struct lr_relay_end *end) {
    lr_buf_consume(&end->waiting, lr_buf_size(&end->waiting));
    end->cut_waits = !lr_list_empty(&end->delayed);
    return end->cut_waits;
}

void lr_pass_alarm(struct lr_timer *timer) {
    lr_pass_go_on(LR_CONTAINER_OF(timer, struct lr_relay_end, timer));
}
