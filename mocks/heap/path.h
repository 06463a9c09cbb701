/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds an object: the shortest way to it from a root, every hop named. Where no root leads to
 * it, it is garbage that was not collected: then the cycle that it hangs off, with its generation,
 * and the way from there. */
#ifndef LR_MOCKS_HEAP_PATH_H
#define LR_MOCKS_HEAP_PATH_H

#include "mocks/heap/heap.h"

enum lr_heap_hop_kind {
    LR_HOP_ROOT,  /* "module __main__", "thread worker", "the caller (1 reference)" */
    LR_HOP_CYCLE, /* "uncollected cycle, generation 0": the hops up to where it closes follow */
    LR_HOP_OBJECT,
    LR_HOP_EDGE,  /* "local r", "f_back": leads from the hop before to the hop behind */
    LR_HOP_ELIDED /* ".. 9962 hops .." */
};

enum {
    LR_HEAP_HOPS_MAX = 48,     /* beyond it the middle is left out: nobody reads it */
    LR_HEAP_HOP_TEXT_MAX = 64, /* "exception", and a name */
    LR_HEAP_REMEDY_MAX = 160
};

struct lr_heap_hop {
    enum lr_heap_hop_kind kind;
    bool in_cycle; /* part of the cycle itself, not of what hangs off it */
    bool suspect;  /* the reference that should not be there, or is the one to let go */
    char text[LR_HEAP_HOP_TEXT_MAX];
};

struct lr_heap_path {
    struct lr_heap_hop hops[LR_HEAP_HOPS_MAX];
    size_t hop_count;
    size_t elided_count; /* hops left out */
    int generation;      /* the oldest of the cycles that hold it: what must be collected; -1: it
                            is no garbage */
    bool held;           /* false: nothing refers to it, it is about to go */
    char remedy[LR_HEAP_REMEDY_MAX]; /* what would release it */
    uint64_t fingerprint;            /* of the hops from the suspect on, without numbers */
};

/* Fills |path| for |object|; linear in the heap's objects and references. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_heap_find_path(struct lr_heap *heap, const struct lr_object *object,
                                              struct lr_heap_path *path);
/* In one line: "module __main__ -> global r -> session", the suspect in asterisks. Cut to fit.
 * Returns |out|. */
const char *lr_heap_path_text(char *out, size_t size, const struct lr_heap_path *path);

#endif
