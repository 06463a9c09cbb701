/* SPDX-License-Identifier: Apache-2.0 */
/* One case to be played, as the run asks for it: of whoever plays it, here or in a worker. */
#ifndef LR_SCENARIO_ORDER_H
#define LR_SCENARIO_ORDER_H

#include "ledger/result.h"
#include "scenario/torture.h"
#include "scenario/tvm.h"
#include "trace/trace.h"

struct lr_order {
    const char *file; /* borrowed; so are the next two */
    const char *name;
    const char *title;
    const char *world; /* "live" or "sim"; static */
    int index;         /* of the scenario in its file */
    int case_index;    /* of the case in its matrix */
    uint64_t seed;
    uint64_t limit_ns; /* the scenario's, in its world's time */
    struct lr_calibration calibration;
    struct lr_torture torture; /* kind none: the case as it is */
};

/* "live" or "sim" as a static string; NULL where |name| is neither. */
const char *lr_world_named(const char *name);

/* What plays a case needs besides. */
struct lr_order_means {
    struct lr_alloc *alloc;
    const struct lr_tvm *tvm;    /* which real TVM there is; borrowed */
    struct lr_trace_sink *trace; /* NULL: nobody reads */
};

/* The command that repeats it, for a shell, owned by the result |alloc| belongs to: free with
 * lr_alloc_free_string. NULL: no memory. */
char *lr_order_command(const struct lr_order *order, struct lr_alloc *alloc);
/* A result of |order| that says nothing yet. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_order_result(const struct lr_order *order, struct lr_alloc *alloc,
                                            struct lr_case_result *result);
/* Makes |result| say that |order| proves nothing, and why. */
void lr_order_invalidate(struct lr_case_result *result, const char *reason);

/* Plays it in this process; |*interrupted| by a signal. What hinders it from being played makes
 * |result| invalid. An error: no memory for a result. */
LR_NODISCARD enum lr_status lr_order_play(const struct lr_order *order,
                                          const struct lr_order_means *means,
                                          struct lr_case_result *result, bool *interrupted,
                                          struct lr_error *error);
/* The same of one round of it: as it is (|point| NULL), or with that point failing. */
LR_NODISCARD enum lr_status lr_order_play_once(const struct lr_order *order,
                                               const struct lr_order_means *means,
                                               struct lr_torture_point *point,
                                               struct lr_case_result *result, bool *interrupted,
                                               struct lr_error *error);

#endif
