/* SPDX-License-Identifier: Apache-2.0 */
/* Between the search (path.c) and its words (path_text.c). */
#ifndef LR_MOCKS_HEAP_PATH_INTERNAL_H
#define LR_MOCKS_HEAP_PATH_INTERNAL_H

#include "mocks/heap/internal.h"
#include "mocks/heap/path.h"

#define NODE_NONE UINT32_MAX

struct node {
    const struct lr_object *object;
    size_t inbound;    /* slots that refer to it */
    uint32_t via;      /* whom it was reached from, NODE_NONE: a beginning */
    uint32_t via_slot; /* .. by which slot */
    uint32_t back;     /* the same, for the way back round a cycle */
    uint32_t back_slot;
    uint32_t order; /* Tarjan's: when it was reached, from 1 on */
    uint32_t low;
    uint32_t cursor;
    uint32_t parent;
    uint32_t below;
    uint32_t component;
    bool seen;
    bool is_open;
    bool in_cycle;
    bool leads; /* to the object that is asked about .. */
    bool holds; /* .. by way of a cycle, or in one */
    bool refers_to_itself;
};

struct search {
    struct lr_heap *heap;
    struct node *nodes; /* in order of making */
    uint32_t *queue;
    uint32_t count;
    uint32_t head;
    uint32_t tail;
    uint32_t components;
    uint32_t closing_slot; /* of the last object of a cycle, to its first */
};

void lr_search_close(struct search *search);
/* Marks, among what no root reaches, the objects in cycles and their components. */
void lr_search_find_cycles(struct search *search);

/* path_text.c: a path is told in this order: how it begins, then objects and edges in turn. */
enum { PATH_HEAD = 24, PATH_TAIL = LR_HEAP_HOPS_MAX - PATH_HEAD - 1 };

struct path_builder {
    struct lr_heap *heap;
    struct lr_heap_path *path;
    struct lr_heap_hop tail[PATH_TAIL]; /* a ring: the last hops of a long way */
    size_t count;                       /* hops told so far */
    bool hide_next;                     /* the next object is part of the one before */
    const char *word;                   /* .. and this is what its names are called */
    const struct lr_object *root;       /* the first object */
    const char *module;                 /* .. if it is a module, or a module's dict: its name */
    const struct lr_object *frame;      /* the first running frame */
    const struct slot *first;           /* the first edge that has a hop */
    const struct slot *thread_part;     /* of a threading.local */
    bool owned;
    int suspect_rank; /* 0: none yet; 3: the local that closes a cycle */
    size_t suspect;
};

void lr_path_begin_cycle(struct path_builder *builder);
void lr_path_begin_owned(struct path_builder *builder, size_t references);
void lr_path_add_object(struct path_builder *builder, const struct lr_object *object,
                        bool in_cycle);
void lr_path_add_edge(struct path_builder *builder, const struct lr_object *from, uint32_t slot,
                      bool in_cycle);
/* The end of the ring, the suspect, the remedy and the fingerprint. */
void lr_path_finish(struct path_builder *builder);

#endif
