/* SPDX-License-Identifier: Apache-2.0 */
/* The leaks of a run, by the fingerprint of what is suspect: many cases may fail by one bug. */
#ifndef LR_REPORTS_LEAKS_H
#define LR_REPORTS_LEAKS_H

#include "ledger/result.h"

enum { LR_LEAKS_MAX = 16, LR_LEAK_TEXT_MAX = 200 }; /* more are counted together */

struct lr_leak {
    uint64_t fingerprint;
    size_t cases;
    char suspect[LR_LEAK_TEXT_MAX]; /* its suspect part, in one line */
    char first[LR_LEAK_TEXT_MAX];   /* the first case that it was met in */
};

struct lr_leaks {
    struct lr_leak rows[LR_LEAKS_MAX]; /* in the order in which they were met */
    size_t count;
    size_t left_out; /* cases with leaks that found no row */
};

/* Counts what held sessions in a case that is not as expected, and was not asked for; each leak
 * once a case. |leaks| is zeroed before the first. */
void lr_leaks_add(struct lr_leaks *leaks, const struct lr_case_result *result);

#endif
