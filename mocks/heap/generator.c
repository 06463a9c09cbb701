/* SPDX-License-Identifier: Apache-2.0 */
/* A generator owns a frame that runs now and then. Giving it up closes it: GeneratorExit is thrown
 * in where it is suspended, so that its `with`s end before what they guard goes. */
#include "mocks/heap/internal.h"

enum lr_status lr_heap_new_generator(struct lr_heap *heap, const char *name,
                                     struct lr_object **out) {
    struct lr_object *frame;
    enum lr_status status = lr_frame_make(heap, name, NULL, &frame);
    if (status != LR_OK) {
        return status;
    }
    const struct object_options options = {
        .kind = LR_OBJECT_GENERATOR, .name = name, .slots = 1, .special = true, .track = true};
    status = lr_object_make(heap, &options, out);
    if (status != LR_OK) {
        lr_heap_drop(heap, frame);
        return status;
    }
    frame->embedded = frame->pending;
    frame->special->generator = *out;
    (*out)->special->state = GENERATOR_FRESH;
    lr_object_add_slot(*out, SLOT_GI_FRAME, NULL, frame);
    return LR_OK;
}

struct lr_object *lr_heap_generator_frame(const struct lr_object *generator) {
    LR_ASSERT(generator->kind == LR_OBJECT_GENERATOR);
    return generator->special->state == GENERATOR_ENDED ? NULL : generator->slots[0].target;
}

enum lr_status lr_heap_resume(struct lr_heap *heap, struct lr_object *generator) {
    LR_ASSERT(generator->kind == LR_OBJECT_GENERATOR);
    if (generator->special->state == GENERATOR_ENDED) {
        return LR_ECLOSED;
    }
    if (generator->special->state == GENERATOR_RUNNING) {
        return LR_EBUSY;
    }
    struct lr_object *frame = generator->slots[0].target;
    struct lr_object *thread = heap->thread;
    enum lr_status status = lr_object_reserve(thread, 2);
    if (status == LR_OK) {
        lr_object_replace(heap, &frame->slots[0], lr_heap_hold(lr_heap_frame(heap)));
        /* next() refers to it as long as it runs. */
        lr_object_add_slot(thread, SLOT_STACK, NULL, lr_heap_hold(generator));
        lr_object_add_slot(thread, SLOT_RUNNING, NULL, lr_heap_hold(frame));
        generator->special->state = GENERATOR_RUNNING;
    }
    return status;
}

/* What next() held. */
static struct lr_object *take_from_caller(struct lr_object *thread) {
    for (uint32_t i = thread->slot_count; i > 0; i--) {
        if (thread->slots[i - 1].kind == SLOT_STACK) {
            return lr_object_take_slot(thread, i - 1);
        }
    }
    LR_UNREACHABLE();
}

static bool is_running_generator(const struct lr_object *frame) {
    const struct lr_object *generator = frame->special->generator;
    return generator != NULL && generator->special->state == GENERATOR_RUNNING;
}

void lr_heap_yield(struct lr_heap *heap) {
    struct lr_object *thread = heap->thread;
    LR_ASSERT(is_running_generator(lr_heap_frame(heap)));
    struct lr_object *frame = lr_thread_unstack(thread);
    struct lr_object *generator = take_from_caller(thread);
    generator->special->state = GENERATOR_SUSPENDED;
    lr_thread_end_handlers(thread, lr_thread_depth(thread));
    lr_object_replace(heap, &frame->slots[0], NULL); /* back to whoever resumes it next */
    lr_heap_drop(heap, frame);
    lr_heap_drop(heap, generator);
}

void lr_heap_generator_return(struct lr_heap *heap) {
    LR_ASSERT(is_running_generator(lr_heap_frame(heap)));
    lr_heap_leave_frame(heap, NULL);
}

struct lr_object *lr_generator_left(struct lr_object *thread, struct lr_object *frame) {
    if (!is_running_generator(frame)) {
        return NULL;
    }
    struct lr_object *generator = take_from_caller(thread);
    generator->special->state = GENERATOR_ENDED;
    frame->special->generator = NULL;
    lr_object_replace(thread->heap, &generator->slots[0], NULL);
    return generator;
}

void lr_generator_end(struct lr_object *generator, bool keep_frame) {
    struct lr_heap *heap = generator->heap;
    enum generator_state before = generator->special->state;
    LR_ASSERT(before != GENERATOR_RUNNING);
    generator->special->state = GENERATOR_ENDED;
    struct lr_object *frame = generator->slots[0].target;
    if (frame == NULL) {
        return;
    }
    frame->special->generator = NULL;
    if (before == GENERATOR_SUSPENDED) {
        lr_frame_run_exits(frame, heap->generator_exit, keep_frame);
    }
    if (!keep_frame) {
        lr_object_replace(heap, &generator->slots[0], NULL);
    }
}

void lr_heap_generator_close(struct lr_heap *heap, struct lr_object *generator) {
    if (generator->special->state != GENERATOR_ENDED) {
        lr_heap_hold(generator);
        lr_generator_end(generator, false);
        lr_heap_drop(heap, generator);
    }
}
