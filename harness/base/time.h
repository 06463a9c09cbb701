/* SPDX-License-Identifier: Apache-2.0 */
/* Time is a monotonic count of nanoseconds from an origin that means nothing; only differences do.
 * Whoever needs it is handed |now|; nothing above the worlds reads a clock. */
#ifndef LR_BASE_TIME_H
#define LR_BASE_TIME_H

#include <stdint.h>

typedef uint64_t lr_time; /* ns */

#define LR_TIME_NEVER UINT64_MAX
#define LR_US UINT64_C(1000)
#define LR_MS UINT64_C(1000000)
#define LR_SECOND UINT64_C(1000000000)

/* |at| + |delay_ns|, or never where that would pass the end of time. */
static inline lr_time lr_time_add(lr_time at, uint64_t delay_ns) {
    return delay_ns > LR_TIME_NEVER - at ? LR_TIME_NEVER : at + delay_ns;
}

static inline lr_time lr_time_min(lr_time a, lr_time b) {
    return a < b ? a : b;
}

#endif
