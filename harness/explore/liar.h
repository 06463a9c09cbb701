/* SPDX-License-Identifier: Apache-2.0 */
/* What a service that lies remembers: its links, and what has to come of what it said there. */
#ifndef LR_EXPLORE_LIAR_H
#define LR_EXPLORE_LIAR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/time.h"
#include "explore/plan.h"

enum { LR_LIAR_LINKS_MAX = 16 }; /* at a time; who comes beyond that is reset */

struct lr_party;

struct lr_lied {
    bool live;
    bool greeted; /* the first question of the link was answered */
    bool told;    /* the lie was told: what comes from now on is passed over */
    uint8_t step; /* of the actor, which says what is lied about and how */
    size_t link;
    lr_time due;    /* who asked has ended the link by then; LR_TIME_NEVER */
    lr_time end_at; /* the liar ends it then; LR_TIME_NEVER */
};

/* What has to come of a lie. */
struct lr_liar_terms {
    uint64_t within_ns; /* who asked has ended the link by then; 0: need not */
    uint64_t pass_ns;   /* the liar ends it after so long */
    bool ends;          /* .. or at once, or when who asked should have; else it goes on */
    bool resets;
};
struct lr_liar_terms lr_liar_terms(const struct lr_plan *plan, const struct lr_plan_step *lie,
                                   bool by_tracker);

struct lr_liar {
    struct lr_lied links[LR_LIAR_LINKS_MAX];
    unsigned int accepted;
    struct lr_party *victim; /* of a lying tracker: a server of ours; NULL: it stands as a server */
    lr_time asked_by;        /* the victim asks something by then; LR_TIME_NEVER */
    /* One that stands as a server is registered at the tracker, by hand. */
    bool registered;
    size_t tracker_link;
    unsigned int puts;
    lr_time poll_at;
    unsigned int missed; /* polls in a row that did not find the place at the tracker */
};

#endif
