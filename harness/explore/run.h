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

/* Noted when the last step is done; the scenario of a plan notes the same. */
#define LR_RUN_ALL_DONE "everybody has done their steps"

/* What everybody does at once is done by then; and beyond what keep-alive takes, everybody has
 * acted on a fault. */
#define LR_RUN_SETTLED_NS (50 * LR_MS)
#define LR_RUN_ACTED_NS (200 * LR_MS)

enum { LR_EXPLORED_FINDINGS_MAX = 4, LR_FINGERPRINT_MAX = 128 };

/* What was to be seen, and was not: a scenario asks for it, as it does not know what the plan does.
 */
enum lr_wanted {
    LR_WANTED_NOTHING,   /* every scenario asks for it at its end, or the ledger does */
    LR_WANTED_SUCCESS,   /* of |actor|'s |step| */
    LR_WANTED_REFUSAL,   /* likewise: an error */
    LR_WANTED_END,       /* .. of its operation, within |ns| */
    LR_WANTED_PATIENCE,  /* its request is not given up */
    LR_WANTED_TRIES,     /* .. and put |number| times at most */
    LR_WANTED_ALL_TRIES, /* .. or so often, where it gets no session */
    LR_WANTED_FAREWELL,  /* the session of the step was told of its timeout */
    LR_WANTED_NOTICE,    /* at |ns| |actor| knows that the session of slot |number| has ended */
    LR_WANTED_ANSWER,    /* to what the peer |actor| says in |step|, or the end that it calls for */
    LR_WANTED_GIVEN_UP,  /* its link is ended within |ns| from |step| on */
    LR_WANTED_FIN,       /* .. and not by a reset */
    LR_WANTED_BACK,      /* the server of host |number| is at its tracker at |ns| */
    LR_WANTED_RELEASE,   /* the session |number| of |actor|, within |ns| of |since| */
    LR_WANTED_RETURN,    /* likewise, of its place */
    LR_WANTED_HOLD,      /* it is not released before something has ended it */
    LR_WANTED_SHUTDOWN,  /* its client has said it */
    LR_WANTED_WITHDRAWAL, /* at |ns| no request waits */
    LR_WANTED_MEMORY /* the service of host |number| has at most |ns| blocks more than at first */
};

enum lr_want_since {
    LR_SINCE_BEGINNING, /* of all */
    LR_SINCE_GRANTED,   /* of the session; so are the next */
    LR_SINCE_ACCEPTED,
    LR_SINCE_GONE, /* its client */
    LR_SINCE_RELEASED
};

struct lr_want {
    uint8_t what; /* enum lr_wanted */
    uint8_t actor;
    uint8_t step;
    uint8_t since; /* enum lr_want_since */
    uint32_t number;
    uint64_t ns; /* a duration; where it says when: since the beginning */
};

struct lr_explored_finding {
    struct lr_want want;
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
