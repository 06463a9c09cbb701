/* SPDX-License-Identifier: Apache-2.0 */
/* Threads of the modelled program: roots, each with running frames, the exceptions that it handles
 * and its part of each threading.local. */
#include "mocks/heap/internal.h"

static enum lr_status make_thread(struct lr_heap *heap, const char *name, struct lr_object **out) {
    const struct object_options options = {
        .kind = LR_OBJECT_THREAD, .name = name, .slots = 8, .atom = true};
    enum lr_status status = lr_object_make(heap, &options, out);
    if (status == LR_OK) {
        (*out)->immortal = true;
        lr_object_add_slot(*out, SLOT_RAISED, NULL, NULL);
    }
    return status;
}

enum lr_status lr_heap_start_thread(struct lr_heap *heap, const char *name,
                                    struct lr_object **out) {
    struct lr_object *thread;
    struct lr_object *frame;
    enum lr_status status = make_thread(heap, name, &thread);
    if (status != LR_OK) {
        return status;
    }
    status = lr_frame_make(heap, heap->main_thread == NULL ? "<module>" : "run", NULL, &frame);
    if (status == LR_OK) {
        lr_object_add_slot(thread, SLOT_RUNNING, NULL, frame); /* there is room for the first */
        *out = thread;
    } else {
        lr_heap_drop(heap, thread);
    }
    return status;
}

void lr_heap_switch(struct lr_heap *heap, struct lr_object *thread) {
    heap->thread = thread != NULL ? thread : heap->main_thread;
    LR_ASSERT(heap->thread->kind == LR_OBJECT_THREAD);
}

struct lr_object *lr_heap_thread(const struct lr_heap *heap) {
    return heap->thread;
}

/* What the thread stored in |local| goes. */
static void leave_local(struct lr_object *local, const struct lr_object *thread) {
    struct slot *slot = lr_local_slot(local, thread);
    if (slot != NULL) {
        lr_heap_drop(local->heap, lr_object_take_slot(local, (uint32_t)(slot - local->slots)));
    }
}

static void leave_locals(struct lr_object *thread) {
    struct lr_heap *heap = thread->heap;
    for (bool again = true; again;) {
        again = false;
        LR_LIST_EACH (node, &heap->all) {
            struct lr_object *local = LR_CONTAINER_OF(node, struct lr_object, all);
            if (local->kind == LR_OBJECT_THREAD_LOCAL && lr_local_slot(local, thread) != NULL) {
                leave_local(local, thread); /* may free anything: begin again */
                again = true;
                break;
            }
        }
    }
}

void lr_heap_end_thread(struct lr_heap *heap, struct lr_object *thread) {
    LR_ASSERT(thread->kind == LR_OBJECT_THREAD && thread != heap->main_thread);
    struct lr_object *before = heap->thread == thread ? heap->main_thread : heap->thread;
    heap->thread = thread;
    lr_thread_set_raised(thread, NULL);
    while (lr_thread_depth(thread) > 0) {
        lr_heap_leave_frame(heap, NULL);
    }
    lr_thread_end_handlers(thread, 0);
    leave_locals(thread);
    heap->thread = before;
    lr_heap_drop(heap, thread);
}

enum lr_status lr_heap_new_thread_local(struct lr_heap *heap, struct lr_object **out) {
    const struct object_options options = {
        .kind = LR_OBJECT_THREAD_LOCAL, .name = "threading.local", .track = true};
    return lr_object_make(heap, &options, out);
}
