/* SPDX-License-Identifier: Apache-2.0 */
/* A tally as JSON (docs/explore.md), and back: shards are joined by `lastref report merge`. */
#ifndef LR_EXPLORE_TALLY_JSON_H
#define LR_EXPLORE_TALLY_JSON_H

#include "base/buf.h"
#include "explore/tally.h"

struct lr_tally_about {
    uint64_t first; /* seeds */
    uint64_t last;
    unsigned int shard, shards; /* 0, 0: of several that were joined */
    uint64_t took_ms;           /* of real time, of all shards together */
};

/* Appends the document. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_tally_write_json(const struct lr_tally *tally,
                                                const struct lr_tally_about *about,
                                                struct lr_buf *out);
/* LR_EPROTO with a sentence: not such a document. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_tally_read_json(struct lr_alloc *alloc, const void *bytes,
                                               size_t size, struct lr_tally *tally,
                                               struct lr_tally_about *about,
                                               struct lr_error *error);

#endif
