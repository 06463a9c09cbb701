/* SPDX-License-Identifier: Apache-2.0 */
/* The heap as a whole: the interpreter with its modules, its main thread, and the end of it all. */
#include "mocks/heap/heap.h"

#include <stdio.h>

#include "mocks/heap/internal.h"

enum lr_status lr_heap_new_module(struct lr_heap *heap, const char *name, struct lr_object **out) {
    const struct object_options options = {
        .kind = LR_OBJECT_MODULE, .name = name, .slots = 1, .track = true};
    struct lr_object *module;
    enum lr_status status = lr_object_make(heap, &options, &module);
    if (status != LR_OK) {
        return status;
    }
    struct lr_object *dict;
    status = lr_heap_new_dict(heap, &dict);
    if (status == LR_OK) {
        lr_object_add_slot(module, SLOT_DICT, NULL, dict);
        status = lr_object_append(heap->interpreter, SLOT_MODULE, name, module);
    }
    if (status != LR_OK) {
        lr_heap_drop(heap, module);
        return status;
    }
    *out = module;
    return LR_OK;
}

struct lr_object *lr_heap_module(const struct lr_heap *heap, const char *name) {
    struct slot *slot = lr_object_slot(heap->interpreter, SLOT_MODULE, name);
    return slot == NULL ? NULL : slot->target;
}

struct lr_object *lr_heap_globals(const struct lr_object *module) {
    LR_ASSERT(module->kind == LR_OBJECT_MODULE);
    return lr_object_dict(module);
}

/* sys and builtins: the interpreter holds their dicts besides the modules. */
static enum lr_status make_module(struct lr_heap *heap, const char *name, bool born) {
    struct lr_object *module;
    enum lr_status status = lr_heap_new_module(heap, name, &module);
    if (status != LR_OK) {
        return status;
    }
    if (born) {
        status = lr_object_append(heap->interpreter, SLOT_BORN, name, lr_object_dict(module));
    }
    lr_heap_drop(heap, module);
    return status;
}

static enum lr_status make_interpreter(struct lr_heap *heap) {
    const struct object_options options = {
        .kind = LR_OBJECT_ROOT, .name = "interpreter", .slots = 8, .atom = true};
    enum lr_status status = lr_object_make(heap, &options, &heap->interpreter);
    if (status != LR_OK) {
        return status;
    }
    heap->interpreter->immortal = true;
    static const struct {
        const char *name;
        bool born;
    } modules[] = {{"sys", true}, {"builtins", true}, {"__main__", false}, {"weakref", false}};
    for (size_t i = 0; i < LR_COUNT_OF(modules) && status == LR_OK; i++) {
        status = make_module(heap, modules[i].name, modules[i].born);
    }
    struct lr_object *registry;
    if (status == LR_OK) {
        status = lr_heap_new_dict(heap, &registry);
    }
    if (status == LR_OK) {
        heap->registry = registry;
        status = lr_heap_set(heap, lr_heap_module(heap, "weakref"), "finalize._registry", registry);
        lr_heap_drop(heap, registry);
    }
    return status;
}

static enum lr_status make_main(struct lr_heap *heap) {
    enum lr_status status = lr_heap_start_thread(heap, "main", &heap->main_thread);
    if (status != LR_OK) {
        return status;
    }
    heap->thread = heap->main_thread;
    struct lr_object *globals = lr_object_dict(lr_heap_module(heap, "__main__"));
    status = lr_object_append(lr_heap_frame(heap), SLOT_GLOBALS, NULL, globals);
    if (status == LR_OK) {
        status = lr_heap_new_exception(heap, "GeneratorExit", "", &heap->generator_exit);
    }
    if (status == LR_OK) {
        lr_object_untrack(heap->generator_exit); /* the interpreter's own, there from the start */
        heap->generator_exit->immortal = true;
    }
    return status;
}

enum lr_status lr_heap_new(struct lr_heap **out, struct lr_alloc *alloc,
                           const struct lr_heap_profile *profile, const struct lr_trace *trace) {
    struct lr_heap *heap = LR_NEW(alloc, struct lr_heap);
    if (heap == NULL) {
        return LR_ENOMEM;
    }
    heap->alloc = alloc;
    heap->profile = profile;
    if (trace != NULL) {
        heap->trace = *trace;
    }
    heap->gc_enabled = true;
    heap->reason = (struct lr_heap_release){.why = LR_HEAP_BY_COUNT, .generation = -1};
    lr_list_init(&heap->all);
    for (int i = 0; i < LR_HEAP_GENERATIONS; i++) {
        lr_list_init(&heap->rings[i]);
        heap->threshold[i] = profile->threshold[i];
    }
    enum lr_status status = make_interpreter(heap);
    if (status == LR_OK) {
        status = make_main(heap);
    }
    if (status != LR_OK) {
        lr_heap_free(heap);
        return status;
    }
    /* What a program sees at its start: an old heap, and young generations that are empty. */
    (void)lr_heap_run_collector(heap, LR_HEAP_GENERATIONS - 1, false);
    *out = heap;
    return LR_OK;
}

void lr_heap_free(struct lr_heap *heap) {
    if (heap == NULL) {
        return;
    }
    while (!lr_list_empty(&heap->all)) {
        lr_object_free(LR_CONTAINER_OF(heap->all.next, struct lr_object, all));
    }
    for (size_t i = 0; i < NAME_BUCKETS; i++) {
        while (heap->names[i] != NULL) {
            struct interned *entry = heap->names[i];
            heap->names[i] = entry->next;
            lr_alloc_free(heap->alloc, entry, sizeof *entry + entry->size);
        }
    }
    LR_FREE(heap->alloc, heap);
}

const struct lr_heap_profile *lr_heap_profile_of(const struct lr_heap *heap) {
    return heap->profile;
}

void lr_heap_set_now(struct lr_heap *heap, lr_time now) {
    heap->now = now;
}

const char *lr_heap_release_text(char *out, size_t size, const struct lr_heap_release *release) {
    switch (release->why) {
    case LR_HEAP_BY_COUNT:
        (void)snprintf(out, size, "its last reference");
        break;
    case LR_HEAP_BY_COLLECTOR:
        (void)snprintf(out, size,
                       release->automatic ? "an automatic collection of generation %d"
                                          : "gc.collect(%d)",
                       release->generation);
        break;
    case LR_HEAP_BY_EXIT:
        (void)snprintf(out, size, "the interpreter's exit");
        break;
    }
    return out;
}
