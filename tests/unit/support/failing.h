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

/* True in the run without failure: |body| can then demand success. */
bool lr_test_must_succeed(const struct lr_alloc *alloc);

#endif
