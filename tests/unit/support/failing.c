/* SPDX-License-Identifier: Apache-2.0 */
#include "support/failing.h"

#include <criterion/criterion.h>
#include <inttypes.h>

/* One run, with allocation |fail_at| refused (0: none). Returns how many were asked for. */
static uint64_t run_once(void (*body)(struct lr_alloc *alloc, void *context), void *context,
                         uint64_t fail_at, uint64_t *failed) {
    struct lr_counting_alloc counting;
    lr_counting_alloc_init(&counting, lr_alloc_system());
    counting.fail_at = fail_at;
    body(&counting.base, context);
    cr_assert(counting.live_blocks == 0 && counting.live_bytes == 0,
              "%zu blocks of %zu bytes are lost after the failure of allocation %" PRIu64,
              counting.live_blocks, counting.live_bytes, fail_at);
    *failed = counting.failed;
    return counting.calls;
}

void lr_test_each_failure(void (*body)(struct lr_alloc *alloc, void *context), void *context) {
    uint64_t failed;
    uint64_t calls = run_once(body, context, 0, &failed);
    cr_assert(failed == 0, "an allocation failed that nobody made fail");
    cr_assert(calls > 0, "nothing was allocated: this loop would test nothing");
    for (uint64_t n = 1; n <= calls; n++) {
        (void)run_once(body, context, n, &failed);
        cr_assert(failed == 1, "allocation %" PRIu64 " of %" PRIu64 " was never asked for", n,
                  calls);
    }
}

bool lr_test_must_succeed(const struct lr_alloc *alloc) {
    const struct lr_counting_alloc *counting = (const void *)alloc;
    return counting->fail_at == 0;
}
