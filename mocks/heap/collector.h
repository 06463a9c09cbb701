/* SPDX-License-Identifier: Apache-2.0 */
/* The generational collector of a heap: when it starts by itself, what gc.collect(n) takes and
 * says, and a look at the objects as gc.get_objects() gives it. */
#ifndef LR_MOCKS_HEAP_COLLECTOR_H
#define LR_MOCKS_HEAP_COLLECTOR_H

#include "mocks/heap/heap.h"

/* gc.collect(generation), 0 to 2. Returns what CPython's returns: the number of unreachable objects
 * it found, which is no measure of what died (profile.h). Also while disabled. */
size_t lr_heap_collect(struct lr_heap *heap, int generation);

/* gc.disable() and gc.enable(): automatic collections only. */
void lr_heap_set_gc_enabled(struct lr_heap *heap, bool enabled);
bool lr_heap_gc_enabled(const struct lr_heap *heap);
/* gc.set_threshold(..); 0 as the first: no automatic collections. */
void lr_heap_set_threshold(struct lr_heap *heap, const unsigned int threshold[LR_HEAP_GENERATIONS]);
void lr_heap_threshold(const struct lr_heap *heap, unsigned int threshold[LR_HEAP_GENERATIONS]);
/* gc.get_count(), without the tuple that a program's call would make. */
void lr_heap_count(const struct lr_heap *heap, size_t count[LR_HEAP_GENERATIONS]);

/* What a run of the collector looks like from outside; any of the calls may be NULL. */
struct lr_heap_observer {
    void (*collecting)(void *context, int generation, bool automatic);
    /* For each object about to be cleared, in the collector's order; what DEBUG_SAVEALL would keep.
     */
    void (*garbage)(void *context, const struct lr_object *object);
    void *context;
};
/* Copies |observer|; NULL: none. */
void lr_heap_observe(struct lr_heap *heap, const struct lr_heap_observer *observer);

/* Makes |count| objects of one container allocation each that nothing can free before the heap
 * goes: what else the program allocates and keeps. Stops before the first that starts a collection
 * if |quiet|. Returns how many were made; fewer than |count|: a collection (quiet) or no memory. */
size_t lr_heap_fill(struct lr_heap *heap, size_t count, bool quiet);

/* ---- what is there ---- */

/* A reference from one object to another, or to nothing that counts (|target| NULL). */
struct lr_heap_edge {
    const char *name; /* "local r", "f_back", "tb_next", "[0]": as a path shows it; |text| below */
    const struct lr_object *target;
    char text[64];
};
/* The objects in order of their making; NULL begins, and ends. */
const struct lr_object *lr_heap_next(const struct lr_heap *heap, const struct lr_object *object);
enum lr_object_kind lr_object_kind(const struct lr_object *object);
/* The name given to it: a frame's function, an exception's type, a session's name. */
const char *lr_object_name(const struct lr_object *object);
/* Kind and name, as a hop of a path: "frame check_remote", "exception ValueError". Returns |out|.
 */
const char *lr_object_text(char *out, size_t size, const struct lr_object *object);
/* The frame of a traceback, the text of an exception's argument: what tells two of a kind apart;
 * "" where there is nothing of the sort. */
const char *lr_object_detail(const struct lr_object *object);
/* A number that is never used again in this heap, rising in the order of making. */
uint64_t lr_object_serial(const struct lr_object *object);
/* 0 to 2, or -1: the collector does not follow it (untracked, or no container). */
int lr_object_generation(const struct lr_object *object);
size_t lr_object_edge_count(const struct lr_object *object);
void lr_object_edge(const struct lr_object *object, size_t index, struct lr_heap_edge *edge);

#endif
