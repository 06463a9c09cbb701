/* SPDX-License-Identifier: Apache-2.0 */
/* A run: all cases of a suite, one after the other, each on a stage of its own; the second try of
 * what was only late; the list of known failures; the reports. */
#ifndef LR_SCENARIO_RUNNER_H
#define LR_SCENARIO_RUNNER_H

#include "ledger/result.h"
#include "scenario/known.h"
#include "scenario/suite.h"
#include "scenario/tvm.h"

struct lr_run_options {
    struct lr_alloc *alloc;
    const struct lr_suite *suite;
    struct lr_known *known; /* may be empty */
    const struct lr_tvm *tvm;
    struct lr_trace_sink *trace; /* NULL: nobody reads */
    uint64_t seed;
    unsigned int repeat; /* each case so often; at least 1 */
    bool strict;
    bool whole; /* no filter: lines of |known| that match no case are stale */
    struct lr_reporter *const *reporters;
    size_t reporter_count;
};

/* Runs it. The exit status of DESIGN's table, 4 where the harness itself failed (|error| says how).
 */
int lr_run(const struct lr_run_options *options, struct lr_run_summary *summary,
           struct lr_error *error);

#endif
