/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between versions of CPython, as one table, a row a version. A column is a documented
 * change of the interpreter or of its library; no column says "leaks": whether a session is kept
 * alive follows from the frames, tracebacks and names that the model makes. */
#ifndef LR_MOCKS_HEAP_PROFILE_H
#define LR_MOCKS_HEAP_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

enum { LR_HEAP_GENERATIONS = 3 };

struct lr_heap_profile {
    const char *version;
    const char *evidence; /* "measured", or what its row rests on */
    unsigned int threshold[LR_HEAP_GENERATIONS];
    /* Enum._missing_ raises the ValueError itself instead of returning None (until bpo-39728). */
    bool missing_raises;
    /* Enum.__new__ keeps the exception in its locals exc and ve_exc and raises it from there
     * (bpo-34536). */
    bool enum_keeps_exception;
    /* .. in a try whose finally unbinds both (bpo-42248; lost in 3.10.0 by bpo-44559). */
    bool enum_clears_exception;
    /* gc.collect() counts what is still garbage after the finalizers ran (bpo-38379, in 3.7.6). */
    bool counts_after_finalizers;
    /* A resurrection saves what it reaches and no more (bpo-38379, the part of 3.9). */
    bool spares_only_resurrected;
    /* An instance's attributes live in a dict object of its own (until bpo-45340, 3.11). */
    bool instance_dict;
    /* A frame becomes an object only when somebody asks for it (bpo-44590, 3.11). */
    bool lazy_frames;
    /* sys.last_exc beside sys.last_value (gh-102778, 3.12). */
    bool last_exc;
    /* An allocation only schedules a collection; it runs at the next check (gh-97922, 3.12). */
    bool collects_at_check;
};

/* The row of |version| ("3.8.8"), borrowed for ever; NULL: no such row. */
const struct lr_heap_profile *lr_heap_profile_find(const char *version);
/* The rows in order of version; NULL beyond the last. */
const struct lr_heap_profile *lr_heap_profile_at(size_t index);

#endif
