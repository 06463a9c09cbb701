/* SPDX-License-Identifier: Apache-2.0 */
/* Some seeds, one after the other, in this process; and the same as an order that a team gives to
 * its workers, who answer with a tally (explore/team.h). */
#ifndef LR_EXPLORE_BATCH_H
#define LR_EXPLORE_BATCH_H

#include <stdio.h>

#include "explore/tally.h"
#include "scenario/worker_line.h"

struct lr_batch {
    uint64_t first;
    uint64_t stride; /* from one seed to the next: the shards take turns */
    uint64_t count;
};

/* Plays them, and adds up. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_batch_play(const struct lr_batch *batch, struct lr_alloc *alloc,
                                          struct lr_tally *tally, struct lr_error *error);

/* Shrinks |finding|'s plan, writes the scenario below the folder |found| (made by the caller), and
 * plays that. A finding that does not come again is left as it is. LR_ENOMEM, LR_EIO. */
LR_NODISCARD enum lr_status lr_batch_shrink(struct lr_tally_finding *finding, const char *found,
                                            struct lr_alloc *alloc, struct lr_error *error);
/* Writes |finding|'s plan as it is: of one that cannot be played here. LR_ENOMEM, LR_EIO. */
LR_NODISCARD enum lr_status lr_batch_write(struct lr_tally_finding *finding,
                                           const struct lr_plan *plan, const struct lr_want *want,
                                           const char *found, struct lr_alloc *alloc,
                                           struct lr_error *error);

/* Plays the scenario of |finding|: whether it fails, too. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_batch_repeat(struct lr_tally_finding *finding,
                                            struct lr_alloc *alloc, struct lr_error *error);

/* Lines between a team and its workers. */
void lr_batch_say(struct lr_line_writer *writer, const struct lr_batch *batch);
void lr_batch_say_shrink(struct lr_line_writer *writer, const struct lr_tally_finding *finding,
                         const char *found);
void lr_batch_say_repeat(struct lr_line_writer *writer, const struct lr_tally_finding *finding);
void lr_tally_say(struct lr_line_writer *writer, const struct lr_tally *tally);
/* LR_EPROTO: not what lr_tally_say writes. */
LR_NODISCARD enum lr_status lr_tally_hear(struct lr_line_reader *reader, struct lr_tally *tally);

/* Takes orders from |in| and answers on |out| until there are no more. LR_EPROTO, LR_EIO,
 * LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_batch_work(FILE *in, FILE *out, struct lr_alloc *alloc,
                                          struct lr_error *error);

#endif
