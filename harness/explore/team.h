/* SPDX-License-Identifier: Apache-2.0 */
/* An exploration by several processes: each plays batches of seeds, so that a role that breaks its
 * process is a finding with its seed, and not the end. What a batch that was lost held is played
 * again, seed by seed. Not for several threads. */
#ifndef LR_EXPLORE_TEAM_H
#define LR_EXPLORE_TEAM_H

#include "explore/batch.h"

enum { LR_TEAM_MAX = 64 };

struct lr_team_options {
    struct lr_alloc *alloc;
    const char *const *argv; /* how a worker is started, NULL-terminated; borrowed */
    const char *guard;       /* lastref-guard; NULL: the one beside this executable */
    unsigned int jobs;       /* 1 to LR_TEAM_MAX processes */
    uint64_t first;          /* seeds, both included */
    uint64_t last;
    unsigned int shard; /* of |shards|, from 1: has the seeds first + shard - 1, .. */
    unsigned int shards;
    uint64_t for_ns;   /* no batch begins after so long; 0: no limit */
    uint64_t hang_ns;  /* a batch that takes longer is lost */
    bool keep_going;   /* after a finding */
    const char *found; /* the folder for scenarios; NULL: none are written */
    /* Hears how it goes, now and then; may be NULL. */
    void (*progress)(void *context, const struct lr_tally *tally, uint64_t took_ns);
    void *context;
};

/* Plays until the seeds or the time are at an end, something was found, or a signal came
 * (|*interrupted|); then shrinks what was found. LR_ENOMEM, LR_EIO, LR_ENOTSUP. */
LR_NODISCARD enum lr_status lr_team_explore(const struct lr_team_options *options,
                                            struct lr_tally *tally, uint64_t *took_ns,
                                            bool *interrupted, struct lr_error *error);

#endif
