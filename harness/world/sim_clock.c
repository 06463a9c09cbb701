/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual time: a heap of what is to come, four children to a node, with the keys beside each
 * other. What comes at one time is one entry.
 */
#include "world/sim_conn.h"

#include "base/assert.h"

enum { CHILDREN = 4, QUEUE_MIN = 64 };

enum lr_status lr_sim_reserve(struct lr_sim *sim, size_t events) {
    struct lr_sim_queue *queue = &sim->queue;
    size_t needed = queue->reserved + events;
    if (needed > queue->capacity) {
        size_t capacity = queue->capacity < QUEUE_MIN ? QUEUE_MIN : queue->capacity * 2;
        capacity = capacity < needed ? needed : capacity;
        if (capacity >= UINT32_MAX) {
            return LR_ENOMEM;
        }
        struct lr_sim_waiting *heap = lr_alloc_resize(
            sim->alloc, queue->heap, queue->capacity * sizeof heap[0], capacity * sizeof heap[0]);
        if (heap == NULL) {
            return LR_ENOMEM;
        }
        queue->heap = heap;
        queue->capacity = capacity;
    }
    queue->reserved = needed;
    return LR_OK;
}

void lr_sim_unreserve(struct lr_sim *sim, size_t events) {
    LR_ASSERT(sim->queue.reserved >= events);
    sim->queue.reserved -= events;
}

static inline bool is_before(const struct lr_sim_waiting *a, const struct lr_sim_waiting *b) {
    return a->at < b->at || (a->at == b->at && a->sequence < b->sequence);
}

static inline void put(struct lr_sim_queue *queue, size_t place,
                       const struct lr_sim_waiting *waiting) {
    queue->heap[place] = *waiting;
    waiting->event->place = (uint32_t)place + 1;
}

static void rise(struct lr_sim_queue *queue, size_t place, const struct lr_sim_waiting *waiting) {
    while (place > 0) {
        size_t parent = (place - 1) / CHILDREN;
        if (!is_before(waiting, &queue->heap[parent])) {
            break;
        }
        put(queue, place, &queue->heap[parent]);
        place = parent;
    }
    put(queue, place, waiting);
}

static void sink(struct lr_sim_queue *queue, size_t place, const struct lr_sim_waiting *waiting) {
    for (;;) {
        size_t first = place * CHILDREN + 1;
        size_t end = first + CHILDREN < queue->count ? first + CHILDREN : queue->count;
        if (first >= queue->count) {
            break;
        }
        size_t least = first;
        for (size_t child = first + 1; child < end; child++) {
            if (is_before(&queue->heap[child], &queue->heap[least])) {
                least = child;
            }
        }
        if (!is_before(&queue->heap[least], waiting)) {
            break;
        }
        put(queue, place, &queue->heap[least]);
        place = least;
    }
    put(queue, place, waiting);
}

/* Fills |place| with |waiting|, whichever way it has to go from there. */
static void settle(struct lr_sim_queue *queue, size_t place, const struct lr_sim_waiting *waiting) {
    if (place > 0 && is_before(waiting, &queue->heap[(place - 1) / CHILDREN])) {
        rise(queue, place, waiting);
    } else {
        sink(queue, place, waiting);
    }
}

/* The place of the row for |at| that grows, if there is one: another's may be there. */
static inline struct lr_sim_event **growing_at(struct lr_sim_queue *queue, lr_time at) {
    return &queue->growing[at * UINT64_C(0x9e3779b97f4a7c15) >> 59];
}
_Static_assert(LR_SIM_ROWS == 1 << (64 - 59), "as many as the hash has values");

void lr_sim_arm(struct lr_sim *sim, struct lr_sim_event *event, lr_time at) {
    struct lr_sim_queue *queue = &sim->queue;
    lr_sim_disarm(sim, event);
    if (at == LR_TIME_NEVER) {
        return;
    }
    LR_ASSERT(queue->armed < queue->reserved);
    queue->armed++;
    event->at = at > sim->now ? at : sim->now;
    struct lr_sim_event **growing = growing_at(queue, event->at);
    if (*growing != NULL && (*growing)->at == event->at) {
        event->place = LR_SIM_BEHIND;
        lr_list_append(&(*growing)->row, &event->row);
        return;
    }
    *growing = event;
    lr_list_init(&event->row);
    const struct lr_sim_waiting waiting = {event->at, queue->next_sequence++, event};
    rise(queue, queue->count++, &waiting);
}

/* The row whose first one was |event| goes on with the next, or is over. */
static void leave_front(struct lr_sim_queue *queue, struct lr_sim_event *event, size_t place) {
    struct lr_sim_event **growing = growing_at(queue, event->at);
    struct lr_sim_event *next = lr_list_empty(&event->row)
                                    ? NULL
                                    : LR_CONTAINER_OF(event->row.next, struct lr_sim_event, row);
    *growing = *growing == event ? next : *growing;
    if (next != NULL) {
        lr_list_remove(&event->row);
        queue->heap[place].event = next;
        next->place = (uint32_t)place + 1;
        return;
    }
    const struct lr_sim_waiting last = queue->heap[--queue->count];
    if (place < queue->count) {
        settle(queue, place, &last);
    }
}

void lr_sim_disarm(struct lr_sim *sim, struct lr_sim_event *event) {
    uint32_t place = event->place;
    if (place == 0) {
        return;
    }
    event->place = 0;
    sim->queue.armed--;
    if (place == LR_SIM_BEHIND) {
        lr_list_remove(&event->row);
    } else {
        leave_front(&sim->queue, event, place - 1);
    }
}

static void come(struct lr_sim *sim, struct lr_sim_event *event) {
    switch (event->kind) {
    case LR_SIM_EVENT_HOST:
        lr_sim_host_come(LR_CONTAINER_OF(event, struct lr_sim_host, event));
        break;
    case LR_SIM_EVENT_ARRIVE:
        lr_sim_tcp_arrive(LR_CONTAINER_OF(event, struct lr_sim_end, out.arrive));
        break;
    case LR_SIM_EVENT_ROOM:
        lr_sim_tcp_room_again(LR_CONTAINER_OF(event, struct lr_sim_end, out.room));
        break;
    case LR_SIM_EVENT_TIMER:
        lr_sim_conn_timer(LR_CONTAINER_OF(event, struct lr_sim_end, timer));
        break;
    case LR_SIM_EVENT_KINDS:
        LR_UNREACHABLE();
    }
    lr_sim_tend(sim);
}

bool lr_sim_turn(struct lr_sim *sim, lr_time until) {
    struct lr_sim_queue *queue = &sim->queue;
    if (queue->count == 0 || queue->heap[0].at > until) {
        if (until != LR_TIME_NEVER && until > sim->now) {
            sim->now = until;
        }
        return true;
    }
    sim->now = queue->heap[0].at;
    uint64_t end = queue->next_sequence; /* what they lead to comes in a later turn, */
    *growing_at(queue, sim->now) = NULL; /* and in a row of its own */
    while (queue->count > 0 && queue->heap[0].at <= sim->now && queue->heap[0].sequence < end) {
        struct lr_sim_event *event = queue->heap[0].event;
        lr_sim_disarm(sim, event);
        queue->turned++;
        come(sim, event);
    }
    return true;
}
