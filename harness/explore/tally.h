/* SPDX-License-Identifier: Apache-2.0 */
/* What many runs gave: sums, what was reached, and each finding once. Tallies add up: those of the
 * shards of an exploration are that of the whole. */
#ifndef LR_EXPLORE_TALLY_H
#define LR_EXPLORE_TALLY_H

#include "explore/reach.h"
#include "explore/run.h"

enum { LR_TALLY_FINDINGS_MAX = 64, LR_TALLY_FILE_MAX = 256 };

struct lr_tally_finding {
    uint64_t seed;  /* the lowest that shows it */
    uint64_t count; /* of the runs that do */
    char text[LR_ERROR_TEXT_MAX];
    char fingerprint[LR_FINGERPRINT_MAX];
    /* when it has been shrunk */
    char file[LR_TALLY_FILE_MAX]; /* where the scenario is; "": not written */
    uint64_t operations;          /* of the smallest plan that shows it */
    uint64_t shrink_runs;
    bool repeats; /* the scenario fails, too */
    bool crashed; /* the process that played it has died */
};

struct lr_tally {
    uint64_t runs;
    uint64_t operations;
    uint64_t faults; /* that fired */
    uint64_t events;
    uint64_t virtual_ms;
    uint64_t lost; /* findings of kinds beyond LR_TALLY_FINDINGS_MAX */
    unsigned int finding_count;
    struct lr_tally_finding findings[LR_TALLY_FINDINGS_MAX]; /* by seed */
    struct lr_reach reach;
};

/* Counts a run of |plan|; what it has reached is counted as it is played. */
void lr_tally_run(struct lr_tally *tally, const struct lr_plan *plan,
                  const struct lr_explored *out);
/* Counts a finding, |count| times. Returns it; NULL: there are too many kinds. */
struct lr_tally_finding *lr_tally_find(struct lr_tally *tally, uint64_t seed, uint64_t count,
                                       const char *text);
void lr_tally_add(struct lr_tally *into, const struct lr_tally *from);

#endif
