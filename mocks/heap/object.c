/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "mocks/heap/internal.h"

/* The interpreter keeps the memory of a few kinds for the next of the kind. */
static const struct {
    size_t max;
} free_lists[FREE_TUPLE + 1] = {
    [FREE_LIST] = {80}, [FREE_DICT] = {80}, [FREE_FRAME] = {200}, [FREE_TUPLE] = {2000}, /* of each
                                                                                            size
                                                                                            below 20
                                                                                          */
};

/* FREE_LISTS: |object| has none. */
static int free_list_of(const struct lr_object *object) {
    if (object->kind == LR_OBJECT_LIST) {
        return FREE_LIST;
    }
    if (object->kind == LR_OBJECT_DICT) {
        return FREE_DICT;
    }
    if (object->kind == LR_OBJECT_FRAME && !object->heap->profile->lazy_frames) {
        return FREE_FRAME;
    }
    if (object->kind == LR_OBJECT_TUPLE && object->slot_count > 0 && object->slot_count < 20) {
        return FREE_TUPLE + (int)object->slot_count;
    }
    return FREE_LISTS;
}

static struct interned *name_of(const struct lr_object *object) {
    return LR_CONTAINER_OF(object->name, struct interned, text);
}

/* Until 3.11 a function keeps one frame for its next call, before any goes to the free list. */
static bool keeps_frame(const struct lr_object *object) {
    return object->kind == LR_OBJECT_FRAME && !object->heap->profile->lazy_frames;
}

static void count_made(struct lr_object *object, int list) {
    struct lr_heap *heap = object->heap;
    if (keeps_frame(object) && name_of(object)->has_frame) {
        name_of(object)->has_frame = false;
        return;
    }
    if (list < FREE_LISTS && heap->kept[list] > 0) {
        heap->kept[list]--;
        return;
    }
    lr_heap_allocated(heap);
}

static void count_freed(struct lr_object *object) {
    struct lr_heap *heap = object->heap;
    if (keeps_frame(object) && !name_of(object)->has_frame) {
        name_of(object)->has_frame = true;
        return;
    }
    int list = free_list_of(object);
    size_t max = list < FREE_LISTS ? free_lists[list < FREE_TUPLE ? list : FREE_TUPLE].max : 0;
    if (max > 0 && heap->kept[list] < max) {
        heap->kept[list]++;
    } else if (heap->count[0] > 0) {
        heap->count[0]--;
    }
}

enum lr_status lr_heap_intern(struct lr_heap *heap, const char *text, const char **out) {
    size_t size = strlen(text) + 1;
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i + 1 < size; i++) {
        hash = (hash ^ (unsigned char)text[i]) * 16777619U;
    }
    struct interned **bucket = &heap->names[hash % NAME_BUCKETS];
    for (struct interned *entry = *bucket; entry != NULL; entry = entry->next) {
        if (entry->size == size && memcmp(entry->text, text, size) == 0) {
            *out = entry->text;
            return LR_OK;
        }
    }
    struct interned *entry = lr_alloc_bytes(heap->alloc, sizeof *entry + size);
    if (entry == NULL) {
        return LR_ENOMEM;
    }
    entry->size = size;
    entry->has_frame = false;
    memcpy(entry->text, text, size);
    entry->next = *bucket;
    *bucket = entry;
    *out = entry->text;
    return LR_OK;
}

static struct lr_object *new_object(struct lr_heap *heap, const struct object_options *options) {
    struct lr_object *object = LR_NEW(heap->alloc, struct lr_object);
    if (object == NULL) {
        return NULL;
    }
    object->heap = heap;
    object->kind = (uint8_t)options->kind;
    object->generation = -1;
    object->container = !options->atom;
    object->pending = options->pending;
    object->refs = 1;
    lr_list_init(&object->all);
    lr_list_init(&object->ring);
    if (lr_object_reserve(object, options->slots) != LR_OK) {
        goto failed;
    }
    if (options->special) {
        object->special = LR_NEW(heap->alloc, struct special);
        if (object->special == NULL) {
            goto failed;
        }
    }
    return object;
failed:
    lr_alloc_free(heap->alloc, object->slots, object->slot_room * sizeof *object->slots);
    LR_FREE(heap->alloc, object);
    return NULL;
}

enum lr_status lr_object_make(struct lr_heap *heap, const struct object_options *options,
                              struct lr_object **out) {
    const char *name;
    if (lr_heap_intern(heap, options->name, &name) != LR_OK) {
        return LR_ENOMEM;
    }
    struct lr_object *object = new_object(heap, options);
    if (object == NULL) {
        return LR_ENOMEM;
    }
    object->name = name;
    if (object->container && !object->pending) {
        /* A tuple is asked for by its size, and its slots are filled later. */
        uint32_t slots = object->slot_count;
        object->slot_count = object->kind == LR_OBJECT_TUPLE ? options->slots : slots;
        int list = free_list_of(object);
        object->slot_count = slots;
        count_made(object, list);
    }
    object->serial = ++heap->serial;
    lr_list_append(&heap->all, &object->all);
    if (options->track) {
        lr_object_track(object);
    }
    *out = object;
    lr_heap_check(heap);
    return LR_OK;
}

enum lr_status lr_object_reserve(struct lr_object *object, uint32_t more) {
    if (more <= object->slot_room - object->slot_count) {
        return LR_OK;
    }
    if (more > UINT32_MAX / 4 || object->slot_count > UINT32_MAX / 4) {
        return LR_ENOMEM; /* bounded long before by memory itself */
    }
    uint32_t room = object->slot_count + more;
    if (object->slot_count > 0 && room < object->slot_count * 2) {
        room = object->slot_count * 2;
    }
    struct slot *slots = lr_alloc_resize(object->heap->alloc, object->slots,
                                         object->slot_room * sizeof *slots, room * sizeof *slots);
    if (slots == NULL) {
        return LR_ENOMEM;
    }
    object->slots = slots;
    object->slot_room = room;
    return LR_OK;
}

struct slot *lr_object_add_slot(struct lr_object *object, enum slot_kind kind, const char *name,
                                struct lr_object *target) {
    LR_ASSERT(object->slot_count < object->slot_room);
    struct slot *slot = &object->slots[object->slot_count++];
    *slot = (struct slot){.kind = kind, .name = name, .target = target};
    return slot;
}

enum lr_status lr_object_append(struct lr_object *object, enum slot_kind kind, const char *name,
                                struct lr_object *target) {
    const char *interned = NULL;
    if (name != NULL && lr_heap_intern(object->heap, name, &interned) != LR_OK) {
        return LR_ENOMEM;
    }
    if (lr_object_reserve(object, 1) != LR_OK) {
        return LR_ENOMEM;
    }
    lr_object_add_slot(object, kind, interned, lr_heap_hold(target));
    if (object->kind == LR_OBJECT_DICT && lr_object_may_be_tracked(target)) {
        lr_object_track(object);
    }
    return LR_OK;
}

struct slot *lr_object_slot(const struct lr_object *object, enum slot_kind kind, const char *name) {
    for (uint32_t i = 0; i < object->slot_count; i++) {
        struct slot *slot = &object->slots[i];
        if (slot->kind == kind && (name == NULL || strcmp(slot->name, name) == 0)) {
            return slot;
        }
    }
    return NULL;
}

struct lr_object *lr_object_take_slot(struct lr_object *object, uint32_t index) {
    LR_ASSERT(index < object->slot_count);
    struct lr_object *target = object->slots[index].target;
    object->slot_count--;
    memmove(&object->slots[index], &object->slots[index + 1],
            (object->slot_count - index) * sizeof *object->slots);
    return target;
}

void lr_object_replace(struct lr_heap *heap, struct slot *slot, struct lr_object *target) {
    struct lr_object *before = slot->target;
    slot->target = target;
    lr_heap_drop(heap, before);
}

void lr_object_track(struct lr_object *object) {
    if (object->tracked || !object->container) {
        return;
    }
    object->tracked = true;
    object->generation = 0;
    lr_list_append(&object->heap->rings[0], &object->ring);
}

void lr_object_untrack(struct lr_object *object) {
    if (!object->tracked) {
        return;
    }
    object->tracked = false;
    object->generation = -1;
    lr_list_remove(&object->ring);
}

/* Whether a dict or tuple that holds |object| can be part of a cycle. */
bool lr_object_may_be_tracked(const struct lr_object *object) {
    return object != NULL && object->container &&
           (object->kind != LR_OBJECT_TUPLE || object->tracked);
}

void lr_frame_materialize(struct lr_object *frame) {
    if (!frame->pending) {
        return;
    }
    frame->pending = false;
    lr_heap_allocated(frame->heap);
    if (frame->embedded) {
        frame->embedded = false;
        lr_object_track(frame);
    }
}

void lr_object_free(struct lr_object *object) {
    struct lr_heap *heap = object->heap;
    lr_object_untrack(object);
    lr_list_remove(&object->all);
    if (object->container && !object->pending) {
        count_freed(object);
    }
    while (object->watches != NULL) {
        lr_heap_unwatch(object->watches);
    }
    lr_alloc_free(heap->alloc, object->slots, object->slot_room * sizeof *object->slots);
    if (object->special != NULL) {
        LR_FREE(heap->alloc, object->special);
    }
    LR_FREE(heap->alloc, object);
}

void lr_heap_watch(struct lr_heap_watch *watch, struct lr_object *object) {
    watch->object = object;
    watch->next = NULL;
    watch->link = NULL;
    if (object != NULL) {
        watch->next = object->watches;
        watch->link = &object->watches;
        object->watches = watch;
        if (watch->next != NULL) {
            watch->next->link = &watch->next;
        }
    }
}

void lr_heap_unwatch(struct lr_heap_watch *watch) {
    if (watch->object == NULL) {
        return;
    }
    *watch->link = watch->next;
    if (watch->next != NULL) {
        watch->next->link = watch->link;
    }
    watch->object = NULL;
}
