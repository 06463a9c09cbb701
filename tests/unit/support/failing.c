/* SPDX-License-Identifier: Apache-2.0 */
#include "support/failing.h"

#include <criterion/criterion.h>
#include <inttypes.h>

static void check_balance(const struct lr_counting_alloc *counting, uint64_t fail_at) {
    cr_assert(counting->live_blocks == 0 && counting->live_bytes == 0,
              "%zu blocks of %zu bytes are lost after the failure of allocation %" PRIu64,
              counting->live_blocks, counting->live_bytes, fail_at);
}

/* One run, with allocation |fail_at| refused (0: none). Returns how many were asked for. */
static uint64_t run_once(void (*body)(struct lr_alloc *alloc, void *context), void *context,
                         uint64_t fail_at, uint64_t *failed) {
    struct lr_counting_alloc counting;
    lr_counting_alloc_init(&counting, lr_alloc_system());
    counting.fail_at = fail_at;
    body(&counting.base, context);
    check_balance(&counting, fail_at);
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

/* ---- where Lua runs ---- */

struct stubborn {
    struct lr_counting_alloc counting; /* first */
    void *(*resize)(struct lr_alloc *alloc, void *block, size_t old_size, size_t new_size);
    bool refused; /* and nothing else was asked for since */
    const void *block;
    size_t old_size, new_size;
};

static void *resize_stubbornly(struct lr_alloc *alloc, void *block, size_t old_size,
                               size_t new_size) {
    struct stubborn *stubborn = LR_CONTAINER_OF(alloc, struct stubborn, counting.base);
    if (new_size <= old_size) { /* what a collection gives back */
        return stubborn->resize(alloc, block, old_size, new_size);
    }
    bool again = stubborn->refused && block == stubborn->block && old_size == stubborn->old_size &&
                 new_size == stubborn->new_size;
    if (again) {
        stubborn->refused = false;
        stubborn->counting.calls++;
        stubborn->counting.failed++;
        return NULL;
    }
    uint64_t failed = stubborn->counting.failed;
    void *result = stubborn->resize(alloc, block, old_size, new_size);
    stubborn->refused = stubborn->counting.failed > failed;
    stubborn->block = block;
    stubborn->old_size = old_size;
    stubborn->new_size = new_size;
    return result;
}

void lr_test_each_failure_of_lua(void (*body)(struct lr_alloc *alloc, void *context),
                                 void *context) {
    uint64_t most = 1;
    for (uint64_t n = 0; n <= most; n++) {
        struct stubborn stubborn = {.refused = false};
        lr_counting_alloc_init(&stubborn.counting, lr_alloc_system());
        stubborn.resize = stubborn.counting.base.resize;
        stubborn.counting.base.resize = resize_stubbornly;
        stubborn.counting.fail_at = n;
        body(&stubborn.counting.base, context);
        check_balance(&stubborn.counting, n);
        cr_assert(stubborn.counting.failed > 0 || stubborn.counting.calls < n || n == 0);
        if (stubborn.counting.failed == 0 && stubborn.counting.calls > most) {
            most = stubborn.counting.calls;
        }
    }
    cr_assert_gt(most, 1, "nothing was allocated: this loop would test nothing");
}

bool lr_test_must_succeed(const struct lr_alloc *alloc) {
    const struct lr_counting_alloc *counting = (const void *)alloc;
    return counting->fail_at == 0;
}

bool lr_test_has_failed(const struct lr_alloc *alloc) {
    const struct lr_counting_alloc *counting = (const void *)alloc;
    return counting->failed > 0;
}

struct lr_test_calm lr_test_begin_calm(struct lr_alloc *alloc) {
    struct lr_counting_alloc *counting = LR_CONTAINER_OF(alloc, struct lr_counting_alloc, base);
    struct lr_test_calm calm = {alloc, counting->fail_at};
    cr_assert_eq(counting->calls, 0);
    counting->fail_at = 0;
    return calm;
}

void lr_test_end_calm(struct lr_test_calm *calm) {
    if (calm->alloc != NULL) {
        struct lr_counting_alloc *counting =
            LR_CONTAINER_OF(calm->alloc, struct lr_counting_alloc, base);
        counting->calls = 0;
        counting->fail_at = calm->fail_at;
        calm->alloc = NULL;
    }
}
