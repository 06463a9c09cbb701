/* SPDX-License-Identifier: Apache-2.0 */
/* LR_ASSERT is for bugs in us, never for what a peer sent or what the system refused. It is on in
 * every build: a harness that goes on with a broken invariant gives verdicts that mean nothing. */
#ifndef LR_BASE_ASSERT_H
#define LR_BASE_ASSERT_H

#include "base/compiler.h"

#define LR_ASSERT(condition)                                                                       \
    ((condition) ? (void)0 : lr_assert_fail(#condition, __FILE__, __LINE__, __func__))

#define LR_UNREACHABLE() lr_assert_fail("unreachable", __FILE__, __LINE__, __func__)

/* What to print beside a failed assertion (seed, case, the command that repeats it). Borrows |text|
 * until it is replaced; NULL for nothing. */
void lr_assert_set_context(const char *text);

LR_NORETURN void lr_assert_fail(const char *condition, const char *file, int line,
                                const char *function);

#endif
