/* SPDX-License-Identifier: Apache-2.0 */
/* Plays a plan in the simulated world, and judges what it sees: during the run that nothing wrong
 * happens (no wrong answer, no release without a cause, none too early, twice or too late), and
 * when faults have stopped that everything becomes as if nothing had happened. One thread. */
#ifndef LR_EXPLORE_RUN_H
#define LR_EXPLORE_RUN_H

#include "base/alloc.h"
#include "explore/plan.h"
#include "ledger/result.h"

struct lr_reach;

enum { LR_EXPLORED_FINDINGS_MAX = 4, LR_FINGERPRINT_MAX = 128 };

struct lr_explored_finding {
    char text[LR_ERROR_TEXT_MAX];
    char fingerprint[LR_FINGERPRINT_MAX]; /* the same for the same defect, whoever met it: the
                                             text without numbers and names */
};

struct lr_explored {
    struct lr_explored_finding findings[LR_EXPLORED_FINDINGS_MAX]; /* the first ones */
    unsigned int finding_count;                                    /* of all */
    unsigned int operations;                                       /* that were begun */
    unsigned int faults;                                           /* that fired */
    lr_time took_ns;                                               /* of its own time */
    uint64_t events; /* that came to pass in the world */
    uint64_t digest; /* of all that happened, where |digested| */
};

struct lr_run_plan_options {
    struct lr_alloc *alloc;
    bool digested;               /* costs three times as much */
    struct lr_reach *reach;      /* counts what was reached; NULL: nobody asks */
    struct lr_trace_sink *trace; /* NULL: nobody reads */
};

/* LR_OK whatever was found. An error: it could not be played to its end, for want of memory. */
LR_NODISCARD enum lr_status lr_run_plan(const struct lr_plan *plan,
                                        const struct lr_run_plan_options *options,
                                        struct lr_explored *out, struct lr_error *error);
/* The fingerprint of a finding's |text|. */
void lr_fingerprint(char out[LR_FINGERPRINT_MAX], const char *text);

#endif
