/* SPDX-License-Identifier: Apache-2.0 */
/* A worker: a process of a run's own that plays one case after the other, so that one which breaks
 * the process takes no other with it. Orders come on one stream, answers go to the other
 * (scenario/worker_codec.h); the end of the orders is its end. */
#ifndef LR_SCENARIO_WORKER_H
#define LR_SCENARIO_WORKER_H

#include <stdio.h>

#include "scenario/worker_codec.h"

struct lr_worker_options {
    struct lr_alloc *alloc;
    const struct lr_tvm *tvm;
    enum lr_trace_level level; /* events below it are not passed on */
    FILE *in;
    FILE *out;
};

/* Works until it is told to leave, or nobody is there any more. LR_EPROTO: what it read is no
 * order. LR_EIO, LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_worker_run(const struct lr_worker_options *options,
                                          struct lr_error *error);

#endif
