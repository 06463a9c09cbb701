/* SPDX-License-Identifier: Apache-2.0 */
/* Takes one direction of a recorded connection apart with the codecs and puts each message together
 * again: the bytes must be those that were recorded. What is malformed must be refused, and must be
 * in a list. */
#ifndef LR_TEST_GOLDEN_WALK_H
#define LR_TEST_GOLDEN_WALK_H

#include "mocks/peers/capture.h"
#include "rpc/value.h"

/* A message of a recording that is none: which, and how it is refused. */
struct golden_refusal {
    const char *file; /* "legacy-v0.10.0/13_tracker_bad_clients" */
    int64_t conn;
    enum lr_capture_direction direction;
    size_t frame; /* from 0: the magic */
    enum lr_status status;
    const char *says; /* part of the sentence */
};

enum golden_chunking {
    GOLDEN_WHOLE,
    GOLDEN_RECORDED, /* as the reads of the recording relay */
    GOLDEN_BYTES,    /* one at a time */
    GOLDEN_CHUNKING_COUNT
};

/* Messages that came out as they went in, by what they are, and those that were refused. */
struct golden_counts {
    size_t words, keys, requests, answers, packets, refused;
};

struct golden_walk {
    struct lr_alloc *alloc;
    const struct lr_capture *capture;
    const char *file;
    enum lr_dialect dialect;
    enum golden_chunking chunking;
    const struct golden_refusal *refusals;
    size_t refusal_count;
    struct golden_counts counts; /* grow */
};

/* Walks both directions of each connection. LR_EPROTO with a sentence: a message did not come out
 * as it went in, or was refused and is not in the list, or in another way. LR_ENOMEM. */
LR_NODISCARD enum lr_status golden_walk_capture(struct golden_walk *walk, struct lr_error *error);

#endif
