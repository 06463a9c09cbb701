/* SPDX-License-Identifier: Apache-2.0 */
/* Which behaviours were reached: in which state of which role which fault came, and as what cause a
 * session ended by it. The state is the ledger's and the plan's at that moment: what an observer
 * sees, not what a role says of itself. */
#ifndef LR_EXPLORE_REACH_H
#define LR_EXPLORE_REACH_H

#include "explore/plan.h"
#include "ledger/ledger.h"

struct lr_playing;

enum lr_reach_role { LR_REACH_TRACKER, LR_REACH_SERVER, LR_REACH_CLIENT, LR_REACH_ROLES };

enum lr_reach_state {
    LR_AT_REST,      /* a tracker without offers and requests; nobody's client; a server alone */
    LR_AT_OFFER,     /* matchkeys are free */
    LR_AT_WAIT,      /* a request waits for its grant */
    LR_AT_GRANT,     /* granted, and not connected yet */
    LR_AT_HANDSHAKE, /* connected, and not accepted */
    LR_AT_INIT,      /* accepted, and not initialised */
    LR_AT_IDLE,      /* between two calls */
    LR_AT_CALL,      /* a call is under way */
    LR_AT_COPY,      /* an array or a file is */
    LR_AT_END,       /* one side has said its end */
    LR_REACH_STATES
};

struct lr_reach {
    /* The fault LR_PLAN_NO_FAULT: the session ended by the plan's own steps, or its timeout. */
    uint64_t counts[LR_REACH_ROLES][LR_REACH_STATES][LR_PLAN_FAULT_KINDS][LR_CAUSE_COUNT];
    uint64_t features[32];         /* runs that had each */
    uint64_t lines[LR_LINE_COUNT]; /* that raw peers have said */
    uint64_t steps[LR_DO_COUNT];
};

struct lr_reach_tuple {
    unsigned int role;
    unsigned int state;
    unsigned int fault;
    unsigned int cause;
};
uint64_t *lr_reach_at(struct lr_reach *reach, const struct lr_reach_tuple *tuple);
/* Goes on to the next one, from all zero. False: that was the last. */
bool lr_reach_next(struct lr_reach_tuple *tuple);

const char *lr_reach_role_name(unsigned int role);
const char *lr_reach_state_name(unsigned int state);
void lr_reach_add(struct lr_reach *into, const struct lr_reach *from);

/* The fault |number| of the plan has met a link, or is about to meet its host. */
void lr_reach_link(struct lr_playing *play, unsigned int number, uint32_t link);
void lr_reach_host(struct lr_playing *play, unsigned int number);
/* A session ends by its client's doing, or its timeout. */
void lr_reach_end(struct lr_playing *play, uint32_t account, enum lr_cause cause);

#endif
