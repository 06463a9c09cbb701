/* SPDX-License-Identifier: Apache-2.0 */
#include "mocks/heap/collector.h"

#include <stdio.h>

#include "mocks/heap/internal.h"

static const char *const kind_words[LR_OBJECT_KIND_COUNT] = {
    [LR_OBJECT_ROOT] = "interpreter",
    [LR_OBJECT_THREAD] = "thread",
    [LR_OBJECT_MODULE] = "module",
    [LR_OBJECT_CLASS] = "class",
    [LR_OBJECT_FUNCTION] = "function",
    [LR_OBJECT_METHOD] = "bound method",
    [LR_OBJECT_CELL] = "cell",
    [LR_OBJECT_FRAME] = "frame",
    [LR_OBJECT_TRACEBACK] = "",
    [LR_OBJECT_EXCEPTION] = "exception",
    [LR_OBJECT_GENERATOR] = "generator",
    [LR_OBJECT_INSTANCE] = "instance",
    [LR_OBJECT_SESSION] = "",
    [LR_OBJECT_LIST] = "",
    [LR_OBJECT_TUPLE] = "",
    [LR_OBJECT_DICT] = "",
    [LR_OBJECT_SET] = "",
    [LR_OBJECT_WEAKREF] = "weakref to",
    [LR_OBJECT_FINALIZE] = "finalize of",
    [LR_OBJECT_THREAD_LOCAL] = "",
    [LR_OBJECT_ATOM] = "",
};

const struct lr_object *lr_heap_next(const struct lr_heap *heap, const struct lr_object *object) {
    const struct lr_list *node = object == NULL ? heap->all.next : object->all.next;
    return node == &heap->all ? NULL : LR_CONTAINER_OF(node, const struct lr_object, all);
}

enum lr_object_kind lr_object_kind(const struct lr_object *object) {
    return (enum lr_object_kind)object->kind;
}

const char *lr_object_name(const struct lr_object *object) {
    return object->name;
}

const char *lr_object_text(char *out, size_t size, const struct lr_object *object) {
    const char *word = kind_words[object->kind];
    (void)snprintf(out, size, "%s%s%s", word, word[0] == '\0' ? "" : " ", object->name);
    return out;
}

const char *lr_object_detail(const struct lr_object *object) {
    const struct slot *slot = NULL;
    if (object->kind == LR_OBJECT_TRACEBACK) {
        slot = lr_object_slot(object, SLOT_TB_FRAME, NULL);
        return slot == NULL || slot->target == NULL ? "" : slot->target->name;
    }
    if (object->kind == LR_OBJECT_EXCEPTION) {
        slot = lr_object_slot(object, SLOT_ARGS, NULL);
        return slot == NULL || slot->target == NULL ? "" : slot->target->slots[0].name;
    }
    return "";
}

uint64_t lr_object_serial(const struct lr_object *object) {
    return object->serial;
}

int lr_object_generation(const struct lr_object *object) {
    return object->generation;
}

size_t lr_object_edge_count(const struct lr_object *object) {
    return object->slot_count;
}

void lr_object_edge(const struct lr_object *object, size_t index, struct lr_heap_edge *edge) {
    LR_ASSERT(index < object->slot_count);
    const struct slot *slot = &object->slots[index];
    edge->name = slot->name != NULL ? slot->name : "";
    edge->target = slot->target;
    (void)lr_slot_text(edge->text, sizeof edge->text, object, slot, (uint32_t)index);
}
