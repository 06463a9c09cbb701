/* SPDX-License-Identifier: Apache-2.0 */
/* Weak references and weakref.finalize. The latter is a weak reference with a record in a registry
 * that module weakref keeps alive: whatever the record refers to is held from there. */
#include "mocks/heap/internal.h"

static enum lr_status make_weakref(struct lr_heap *heap, struct lr_object *target,
                                   struct lr_object **out) {
    const struct object_options options = {.kind = LR_OBJECT_WEAKREF,
                                           .name = target->name,
                                           .slots = 1,
                                           .special = true,
                                           .track = true};
    enum lr_status status = lr_object_make(heap, &options, out);
    if (status != LR_OK) {
        return status;
    }
    struct special *special = (*out)->special;
    special->referent = target;
    special->weak_next = target->weak_first;
    target->weak_first = *out;
    return LR_OK;
}

enum lr_status lr_heap_new_weakref(struct lr_heap *heap, struct lr_object *target,
                                   lr_heap_call_cb callback, void *context,
                                   struct lr_object **out) {
    enum lr_status status = make_weakref(heap, target, out);
    if (status == LR_OK) {
        (*out)->special->call = callback;
        (*out)->special->context = context;
    }
    return status;
}

struct lr_object *lr_heap_weakref_target(const struct lr_object *weakref) {
    LR_ASSERT(weakref->kind == LR_OBJECT_WEAKREF);
    return weakref->special->referent;
}

/* A weak reference goes before its referent: out of the referent's row. */
void lr_weakref_forget(struct lr_object *weakref) {
    struct lr_object *referent = weakref->special->referent;
    if (weakref->kind != LR_OBJECT_WEAKREF || referent == NULL) {
        return;
    }
    struct lr_object **link = &referent->weak_first;
    while (*link != weakref) {
        LR_ASSERT(*link != NULL);
        link = &(*link)->special->weak_next;
    }
    *link = weakref->special->weak_next;
    weakref->special->weak_next = NULL;
    weakref->special->referent = NULL;
}

/* The place of |finalize| in the registry; the record is behind it. -1: it is not there. */
static int64_t find_in_registry(const struct lr_object *finalize) {
    const struct lr_object *registry = finalize->heap->registry;
    for (uint32_t i = 0; registry != NULL && i < registry->slot_count; i += 2) {
        if (registry->slots[i].target == finalize) {
            return i;
        }
    }
    return -1;
}

/* Takes both out of the registry. Returns the record, owned by the caller; NULL: not there. */
static struct lr_object *unregister(struct lr_object *finalize) {
    int64_t at = find_in_registry(finalize);
    if (at < 0) {
        return NULL;
    }
    struct lr_object *registry = finalize->heap->registry;
    struct lr_object *record = lr_object_take_slot(registry, (uint32_t)at + 1);
    (void)lr_object_take_slot(registry, (uint32_t)at);
    lr_heap_drop(finalize->heap, finalize);
    return record;
}

static void call_finalize(struct lr_heap *heap, void *context) {
    struct lr_object *finalize = lr_heap_hold(context);
    struct lr_object *record = unregister(finalize);
    if (record != NULL && finalize->special->call != NULL && !heap->finalizers_over) {
        finalize->special->call(heap, finalize->special->context);
    }
    lr_heap_drop(heap, record);
    lr_heap_drop(heap, finalize);
}

/* record: the weak reference, whose callback is the finalize, and the argument. */
static enum lr_status make_record(struct lr_heap *heap, struct lr_object *target,
                                  struct lr_object *finalize, struct lr_object *argument,
                                  struct lr_object **out) {
    const struct object_options options = {
        .kind = LR_OBJECT_INSTANCE, .name = "finalizer", .slots = 2, .track = true};
    enum lr_status status = lr_object_make(heap, &options, out);
    if (status != LR_OK) {
        return status;
    }
    (*out)->plain = true;
    struct lr_object *weakref;
    status = make_weakref(heap, target, &weakref);
    if (status != LR_OK) {
        lr_heap_drop(heap, *out);
        return status;
    }
    weakref->special->call = call_finalize;
    weakref->special->context = finalize;
    lr_object_add_slot(weakref, SLOT_CALLBACK, NULL, lr_heap_hold(finalize));
    lr_object_add_slot(*out, SLOT_ITEM, NULL, weakref);
    lr_object_add_slot(*out, SLOT_FUNC, NULL, lr_heap_hold(argument));
    return LR_OK;
}

/* The handler of atexit that the first finalize registers: those that want it, the last made first.
 * None is called any more once it ran. */
static void run_at_exit(struct lr_heap *heap, void *context) {
    (void)context;
    for (;;) {
        struct lr_object *last = NULL;
        for (uint32_t i = 0; heap->registry != NULL && i < heap->registry->slot_count; i += 2) {
            struct lr_object *finalize = heap->registry->slots[i].target;
            if (finalize->special->atexit && (last == NULL || finalize->serial > last->serial)) {
                last = finalize;
            }
        }
        if (last == NULL) {
            break;
        }
        call_finalize(heap, last);
    }
    heap->finalizers_over = true;
}

enum lr_status lr_heap_new_finalize(struct lr_heap *heap, struct lr_object *target,
                                    const struct lr_heap_finalize *options,
                                    struct lr_object **out) {
    if (heap->registry == NULL) {
        return LR_ECLOSED; /* the module is gone: the interpreter exits */
    }
    const struct object_options like = {
        .kind = LR_OBJECT_FINALIZE, .name = target->name, .special = true, .track = true};
    if (!heap->finalizers_begun) {
        if (lr_heap_atexit(heap, run_at_exit, NULL, NULL) != LR_OK) {
            return LR_ENOMEM;
        }
        heap->finalizers_begun = true;
    }
    struct lr_object *finalize = NULL;
    enum lr_status status = lr_object_make(heap, &like, &finalize);
    if (status != LR_OK) {
        return status;
    }
    finalize->special->call = options->call;
    finalize->special->context = options->context;
    finalize->special->atexit = options->atexit;
    struct lr_object *record;
    status = lr_object_reserve(heap->registry, 2);
    if (status == LR_OK) {
        status = make_record(heap, target, finalize, options->argument, &record);
    }
    if (status != LR_OK) {
        lr_heap_drop(heap, finalize);
        return status;
    }
    lr_object_add_slot(heap->registry, SLOT_FINALIZER, NULL, lr_heap_hold(finalize));
    lr_object_add_slot(heap->registry, SLOT_RECORD, NULL, record);
    lr_object_track(heap->registry);
    *out = finalize;
    return LR_OK;
}

bool lr_heap_finalize_alive(const struct lr_object *finalize) {
    return find_in_registry(finalize) >= 0;
}

void lr_heap_finalize_detach(struct lr_heap *heap, struct lr_object *finalize) {
    lr_heap_drop(heap, unregister(finalize));
}
