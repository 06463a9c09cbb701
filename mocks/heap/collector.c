/* SPDX-License-Identifier: Apache-2.0 */
/* A collection: subtract from each object's count the references that come from the same
 * generation; what keeps a rest is reached from outside, and all that it reaches. The others are
 * garbage: their weak references are cleared, their finalizers run, and what is garbage still is
 * cleared. The order of the rings is CPython's, as the order of finalizers shows. */
#include "mocks/heap/internal.h"

typedef void (*visit_cb)(struct lr_object *target, struct lr_list *ring);

static struct lr_object *object_of(struct lr_list *node) {
    return LR_CONTAINER_OF(node, struct lr_object, ring);
}

/* A generator's frame that is no object of its own is looked through. */
static void visit_slots(struct lr_object *object, visit_cb visit, struct lr_list *ring) {
    for (uint32_t i = 0; i < object->slot_count; i++) {
        struct lr_object *target = object->slots[i].target;
        if (target == NULL) {
            continue;
        }
        if (target->embedded && !target->tracked) {
            for (uint32_t k = 0; k < target->slot_count; k++) {
                if (target->slots[k].target != NULL) {
                    visit(target->slots[k].target, ring);
                }
            }
        }
        visit(target, ring);
    }
}

static void move_to(struct lr_list *ring, struct lr_object *object) {
    lr_list_remove(&object->ring);
    lr_list_append(ring, &object->ring);
}

/* Puts all of |from| behind |to|, in order. */
static void merge_rings(struct lr_list *from, struct lr_list *to) {
    if (lr_list_empty(from)) {
        return;
    }
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    lr_list_init(from);
}

static void visit_subtract(struct lr_object *target, struct lr_list *ring) {
    (void)ring;
    if (target->in_set) {
        LR_ASSERT(target->outside > 0);
        target->outside--;
    }
}

static void subtract_references(struct lr_list *ring) {
    LR_LIST_EACH (node, ring) {
        struct lr_object *object = object_of(node);
        object->outside = object->refs;
        object->in_set = true;
        object->tentative = false;
    }
    LR_LIST_EACH (node, ring) {
        visit_slots(object_of(node), visit_subtract, ring);
    }
}

static void visit_reachable(struct lr_object *target, struct lr_list *ring) {
    if (!target->in_set) {
        return;
    }
    if (target->tentative) {
        target->tentative = false;
        move_to(ring, target);
    }
    if (target->outside == 0) {
        target->outside = 1;
    }
}

/* Splits |ring|: what nothing outside reaches moves to |unreachable| and keeps in_set. */
static void deduce_unreachable(struct lr_list *ring, struct lr_list *unreachable) {
    subtract_references(ring);
    for (struct lr_list *node = ring->next; node != ring;) {
        struct lr_object *object = object_of(node);
        if (object->outside > 0) {
            visit_slots(object, visit_reachable, ring); /* may append to the ring */
            node = node->next;
            object->in_set = false;
        } else {
            node = node->next;
            object->tentative = true;
            move_to(unreachable, object);
        }
    }
    LR_LIST_EACH (node, ring) {
        object_of(node)->in_set = false;
    }
}

static bool holds_trackable(const struct lr_object *object) {
    for (uint32_t i = 0; i < object->slot_count; i++) {
        if (lr_object_may_be_tracked(object->slots[i].target)) {
            return true;
        }
    }
    return false;
}

/* What holds nothing that could be in a cycle is not followed any more. */
static void untrack_kind(struct lr_list *ring, enum lr_object_kind kind) {
    LR_LIST_EACH (node, ring) {
        struct lr_object *object = object_of(node);
        /* NOLINTNEXTLINE(clang-analyzer-core.*): takes the ring's head for one of its objects */
        if ((enum lr_object_kind)object->kind == kind && !holds_trackable(object)) {
            lr_object_untrack(object);
        }
    }
}

static size_t set_generation(struct lr_list *ring, int generation) {
    size_t size = 0;
    LR_LIST_EACH (node, ring) {
        object_of(node)->generation = generation;
        size++;
    }
    return size;
}

static size_t ring_size(struct lr_list *ring) {
    size_t size = 0;
    LR_LIST_EACH (node, ring) {
        size++;
    }
    return size;
}

/* The survivors grow older. */
static void promote(struct lr_heap *heap, struct lr_list *young, int generation) {
    untrack_kind(young, LR_OBJECT_TUPLE);
    if (generation < LR_HEAP_GENERATIONS - 1) {
        size_t size = set_generation(young, generation + 1);
        if (generation == LR_HEAP_GENERATIONS - 2) {
            heap->long_lived_pending += size;
        }
        merge_rings(young, &heap->rings[generation + 1]);
        return;
    }
    untrack_kind(young, LR_OBJECT_DICT);
    heap->long_lived_pending = 0;
    heap->long_lived_total = set_generation(young, generation) + LR_HEAP_INTERPRETER_OBJECTS;
}

/* All weak references to garbage are cleared before any callback runs. */
static size_t clear_weakrefs(struct lr_heap *heap, struct lr_list *unreachable) {
    struct lr_object *chain = NULL;
    struct lr_object **end = &chain;
    LR_LIST_EACH (node, unreachable) {
        *end = lr_object_clear_weakrefs(object_of(node));
        while (*end != NULL) {
            end = &(*end)->special->weak_next;
        }
    }
    return lr_heap_call_weakrefs(heap, chain);
}

static void run_finalizers(struct lr_heap *heap, struct lr_list *unreachable) {
    struct lr_list seen;
    lr_list_init(&seen);
    while (!lr_list_empty(unreachable)) {
        struct lr_object *object = object_of(unreachable->next);
        move_to(&seen, object);
        if (lr_object_has_finalizer(object)) {
            lr_heap_hold(object);
            lr_object_finalize(object, false);
            lr_heap_drop(heap, object);
        }
    }
    merge_rings(&seen, unreachable);
}

/* What the finalizers made reachable again leaves |unreachable| for |old|. */
static void spare_resurrected(struct lr_heap *heap, struct lr_list *unreachable,
                              struct lr_list *old, int generation) {
    struct lr_list still;
    lr_list_init(&still);
    deduce_unreachable(unreachable, &still);
    if (!heap->profile->spares_only_resurrected && !lr_list_empty(unreachable)) {
        merge_rings(&still, unreachable); /* one that is reached saves them all */
    }
    LR_LIST_EACH (node, unreachable) {
        object_of(node)->in_set = false;
        object_of(node)->tentative = false;
    }
    set_generation(unreachable, generation);
    merge_rings(unreachable, old);
    merge_rings(&still, unreachable);
}

/* Kinds that are not cleared themselves: something else in their cycle is. */
static bool can_clear(const struct lr_object *object) {
    return object->kind != LR_OBJECT_TUPLE && object->kind != LR_OBJECT_METHOD &&
           object->kind != LR_OBJECT_GENERATOR;
}

static void clear_object(struct lr_heap *heap, struct lr_object *object) {
    for (uint32_t i = 0; i < object->slot_count; i++) {
        if (object->slots[i].kind != SLOT_F_BACK) {
            lr_object_replace(heap, &object->slots[i], NULL);
        }
    }
}

static void delete_garbage(struct lr_heap *heap, struct lr_list *unreachable, struct lr_list *old,
                           int generation) {
    LR_LIST_EACH (node, unreachable) {
        struct lr_object *object = object_of(node);
        object->in_set = false;
        object->tentative = false;
        if (heap->observer.garbage != NULL) {
            heap->observer.garbage(heap->observer.context, object);
        }
    }
    while (!lr_list_empty(unreachable)) {
        struct lr_object *object = lr_heap_hold(object_of(unreachable->next));
        if (can_clear(object)) {
            clear_object(heap, object);
        }
        if (unreachable->next == &object->ring) {
            object->generation = generation;
            move_to(old, object);
        }
        lr_heap_drop(heap, object);
    }
}

static size_t collect_ring(struct lr_heap *heap, int generation) {
    struct lr_list *young = &heap->rings[generation];
    int older = generation < LR_HEAP_GENERATIONS - 1 ? generation + 1 : generation;
    for (int i = 0; i < generation; i++) {
        merge_rings(&heap->rings[i], young);
    }
    struct lr_list unreachable;
    lr_list_init(&unreachable);
    deduce_unreachable(young, &unreachable);
    promote(heap, young, generation);
    size_t found = heap->profile->counts_after_finalizers ? 0 : ring_size(&unreachable);
    found += clear_weakrefs(heap, &unreachable);
    run_finalizers(heap, &unreachable);
    spare_resurrected(heap, &unreachable, &heap->rings[older], older);
    if (heap->profile->counts_after_finalizers) {
        found += ring_size(&unreachable);
    }
    delete_garbage(heap, &unreachable, &heap->rings[older], older);
    return found;
}

static void forget_free_lists(struct lr_heap *heap) {
    for (size_t i = 0; i < FREE_LISTS; i++) {
        heap->kept[i] = 0;
    }
}

size_t lr_heap_run_collector(struct lr_heap *heap, int generation, bool automatic) {
    if (heap->collecting) {
        return 0;
    }
    heap->collecting = true;
    struct lr_heap_release before = heap->reason;
    if (before.why != LR_HEAP_BY_EXIT) {
        heap->reason = (struct lr_heap_release){
            .why = LR_HEAP_BY_COLLECTOR, .generation = generation, .automatic = automatic};
    }
    if (heap->observer.collecting != NULL) {
        heap->observer.collecting(heap->observer.context, generation, automatic);
    }
    if (generation + 1 < LR_HEAP_GENERATIONS) {
        heap->count[generation + 1]++;
    }
    for (int i = 0; i <= generation; i++) {
        heap->count[i] = 0;
    }
    size_t found = collect_ring(heap, generation);
    if (generation == LR_HEAP_GENERATIONS - 1) {
        forget_free_lists(heap);
    }
    lr_trace_emit(&heap->trace, heap->now, LR_TRACE_NOTE, 0, "%s of generation %d found %zu",
                  automatic ? "an automatic collection" : "a collection", generation, found);
    heap->reason = before;
    heap->collecting = false;
    return found;
}

static void collect_generations(struct lr_heap *heap) {
    for (int i = LR_HEAP_GENERATIONS - 1; i >= 0; i--) {
        if (heap->count[i] <= heap->threshold[i]) {
            continue;
        }
        /* Full collections cost as much as the heap is large: not before a quarter of it is new. */
        if (i == LR_HEAP_GENERATIONS - 1 && heap->long_lived_pending < heap->long_lived_total / 4) {
            continue;
        }
        lr_heap_run_collector(heap, i, true);
        return;
    }
}

void lr_heap_allocated(struct lr_heap *heap) {
    heap->count[0]++;
    if (heap->count[0] <= heap->threshold[0] || heap->threshold[0] == 0 || !heap->gc_enabled ||
        heap->collecting) {
        return;
    }
    if (heap->profile->collects_at_check) {
        heap->scheduled = true;
    } else {
        collect_generations(heap);
    }
}

void lr_heap_check(struct lr_heap *heap) {
    if (heap->scheduled && !heap->collecting) {
        heap->scheduled = false;
        collect_generations(heap);
    }
}

size_t lr_heap_collect(struct lr_heap *heap, int generation) {
    LR_ASSERT(generation >= 0 && generation < LR_HEAP_GENERATIONS);
    return lr_heap_run_collector(heap, generation, false);
}

void lr_heap_set_gc_enabled(struct lr_heap *heap, bool enabled) {
    heap->gc_enabled = enabled;
}

bool lr_heap_gc_enabled(const struct lr_heap *heap) {
    return heap->gc_enabled;
}

void lr_heap_set_threshold(struct lr_heap *heap,
                           const unsigned int threshold[LR_HEAP_GENERATIONS]) {
    for (int i = 0; i < LR_HEAP_GENERATIONS; i++) {
        heap->threshold[i] = threshold[i];
    }
}

void lr_heap_threshold(const struct lr_heap *heap, unsigned int threshold[LR_HEAP_GENERATIONS]) {
    for (int i = 0; i < LR_HEAP_GENERATIONS; i++) {
        threshold[i] = heap->threshold[i];
    }
}

void lr_heap_count(const struct lr_heap *heap, size_t count[LR_HEAP_GENERATIONS]) {
    for (int i = 0; i < LR_HEAP_GENERATIONS; i++) {
        count[i] = heap->count[i];
    }
}

void lr_heap_observe(struct lr_heap *heap, const struct lr_heap_observer *observer) {
    heap->observer = observer != NULL ? *observer : (struct lr_heap_observer){0};
}
