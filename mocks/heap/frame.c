/* SPDX-License-Identifier: Apache-2.0 */
/* Frames. A running one is held by its thread; f_back is its first slot and stays when it ends. */
#include "mocks/heap/internal.h"

uint32_t lr_thread_depth(const struct lr_object *thread) {
    uint32_t depth = 0;
    for (uint32_t i = 0; i < thread->slot_count; i++) {
        depth += thread->slots[i].kind == SLOT_RUNNING;
    }
    return depth;
}

static struct slot *top_slot(const struct lr_object *thread) {
    for (uint32_t i = thread->slot_count; i > 0; i--) {
        if (thread->slots[i - 1].kind == SLOT_RUNNING) {
            return &thread->slots[i - 1];
        }
    }
    return NULL;
}

struct lr_object *lr_thread_frame(const struct lr_object *thread) {
    struct slot *slot = top_slot(thread);
    return slot == NULL ? NULL : slot->target;
}

struct lr_object *lr_heap_frame(const struct lr_heap *heap) {
    return lr_thread_frame(heap->thread);
}

struct lr_object *lr_thread_unstack(struct lr_object *thread) {
    struct slot *slot = top_slot(thread);
    LR_ASSERT(slot != NULL);
    return lr_object_take_slot(thread, (uint32_t)(slot - thread->slots));
}

enum lr_status lr_frame_make(struct lr_heap *heap, const char *name, struct lr_object *back,
                             struct lr_object **out) {
    bool lazy = heap->profile->lazy_frames;
    const struct object_options options = {.kind = LR_OBJECT_FRAME,
                                           .name = name,
                                           .slots = 2, /* f_back, and most have a local */
                                           .special = true,
                                           .pending = lazy,
                                           .track = !lazy};
    enum lr_status status = lr_object_make(heap, &options, out);
    if (status == LR_OK) {
        lr_object_add_slot(*out, SLOT_F_BACK, NULL, lr_heap_hold(back));
    }
    return status;
}

enum lr_status lr_heap_push_frame(struct lr_heap *heap, const char *name) {
    struct lr_object *frame;
    enum lr_status status = lr_frame_make(heap, name, lr_thread_frame(heap->thread), &frame);
    if (status != LR_OK) {
        return status;
    }
    status = lr_object_append(heap->thread, SLOT_RUNNING, NULL, frame);
    lr_heap_drop(heap, frame);
    return status;
}

static struct slot *top_with(const struct lr_object *frame) {
    for (uint32_t i = frame->slot_count; i > 0; i--) {
        if (frame->slots[i - 1].kind == SLOT_STACK && frame->slots[i - 1].tag == 0) {
            return &frame->slots[i - 1];
        }
    }
    return NULL;
}

void lr_frame_run_exits(struct lr_object *frame, struct lr_object *exception, bool keep) {
    struct lr_heap *heap = frame->heap;
    for (struct slot *slot = top_with(frame); slot != NULL; slot = top_with(frame)) {
        struct lr_object *method = lr_heap_hold(slot->target);
        slot->tag = 1; /* it ran */
        if (!keep) {
            lr_heap_drop(heap, lr_object_take_slot(frame, (uint32_t)(slot - frame->slots)));
        }
        if (method->special->exit != NULL) {
            method->special->exit(heap, exception, method->special->context);
        }
        lr_heap_drop(heap, method);
    }
}

void lr_heap_leave_frame(struct lr_heap *heap, struct lr_object *exception) {
    struct lr_object *thread = heap->thread;
    lr_frame_run_exits(lr_thread_frame(thread), exception, false);
    struct lr_object *frame = lr_thread_unstack(thread);
    struct lr_object *generator = lr_generator_left(thread, frame);
    lr_thread_end_handlers(thread, lr_thread_depth(thread));
    if (frame->refs > 1 && !frame->tracked) {
        /* It outlives its run as an object: so must the frames that it goes back to. */
        lr_frame_materialize(frame);
        struct lr_object *back = frame->slots[0].target;
        if (back != NULL) {
            lr_frame_materialize(back);
        }
        lr_object_track(frame);
    }
    lr_heap_drop(heap, frame);
    lr_heap_drop(heap, generator);
    lr_heap_check(heap);
}

void lr_heap_pop_frame(struct lr_heap *heap) {
    LR_ASSERT(lr_thread_depth(heap->thread) > 1);
    LR_ASSERT(lr_heap_raised(heap) == NULL);
    lr_heap_leave_frame(heap, NULL);
}

void lr_heap_give_up(struct lr_heap *heap, uint32_t depth) {
    lr_thread_set_raised(heap->thread, NULL);
    while (lr_thread_depth(heap->thread) > depth) {
        lr_heap_leave_frame(heap, NULL);
    }
}

enum lr_status lr_heap_set_local(struct lr_heap *heap, const char *name, struct lr_object *value) {
    return lr_heap_set(heap, lr_heap_frame(heap), name, value);
}

enum lr_status lr_heap_del_local(struct lr_heap *heap, const char *name) {
    return lr_heap_del(heap, lr_heap_frame(heap), name);
}

struct lr_object *lr_heap_local(const struct lr_heap *heap, const char *name) {
    return lr_heap_get(lr_heap_frame(heap), name);
}

enum lr_status lr_heap_take_local(struct lr_heap *heap, const char *name, struct lr_object *value) {
    enum lr_status status = lr_heap_set_local(heap, name, value);
    lr_heap_drop(heap, value);
    return status;
}

enum lr_status lr_heap_enter_with(struct lr_heap *heap, struct lr_object *value,
                                  lr_heap_exit_cb exit, void *context) {
    const struct object_options options = {
        .kind = LR_OBJECT_METHOD, .name = "__exit__", .slots = 1, .special = true, .track = true};
    struct lr_object *method;
    enum lr_status status = lr_object_make(heap, &options, &method);
    if (status != LR_OK) {
        return status;
    }
    lr_object_add_slot(method, SLOT_SELF, NULL, lr_heap_hold(value));
    method->special->exit = exit;
    method->special->context = context;
    status = lr_object_append(lr_heap_frame(heap), SLOT_STACK, NULL, method);
    lr_heap_drop(heap, method);
    return status;
}

enum lr_status lr_heap_leave_with(struct lr_heap *heap) {
    struct lr_object *frame = lr_heap_frame(heap);
    struct slot *slot = top_with(frame);
    if (slot == NULL) {
        return LR_ENOTFOUND;
    }
    struct lr_object *method = lr_object_take_slot(frame, (uint32_t)(slot - frame->slots));
    if (method->special->exit != NULL) {
        method->special->exit(heap, lr_heap_raised(heap), method->special->context);
    }
    lr_heap_drop(heap, method);
    return LR_OK;
}
