/* SPDX-License-Identifier: Apache-2.0 */
/* The interpreter's exit, in CPython's order: handlers of atexit; a collection, where the collector
 * is on; sys.last_*; the modules out of sys.modules, and what the program put into builtins; a
 * collection, whether it is on or not; the modules that something still keeps, name by name; sys
 * and builtins; and a last collection. */
#include "mocks/heap/internal.h"

enum lr_status lr_heap_atexit(struct lr_heap *heap, lr_heap_call_cb call, void *context,
                              struct lr_object *argument) {
    const struct object_options options = {
        .kind = LR_OBJECT_INSTANCE, .name = "handler", .slots = 1, .special = true, .track = true};
    struct lr_object *handler;
    enum lr_status status = lr_object_make(heap, &options, &handler);
    if (status != LR_OK) {
        return status;
    }
    handler->special->call = call;
    handler->special->context = context;
    lr_object_add_slot(handler, SLOT_DEFAULT, "argument", lr_heap_hold(argument));
    status = lr_object_append(heap->interpreter, SLOT_ATEXIT, NULL, handler);
    lr_heap_drop(heap, handler);
    return status;
}

static struct slot *last_handler(struct lr_object *interpreter, uint32_t before) {
    for (uint32_t i = before; i > 0; i--) {
        if (interpreter->slots[i - 1].kind == SLOT_ATEXIT) {
            return &interpreter->slots[i - 1];
        }
    }
    return NULL;
}

/* All are called, the last first; only then they are forgotten, with what they hold. */
static void run_handlers(struct lr_heap *heap) {
    struct lr_object *interpreter = heap->interpreter;
    struct slot *slot = last_handler(interpreter, interpreter->slot_count);
    while (slot != NULL) {
        uint32_t at = (uint32_t)(slot - interpreter->slots);
        struct lr_object *handler = lr_heap_hold(slot->target);
        if (handler->special->call != NULL) {
            handler->special->call(heap, handler->special->context);
        }
        lr_heap_drop(heap, handler);
        slot = last_handler(interpreter, at);
    }
    while ((slot = last_handler(interpreter, interpreter->slot_count)) != NULL) {
        lr_heap_drop(heap, lr_object_take_slot(interpreter, (uint32_t)(slot - interpreter->slots)));
    }
}

static void end_main(struct lr_heap *heap) {
    heap->thread = heap->main_thread;
    lr_thread_set_raised(heap->thread, NULL);
    while (lr_thread_depth(heap->thread) > 0) {
        lr_heap_leave_frame(heap, NULL);
    }
    lr_thread_end_handlers(heap->thread, 0);
}

static void forget_last(struct lr_heap *heap, struct lr_object *sys_dict) {
    static const char *const names[] = {"last_type", "last_value", "last_traceback", "last_exc"};
    for (size_t i = 0; i < LR_COUNT_OF(names); i++) {
        struct slot *slot = lr_object_slot(sys_dict, SLOT_NAME, names[i]);
        if (slot != NULL) {
            lr_object_replace(heap, slot, NULL);
        }
    }
}

/* Takes the modules out of sys.modules, in the order of their import. */
static void drop_modules(struct lr_heap *heap) {
    struct lr_object *interpreter = heap->interpreter;
    for (struct slot *slot = lr_object_slot(interpreter, SLOT_MODULE, NULL); slot != NULL;
         slot = lr_object_slot(interpreter, SLOT_MODULE, NULL)) {
        lr_heap_drop(heap, lr_object_take_slot(interpreter, (uint32_t)(slot - interpreter->slots)));
    }
}

/* What the program put into builtins goes: the interpreter restores its own copy. */
static void restore_builtins(struct lr_heap *heap, struct lr_object *builtins_dict) {
    while (builtins_dict->slot_count > 0) {
        lr_heap_drop(heap, lr_object_take_slot(builtins_dict, 0));
    }
}

/* The first module that is still there and was not cleared; the flag has no other use for it. */
static struct lr_object *kept_module(struct lr_heap *heap) {
    LR_LIST_EACH (node, &heap->all) {
        struct lr_object *object = LR_CONTAINER_OF(node, struct lr_object, all);
        if (object->kind == LR_OBJECT_MODULE && !object->finalized) {
            return object;
        }
    }
    return NULL;
}

static void clear_modules(struct lr_heap *heap, const struct lr_object *sys_dict,
                          const struct lr_object *builtins_dict) {
    struct lr_object *module;
    while ((module = kept_module(heap)) != NULL) {
        module->finalized = true;
        struct lr_object *dict = lr_object_dict(module);
        if (dict != NULL && dict != sys_dict && dict != builtins_dict) {
            lr_heap_clear_dict(heap, dict);
        }
    }
}

void lr_heap_exit(struct lr_heap *heap) {
    if (heap->exited) {
        return;
    }
    heap->exited = true;
    heap->reason = (struct lr_heap_release){.why = LR_HEAP_BY_EXIT, .generation = -1};
    struct lr_object *sys_dict = lr_object_dict(lr_heap_module(heap, "sys"));
    struct lr_object *builtins_dict = lr_object_dict(lr_heap_module(heap, "builtins"));
    end_main(heap);
    run_handlers(heap);
    if (heap->gc_enabled) {
        lr_heap_run_collector(heap, LR_HEAP_GENERATIONS - 1, false);
    }
    forget_last(heap, sys_dict);
    heap->registry = NULL; /* module weakref's own name for it is among those that go */
    drop_modules(heap);
    restore_builtins(heap, builtins_dict);
    lr_heap_run_collector(heap, LR_HEAP_GENERATIONS - 1, false);
    clear_modules(heap, sys_dict, builtins_dict);
    lr_heap_clear_dict(heap, sys_dict);
    lr_heap_clear_dict(heap, builtins_dict);
    lr_heap_run_collector(heap, LR_HEAP_GENERATIONS - 1, false);
}
