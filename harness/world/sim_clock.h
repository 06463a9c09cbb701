/* SPDX-License-Identifier: Apache-2.0 */
/* What happens when, in the simulated world: a queue of events in virtual time. */
#ifndef LR_WORLD_SIM_CLOCK_H
#define LR_WORLD_SIM_CLOCK_H

#include "base/list.h"
#include "base/status.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lr_sim;

enum lr_sim_event_kind {
    LR_SIM_EVENT_HOST,   /* a role's deadline, or what a host had left to do */
    LR_SIM_EVENT_ARRIVE, /* bytes, FIN or RST of an end reach its peer */
    LR_SIM_EVENT_ROOM,   /* an end hears that its peer has room again */
    LR_SIM_EVENT_TIMER,  /* an end's: a step of connecting, linger, silence */
    LR_SIM_EVENT_KINDS
};

/* Embedded in what it is for; zeroed before its first use. */
struct lr_sim_event {
    lr_time at;
    struct lr_list row; /* a ring of those at the same time, in the order of arming */
    uint32_t place;     /* of the row's first in the heap, from 1; LR_SIM_BEHIND; 0: not armed */
    enum lr_sim_event_kind kind;
};

#define LR_SIM_BEHIND UINT32_MAX /* behind the first of its row */

/* A row of events, known by its first one. */
struct lr_sim_waiting {
    lr_time at;
    uint64_t sequence;
    struct lr_sim_event *event;
};

enum { LR_SIM_ROWS = 32 };

/* Ordered by (time, order of arming). Events come in crowds: those for one time stand in a row, and
 * the heap holds the rows. Of two rows for one time only the later one still grows, so the order of
 * rows is the order of their events. Room is made when the owners of events are made, so that
 * arming cannot fail. */
struct lr_sim_queue {
    struct lr_sim_waiting *heap; /* of four children each */
    size_t count;
    size_t capacity;
    size_t reserved;
    size_t armed; /* events */
    uint64_t next_sequence;
    uint64_t turned;
    struct lr_sim_event *growing[LR_SIM_ROWS]; /* the first of a row that grows, by its time */
};

LR_NODISCARD enum lr_status lr_sim_reserve(struct lr_sim *sim, size_t events);
void lr_sim_unreserve(struct lr_sim *sim, size_t events);
/* Arms |event|, or moves it. The past is now. */
void lr_sim_arm(struct lr_sim *sim, struct lr_sim_event *event, lr_time at);
void lr_sim_disarm(struct lr_sim *sim, struct lr_sim_event *event);
static inline bool lr_sim_armed(const struct lr_sim_event *event) {
    return event->place != 0;
}
bool lr_sim_turn(struct lr_sim *sim, lr_time until);

#endif
