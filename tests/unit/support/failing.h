/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation failure at each place where it can happen: whatever fails, nothing may be lost. */
#ifndef LR_TEST_FAILING_H
#define LR_TEST_FAILING_H

#include <stdbool.h>

#include "base/alloc.h"

/* Runs |body| with no failure once, which counts its allocations, then again with the first one
 * failing, the second one, and so on up to the last. After each run asserts that all memory is
 * back. |body| takes all memory from |alloc|, gives up where it is refused and frees what it has;
 * it must do the same each time, and at least one allocation. |context| is handed through. */
void lr_test_each_failure(void (*body)(struct lr_alloc *alloc, void *context), void *context);

/* The same for a body in which Lua runs. Lua collects its garbage and asks once more, so what is
 * asked for again at once is refused again. Its tables grow by hashes that differ with addresses
 * and the second in which a state is made, so that a run may ask for some allocations more or fewer
 * than the one before: one that does not get to the n-th has to succeed (lr_test_has_failed), and
 * the loop goes on to the most that any run without failure has asked for. */
void lr_test_each_failure_of_lua(void (*body)(struct lr_alloc *alloc, void *context),
                                 void *context);

/* True in the run without failure: |body| can then demand success. */
bool lr_test_must_succeed(const struct lr_alloc *alloc);
/* True once the failure has been met. */
bool lr_test_has_failed(const struct lr_alloc *alloc);

/* For a body that begins with what another suite's loop is for: what is asked for between these two
 * neither fails nor counts. Begin with nothing asked for yet. */
struct lr_test_calm {
    struct lr_alloc *alloc;
    uint64_t fail_at;
};
struct lr_test_calm lr_test_begin_calm(struct lr_alloc *alloc);
/* More than once: nothing happens. */
void lr_test_end_calm(struct lr_test_calm *calm);

#endif
