/* SPDX-License-Identifier: Apache-2.0 */
/* A digest of what happened: a sink that reads every event, also those of debug level, and hands
 * those that its reader wants on. Two runs of the same (scenario, seed) have the same digest, on
 * any platform: no address, no number of the compiler's and no order of bytes gets into it. */
#ifndef LR_TRACE_DIGEST_H
#define LR_TRACE_DIGEST_H

#include "trace/trace.h"

struct lr_digest {
    struct lr_trace_sink base; /* pass &digest.base on */
    struct lr_trace_sink *next;
    uint64_t value;  /* FNV-1a, 64 bits, over all events so far */
    uint64_t events; /* how many they were */
};

/* |next| (borrowed; NULL: none) gets what its level lets through. */
void lr_digest_init(struct lr_digest *digest, struct lr_trace_sink *next);

#endif
