/* SPDX-License-Identifier: Apache-2.0 */
/* Torture: a case is played again and again, and each time one thing more goes wrong: the n-th
 * allocation that its roles ask for, or the n-th call of theirs to the transport, fails, for every
 * n that the case has. What the script expected counts no more then; what the audit sees does:
 * every session released in its budget, nothing left over, nobody waiting for ever.
 *
 * Only in the simulated world, whose history is the same up to the point of failure. The harness's
 * own memory is left alone: a ledger without memory would prove nothing. */
#ifndef LR_SCENARIO_TORTURE_H
#define LR_SCENARIO_TORTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/status.h"

struct lr_order;
struct lr_order_means;
struct lr_case_result;

enum lr_torture_kind {
    LR_TORTURE_NONE,
    LR_TORTURE_MEMORY, /* allocations and growths of the roles' memory */
    LR_TORTURE_IO,     /* listen, connect, accept, a run of sends, a read */
    LR_TORTURE_KIND_COUNT
};

/* "memory", "io"; NULL for none. */
const char *lr_torture_name(enum lr_torture_kind kind);

/* Which points of a case are to be played, counted from 1. */
struct lr_torture {
    enum lr_torture_kind kind;
    uint64_t first;
    uint64_t last;
    bool alone; /* one point, whose result is told in full */
};

/* Reads "memory", "io", "memory=17". False: it is none of these. */
bool lr_torture_parse(const char *text, struct lr_torture *out);

/* One point, while it is played: the |at|-th of its |kind| fails. */
struct lr_torture_point {
    enum lr_torture_kind kind;
    uint64_t at;
    uint64_t count; /* how many there were, when the stage is gone */
};

/* Plays the points of |order| (before the first, the case as it is) and fills |result| with all
 * that went wrong, a finding a point. result->torture_over: the case has no more points. LR_ENOMEM:
 * there is no result. */
LR_NODISCARD enum lr_status lr_torture_play(const struct lr_order *order,
                                            const struct lr_order_means *means,
                                            struct lr_case_result *result, bool *interrupted,
                                            struct lr_error *error);

#endif
