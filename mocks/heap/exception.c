/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions on their way: in flight in a thread, handled in a thread, with a traceback entry for
 * each frame that they reached. Whoever keeps one keeps those frames, and their callers. */
#include "mocks/heap/internal.h"

enum lr_status lr_heap_new_exception(struct lr_heap *heap, const char *type, const char *text,
                                     struct lr_object **out) {
    struct lr_object *nothing = NULL;
    struct lr_object *args;
    const char *interned;
    enum lr_status status = lr_heap_intern(heap, text, &interned);
    if (status == LR_OK) {
        status = lr_heap_new_tuple(heap, &nothing, 1, &args);
    }
    if (status != LR_OK) {
        return status;
    }
    args->slots[0].name = interned;
    const struct object_options options = {
        .kind = LR_OBJECT_EXCEPTION, .name = type, .slots = 4, .track = true};
    status = lr_object_make(heap, &options, out);
    if (status != LR_OK) {
        lr_heap_drop(heap, args);
        return status;
    }
    lr_object_add_slot(*out, SLOT_ARGS, NULL, args);
    lr_object_add_slot(*out, SLOT_TRACEBACK, NULL, NULL);
    lr_object_add_slot(*out, SLOT_CAUSE, NULL, NULL);
    lr_object_add_slot(*out, SLOT_CONTEXT, NULL, NULL);
    return LR_OK;
}

struct lr_object *lr_heap_raised(const struct lr_heap *heap) {
    return lr_object_slot(heap->thread, SLOT_RAISED, NULL)->target;
}

void lr_thread_set_raised(struct lr_object *thread, struct lr_object *exception) {
    lr_object_replace(thread->heap, lr_object_slot(thread, SLOT_RAISED, NULL), exception);
}

static struct slot *top_handler(const struct lr_object *thread) {
    for (uint32_t i = thread->slot_count; i > 0; i--) {
        if (thread->slots[i - 1].kind == SLOT_HANDLED) {
            return &thread->slots[i - 1];
        }
    }
    return NULL;
}

struct lr_object *lr_heap_handled(const struct lr_heap *heap) {
    struct slot *slot = top_handler(heap->thread);
    return slot == NULL ? NULL : slot->target;
}

/* A traceback entry for the running frame, in front of those that |exception| has. */
static enum lr_status add_traceback(struct lr_heap *heap, struct lr_object *exception) {
    const struct object_options options = {
        .kind = LR_OBJECT_TRACEBACK, .name = "traceback", .slots = 2, .track = true};
    struct lr_object *frame = lr_heap_hold(lr_heap_frame(heap));
    struct lr_object *traceback;
    lr_frame_materialize(frame);
    enum lr_status status = lr_object_make(heap, &options, &traceback);
    if (status != LR_OK) {
        lr_heap_drop(heap, frame);
        return status;
    }
    struct slot *slot = lr_object_slot(exception, SLOT_TRACEBACK, NULL);
    lr_object_add_slot(traceback, SLOT_TB_NEXT, NULL, slot->target);
    lr_object_add_slot(traceback, SLOT_TB_FRAME, NULL, frame);
    slot->target = traceback;
    return LR_OK;
}

/* The one that is handled becomes the context, and never a cycle of contexts. */
static void set_context(struct lr_heap *heap, struct lr_object *exception) {
    struct lr_object *handled = lr_heap_handled(heap);
    if (handled == NULL || handled == exception) {
        return;
    }
    struct lr_object *slow = handled; /* half as fast: a program may have made a cycle itself */
    bool step = false;
    for (struct lr_object *at = handled; at != NULL; step = !step) {
        struct slot *slot = lr_object_slot(at, SLOT_CONTEXT, NULL);
        if (slot->target == exception) {
            lr_object_replace(heap, slot, NULL);
            break;
        }
        at = slot->target;
        slow = step ? lr_object_slot(slow, SLOT_CONTEXT, NULL)->target : slow;
        if (at == slow) {
            break;
        }
    }
    lr_object_replace(heap, lr_object_slot(exception, SLOT_CONTEXT, NULL), lr_heap_hold(handled));
}

enum lr_status lr_heap_raise(struct lr_heap *heap, struct lr_object *exception) {
    if (exception->kind != LR_OBJECT_EXCEPTION) {
        return LR_EINVAL;
    }
    if (lr_heap_raised(heap) != NULL) {
        return LR_EBUSY;
    }
    enum lr_status status = add_traceback(heap, exception);
    if (status == LR_OK) {
        set_context(heap, exception);
        lr_thread_set_raised(heap->thread, lr_heap_hold(exception));
    }
    return status;
}

enum lr_status lr_heap_raise_new(struct lr_heap *heap, const char *type, const char *text) {
    struct lr_object *exception;
    enum lr_status status = lr_heap_new_exception(heap, type, text, &exception);
    if (status != LR_OK) {
        return status;
    }
    status = lr_heap_raise(heap, exception);
    lr_heap_drop(heap, exception);
    return status;
}

enum lr_status lr_heap_leave_raising(struct lr_heap *heap) {
    struct lr_object *exception = lr_heap_raised(heap);
    LR_ASSERT(exception != NULL && lr_thread_depth(heap->thread) > 1);
    lr_heap_leave_frame(heap, exception);
    return add_traceback(heap, exception);
}

enum lr_status lr_heap_catch(struct lr_heap *heap, const char *name) {
    struct lr_object *thread = heap->thread;
    struct lr_object *exception = lr_heap_raised(heap);
    if (exception == NULL) {
        return LR_ENOTFOUND;
    }
    const char *interned = NULL;
    enum lr_status status = lr_object_reserve(thread, 1);
    if (status == LR_OK && name != NULL) {
        status = lr_heap_intern(heap, name, &interned);
    }
    if (status == LR_OK && name != NULL) {
        status = lr_heap_set_local(heap, name, exception);
    }
    if (status != LR_OK) {
        return status;
    }
    struct slot *slot = lr_object_add_slot(thread, SLOT_HANDLED, interned, exception);
    slot->tag = lr_thread_depth(thread);
    lr_object_slot(thread, SLOT_RAISED, NULL)->target = NULL;
    return LR_OK;
}

/* The innermost handler ends. */
static void end_handler(struct lr_object *thread, bool unbind) {
    struct lr_heap *heap = thread->heap;
    struct slot *slot = top_handler(thread);
    const char *name = slot->name;
    struct lr_object *exception = lr_object_take_slot(thread, (uint32_t)(slot - thread->slots));
    if (unbind && name != NULL) {
        (void)lr_heap_del(heap, lr_thread_frame(thread), name);
    }
    lr_heap_drop(heap, exception);
}

void lr_heap_end_except(struct lr_heap *heap) {
    struct slot *slot = top_handler(heap->thread);
    LR_ASSERT(slot != NULL && slot->tag == lr_thread_depth(heap->thread));
    end_handler(heap->thread, true);
}

void lr_thread_end_handlers(struct lr_object *thread, uint32_t depth) {
    for (struct slot *slot = top_handler(thread); slot != NULL && slot->tag > depth;
         slot = top_handler(thread)) {
        end_handler(thread, false);
    }
}

/* What an interactive interpreter, or the end of main, makes of one that nobody caught. */
static enum lr_status store_last(struct lr_heap *heap, struct lr_object *exception) {
    struct lr_object *sys = lr_heap_module(heap, "sys");
    enum lr_status status = lr_heap_set(heap, sys, "last_type", NULL);
    if (status == LR_OK && heap->profile->last_exc) {
        status = lr_heap_set(heap, sys, "last_exc", exception);
    }
    if (status == LR_OK) {
        status = lr_heap_set(heap, sys, "last_value", exception);
    }
    if (status == LR_OK) {
        status = lr_heap_set(heap, sys, "last_traceback", lr_heap_get(exception, "__traceback__"));
    }
    return status;
}

enum lr_status lr_heap_uncaught(struct lr_heap *heap) {
    if (lr_heap_raised(heap) == NULL) {
        return LR_ENOTFOUND;
    }
    enum lr_status status = LR_OK;
    while (lr_thread_depth(heap->thread) > 1) {
        enum lr_status left = lr_heap_leave_raising(heap);
        status = status == LR_OK ? left : status;
    }
    struct lr_object *exception = lr_heap_hold(lr_heap_raised(heap));
    lr_thread_set_raised(heap->thread, NULL);
    if (status == LR_OK && heap->thread == heap->main_thread) {
        status = store_last(heap, exception);
    }
    lr_heap_drop(heap, exception);
    return status;
}
