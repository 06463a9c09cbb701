/* SPDX-License-Identifier: Apache-2.0 */
/* An object whose last reference is given back goes at once, and what it alone held goes with it,
 * depth first in the order of its slots. The walk keeps its way in the objects themselves: a chain
 * of any length needs no stack and no memory. Only callbacks nest, and beyond NESTING_MAX what they
 * let go waits for the outermost walk. */
#include "mocks/heap/internal.h"

struct lr_object *lr_heap_hold(struct lr_object *object) {
    if (object != NULL) {
        object->refs++;
    }
    return object;
}

size_t lr_heap_refcount(const struct lr_object *object) {
    return object->refs + 1;
}

struct lr_object *lr_object_clear_weakrefs(struct lr_object *object) {
    struct lr_object *chain = NULL;
    struct lr_object **end = &chain;
    for (struct lr_object *weakref = object->weak_first, *next; weakref != NULL; weakref = next) {
        next = weakref->special->weak_next;
        weakref->special->referent = NULL;
        weakref->special->weak_next = NULL;
        /* One that is garbage itself, or about to go, is not told. */
        if (weakref->special->call != NULL && !weakref->in_set && weakref->refs > 0) {
            *end = lr_heap_hold(weakref);
            end = &weakref->special->weak_next;
        }
    }
    object->weak_first = NULL;
    return chain;
}

size_t lr_heap_call_weakrefs(struct lr_heap *heap, struct lr_object *chain) {
    size_t freed = 0;
    for (struct lr_object *weakref = chain, *next; weakref != NULL; weakref = next) {
        next = weakref->special->weak_next;
        weakref->special->weak_next = NULL;
        weakref->special->call(heap, weakref->special->context);
        freed += weakref->refs == 1;
        lr_heap_drop(heap, weakref);
    }
    return freed;
}

bool lr_object_has_finalizer(const struct lr_object *object) {
    if (object->special == NULL || object->finalized) {
        return false;
    }
    if (object->kind == LR_OBJECT_GENERATOR) {
        return object->special->state == GENERATOR_SUSPENDED;
    }
    return object->special->del != NULL || object->special->released != NULL;
}

void lr_object_finalize(struct lr_object *object, bool keep_frame) {
    struct lr_heap *heap = object->heap;
    object->finalized = true;
    if (object->kind == LR_OBJECT_GENERATOR) {
        lr_generator_end(object, keep_frame);
    } else if (object->special->released != NULL) {
        char why[64];
        lr_trace_emit(&heap->trace, heap->now, LR_TRACE_REFERENCE, 0, "%s let go by %s",
                      object->name, lr_heap_release_text(why, sizeof why, &heap->reason));
        object->special->released(object->special->context, &heap->reason);
    } else {
        object->special->del(heap, object, &heap->reason, object->special->context);
    }
}

/* The last reference is gone. False: it was resurrected, or waits in the queue. */
static bool begin_release(struct lr_object *object) {
    struct lr_heap *heap = object->heap;
    if (object->special != NULL) {
        if (lr_object_has_finalizer(object)) {
            object->refs = 1; /* for the time of the call */
            lr_object_finalize(object, true);
            object->refs--;
            if (object->refs > 0) {
                return false;
            }
        }
        lr_weakref_forget(object);
    }
    lr_object_untrack(object);
    if (object->weak_first != NULL) {
        lr_heap_call_weakrefs(heap, lr_object_clear_weakrefs(object));
    }
    object->cursor = 0;
    return true;
}

/* The slot to be let go next: a frame's f_back is its last. */
static struct slot *next_slot(struct lr_object *object) {
    uint32_t at = object->cursor++;
    if (object->kind == LR_OBJECT_FRAME) {
        at = (at + 1) % object->slot_count;
    }
    return &object->slots[at];
}

static void release_object(struct lr_object *first) {
    if (!begin_release(first)) {
        return;
    }
    first->link = NULL;
    for (struct lr_object *top = first; top != NULL;) {
        if (top->cursor == top->slot_count) {
            struct lr_object *done = top;
            top = done->link;
            lr_object_free(done);
            continue;
        }
        struct slot *slot = next_slot(top);
        struct lr_object *target = slot->target;
        slot->target = NULL;
        if (target != NULL && --target->refs == 0 && begin_release(target)) {
            target->link = top;
            top = target;
        }
    }
}

static void drain_queue(struct lr_heap *heap) {
    heap->draining = true;
    while (heap->deferred != NULL) {
        struct lr_object *next = heap->deferred;
        heap->deferred = next->link;
        lr_heap_drop(heap, next);
    }
    heap->draining = false;
}

void lr_heap_drop(struct lr_heap *heap, struct lr_object *object) {
    if (object == NULL) {
        return;
    }
    LR_ASSERT(object->refs > 0);
    if (--object->refs > 0) {
        return;
    }
    if (heap->nesting >= NESTING_MAX) {
        object->refs = 1; /* the queue's */
        object->link = heap->deferred;
        heap->deferred = object;
        return;
    }
    heap->nesting++;
    release_object(object);
    heap->nesting--;
    if (heap->nesting == 0 && !heap->draining) {
        drain_queue(heap);
    }
}
