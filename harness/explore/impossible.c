/* SPDX-License-Identifier: Apache-2.0 */
#include "explore/impossible.h"

#include "base/compiler.h"

#define ANY UINT32_MAX
#define BIT(number) (UINT32_C(1) << (number))
#define NOT(bits) (~(uint32_t)(bits))

#define SESSION_STATES                                                                             \
    (BIT(LR_AT_HANDSHAKE) | BIT(LR_AT_INIT) | BIT(LR_AT_IDLE) | BIT(LR_AT_CALL) |                  \
     BIT(LR_AT_COPY) | BIT(LR_AT_END))
#define PEER_CAUSES                                                                                \
    (BIT(LR_CAUSE_CLOSE) | BIT(LR_CAUSE_SCOPE) | BIT(LR_CAUSE_LAST_REFERENCE) |                    \
     BIT(LR_CAUSE_TIMEOUT))

#define SPOILING_FAULTS                                                                            \
    (BIT(LR_PLAN_CORRUPT) | BIT(LR_PLAN_CORRUPT_LENGTH) | BIT(LR_PLAN_TRUNCATE) |                  \
     BIT(LR_PLAN_GARBAGE))
#define LINK_FAULTS                                                                                \
    (BIT(LR_PLAN_FIN) | BIT(LR_PLAN_RST) | BIT(LR_PLAN_HALF_CLOSE) | BIT(LR_PLAN_BLACK_HOLE) |     \
     BIT(LR_PLAN_STALL) | SPOILING_FAULTS)
#define SILENT_FAULTS                                                                              \
    (BIT(LR_PLAN_BLACK_HOLE) | BIT(LR_PLAN_LOSE) | BIT(LR_PLAN_POWER_OFF) | BIT(LR_PLAN_PARTITION))
#define END_FAULTS (BIT(LR_PLAN_KILL) | BIT(LR_PLAN_STOP) | BIT(LR_PLAN_RESTART))
#define OPEN_FAULTS                                                                                \
    (SPOILING_FAULTS | BIT(LR_PLAN_STALL) | BIT(LR_PLAN_FREEZE) | BIT(LR_PLAN_CLOCK_JUMP) |        \
     BIT(LR_PLAN_SHORT_READS) | BIT(LR_PLAN_SHORT_WRITES) | BIT(LR_PLAN_INTERRUPTS) |              \
     BIT(LR_PLAN_NO_MEMORY))

/* Masks of what a row is about, and the reason. */
static const struct row {
    uint32_t roles, states, faults, causes;
    const char *why;
} rows[] = {
    {ANY, ANY, BIT(LR_PLAN_NO_FAULT), NOT(PEER_CAUSES),
     "without a fault a session ends by its client's doing or its timeout"},
    {BIT(LR_REACH_TRACKER), ANY, BIT(LR_PLAN_NO_FAULT), ANY, "a tracker has no session to end"},
    {ANY, NOT(SESSION_STATES), BIT(LR_PLAN_NO_FAULT), ANY, "there is no session yet"},
    {ANY, BIT(LR_AT_HANDSHAKE) | BIT(LR_AT_INIT), BIT(LR_PLAN_NO_FAULT), ANY,
     "a client is given its session when it is initialised, and ends none before"},
    {ANY, BIT(LR_AT_COPY), BIT(LR_PLAN_NO_FAULT), NOT(BIT(LR_CAUSE_TIMEOUT)),
     "an actor waits for its copies before it goes on"},
    {ANY, ANY, BIT(LR_PLAN_NO_FAULT), BIT(LR_CAUSE_TIMEOUT),
     "a timeout is judged, and not counted: it is no step of anybody"},
    {ANY, ANY, BIT(LR_PLAN_FIN) | BIT(LR_PLAN_HALF_CLOSE),
     NOT(BIT(LR_CAUSE_FIN) | BIT(LR_CAUSE_CUT)), "a link that is closed ends with FIN"},
    {ANY, ANY, BIT(LR_PLAN_RST) | BIT(LR_PLAN_STORM), NOT(BIT(LR_CAUSE_RST)),
     "a link that is reset ends with RST"},
    {ANY, ANY, SILENT_FAULTS, NOT(BIT(LR_CAUSE_SILENCE)), "who is not heard of is silent"},
    {ANY, ANY, OPEN_FAULTS, NOT(BIT(LR_CAUSE_NONE)),
     "it ends nobody by itself: what comes of it depends on what it does to which bytes"},
    {BIT(LR_REACH_TRACKER), ANY, END_FAULTS, NOT(BIT(LR_CAUSE_TRACKER_LOSS)),
     "a tracker that ends is lost"},
    {BIT(LR_REACH_SERVER), ANY, END_FAULTS, NOT(BIT(LR_CAUSE_SERVER_LOSS)),
     "a server that ends is lost"},
    {BIT(LR_REACH_CLIENT), ANY, BIT(LR_PLAN_RESTART) | BIT(LR_PLAN_FREEZE) | BIT(LR_PLAN_STORM),
     ANY, "these are of services"},
    {BIT(LR_REACH_CLIENT), ANY, BIT(LR_PLAN_KILL), NOT(BIT(LR_CAUSE_DEATH)),
     "a client that is killed has died"},
    {BIT(LR_REACH_CLIENT), ANY, BIT(LR_PLAN_STOP), NOT(BIT(LR_CAUSE_CLOSE)),
     "a client that stops closes"},
    {BIT(LR_REACH_TRACKER),
     NOT(BIT(LR_AT_REST) | BIT(LR_AT_OFFER) | BIT(LR_AT_WAIT) | BIT(LR_AT_GRANT)), ANY, ANY,
     "a tracker knows offers, requests and grants, and no session"},
    {BIT(LR_REACH_CLIENT), BIT(LR_AT_OFFER), ANY, ANY, "only a server, and the tracker, offer"},
    {BIT(LR_REACH_SERVER), BIT(LR_AT_WAIT), ANY, ANY,
     "a request waits at the tracker: no server has heard of it"},
    {ANY, NOT(SESSION_STATES), BIT(LR_PLAN_FIN) | BIT(LR_PLAN_HALF_CLOSE), BIT(LR_CAUSE_CUT),
     "what is cut inside of a packet is a session"},
    {BIT(LR_REACH_SERVER), BIT(LR_AT_GRANT), LINK_FAULTS, ANY,
     "of the server's links that to the tracker is there then: counted as on offer, or at rest"},
};

const char *lr_impossible(const struct lr_reach_tuple *tuple) {
    for (size_t i = 0; i < LR_COUNT_OF(rows); i++) {
        const struct row *row = &rows[i];
        if ((row->roles >> tuple->role & row->states >> tuple->state & row->faults >> tuple->fault &
             row->causes >> tuple->cause & 1U) != 0) {
            return row->why;
        }
    }
    return NULL;
}
