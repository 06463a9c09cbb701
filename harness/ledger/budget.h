/* SPDX-License-Identifier: Apache-2.0 */
/* How soon after its cause a session must be released, and its server requestable again: DESIGN's
 * table, each settable in a scenario, and in the live world never below five times the slowest
 * release of a fault-free round on this machine. */
#ifndef LR_LEDGER_BUDGET_H
#define LR_LEDGER_BUDGET_H

#include "ledger/ledger.h"

struct lr_budget {
    uint64_t after_ns; /* the session's release is not expected before this after its cause (timeout
                          T) */
    uint64_t release_ns;     /* and at most this after its cause (after_ns included) */
    uint64_t requestable_ns; /* at most this after its cause */
    bool calibrated;         /* raised by the machine's own slowness */
};

/* What this machine did in a fault-free round. Zero: not measured (sim). */
struct lr_calibration {
    uint64_t release_ns_max;
    uint64_t requestable_ns_max;
    unsigned int rounds;
};

/* The budget of |cause| in a world; |timeout_ns| is the session's for LR_CAUSE_TIMEOUT. */
struct lr_budget lr_budget_for(enum lr_cause cause, uint64_t timeout_ns, bool live,
                               const struct lr_calibration *calibration);

/* When its timeout ends it; LR_TIME_NEVER: it has none, or was not accepted. */
lr_time lr_account_expires_at(const struct lr_account *account);
/* Its client's end, as its server gets it: what is said before it is accepted waits to be read,
 * what is done to the link does not. LR_TIME_NEVER: it is there. */
lr_time lr_account_gone_at(const struct lr_account *account);

enum lr_release {
    LR_RELEASE_ON_TIME,
    LR_RELEASE_EARLY, /* a timeout that fired before its time */
    LR_RELEASE_LATE,
    LR_RELEASE_NEVER,   /* not until |now|, and its budget is over */
    LR_RELEASE_PENDING, /* not yet, and its budget is not over */
    LR_RELEASE_TWICE,
    LR_RELEASE_NOT_REQUESTABLE, /* the session ended, its server did not come back */
    LR_RELEASE_NOT_OBSERVABLE,
    LR_RELEASE_COUNT
};
const char *lr_release_name(enum lr_release release);

/* The verdict on |account| after |cause| at |cause_at|, seen at |now|; |*late_by| in ns where late.
 */
enum lr_release lr_budget_judge(const struct lr_account *account, const struct lr_budget *budget,
                                lr_time cause_at, lr_time now, uint64_t *late_by);

#endif
