/* SPDX-License-Identifier: Apache-2.0 */
/* The constructors: each kind with the slots that it is made with. */
#include "mocks/heap/internal.h"

static enum lr_status make_simple(struct lr_heap *heap, enum lr_object_kind kind, const char *name,
                                  bool track, struct lr_object **out) {
    const struct object_options options = {.kind = kind, .name = name, .track = track};
    return lr_object_make(heap, &options, out);
}

enum lr_status lr_heap_new_list(struct lr_heap *heap, struct lr_object **out) {
    return make_simple(heap, LR_OBJECT_LIST, "list", true, out);
}

/* The collector follows a dict only once something is in it that can be part of a cycle. */
enum lr_status lr_heap_new_dict(struct lr_heap *heap, struct lr_object **out) {
    return make_simple(heap, LR_OBJECT_DICT, "dict", false, out);
}

enum lr_status lr_heap_new_set(struct lr_heap *heap, struct lr_object **out) {
    return make_simple(heap, LR_OBJECT_SET, "set", true, out);
}

enum lr_status lr_heap_new_atom(struct lr_heap *heap, const char *name, struct lr_object **out) {
    const struct object_options options = {.kind = LR_OBJECT_ATOM, .name = name, .atom = true};
    return lr_object_make(heap, &options, out);
}

enum lr_status lr_heap_new_tuple(struct lr_heap *heap, struct lr_object *const *items,
                                 size_t item_count, struct lr_object **out) {
    if (item_count > UINT32_MAX / 4) {
        return LR_ELIMIT;
    }
    const struct object_options options = {.kind = LR_OBJECT_TUPLE,
                                           .name = "tuple",
                                           .slots = (uint32_t)item_count,
                                           .track = item_count > 0};
    enum lr_status status = lr_object_make(heap, &options, out);
    if (status != LR_OK) {
        return status;
    }
    for (size_t i = 0; i < item_count; i++) {
        lr_object_add_slot(*out, SLOT_ITEM, NULL, lr_heap_hold(items[i]));
    }
    return LR_OK;
}

enum lr_status lr_heap_new_cell(struct lr_heap *heap, struct lr_object *value,
                                struct lr_object **out) {
    const struct object_options options = {
        .kind = LR_OBJECT_CELL, .name = "cell", .slots = 1, .track = true};
    enum lr_status status = lr_object_make(heap, &options, out);
    if (status == LR_OK) {
        lr_object_add_slot(*out, SLOT_CONTENTS, NULL, lr_heap_hold(value));
    }
    return status;
}

enum lr_status lr_heap_new_method(struct lr_heap *heap, struct lr_object *self, const char *name,
                                  struct lr_object **out) {
    const struct object_options options = {
        .kind = LR_OBJECT_METHOD, .name = name, .slots = 1, .track = true};
    enum lr_status status = lr_object_make(heap, &options, out);
    if (status == LR_OK) {
        lr_object_add_slot(*out, SLOT_SELF, NULL, lr_heap_hold(self));
    }
    return status;
}

enum lr_status lr_heap_new_function(struct lr_heap *heap, struct lr_object *module,
                                    const char *name, struct lr_object **out) {
    const struct object_options options = {
        .kind = LR_OBJECT_FUNCTION, .name = name, .slots = 1, .track = true};
    enum lr_status status = lr_object_make(heap, &options, out);
    if (status == LR_OK && module != NULL) {
        struct lr_object *globals = lr_object_dict(module);
        lr_object_add_slot(*out, SLOT_GLOBALS, NULL, lr_heap_hold(globals));
    }
    return status;
}

/* Cells and defaults are in a tuple each, which the function refers to. */
static enum lr_status add_to_function(struct lr_heap *heap, struct lr_object *function,
                                      enum slot_kind row, enum slot_kind kind, const char *name,
                                      struct lr_object *value) {
    if (function->kind != LR_OBJECT_FUNCTION) {
        return LR_EINVAL;
    }
    struct slot *slot = lr_object_slot(function, row, NULL);
    if (slot == NULL) {
        struct lr_object *tuple;
        enum lr_status status = make_simple(heap, LR_OBJECT_TUPLE, "tuple", true, &tuple);
        if (status != LR_OK) {
            return status;
        }
        status = lr_object_append(function, row, NULL, tuple);
        lr_heap_drop(heap, tuple);
        if (status != LR_OK) {
            return status;
        }
        slot = lr_object_slot(function, row, NULL);
    }
    lr_object_track(slot->target);
    return lr_object_append(slot->target, kind, name, value);
}

enum lr_status lr_heap_close_over(struct lr_heap *heap, struct lr_object *function,
                                  const char *name, struct lr_object *cell) {
    return add_to_function(heap, function, SLOT_CLOSURE, SLOT_CELL, name, cell);
}

enum lr_status lr_heap_set_default(struct lr_heap *heap, struct lr_object *function,
                                   const char *name, struct lr_object *value) {
    return add_to_function(heap, function, SLOT_DEFAULTS, SLOT_DEFAULT, name, value);
}

/* A class is in a cycle with itself: its order of resolution begins with it. */
enum lr_status lr_heap_new_class(struct lr_heap *heap, struct lr_object *module, const char *name,
                                 struct lr_object **out) {
    const struct object_options options = {
        .kind = LR_OBJECT_CLASS, .name = name, .slots = 2, .track = true};
    struct lr_object *type;
    enum lr_status status = lr_object_make(heap, &options, &type);
    if (status != LR_OK) {
        return status;
    }
    struct lr_object *mro = NULL;
    struct lr_object *method = NULL;
    status = lr_heap_new_tuple(heap, &type, 1, &mro);
    if (status == LR_OK) {
        status = lr_heap_new_function(heap, module, "__init__", &method);
    }
    const char *interned = NULL;
    if (status == LR_OK) {
        status = lr_heap_intern(heap, "__init__", &interned);
    }
    if (status != LR_OK) {
        lr_heap_drop(heap, method);
        lr_heap_drop(heap, mro); /* and with it the reference that closes the cycle */
        lr_heap_drop(heap, type);
        return status;
    }
    lr_object_add_slot(type, SLOT_MRO, NULL, mro);
    lr_object_add_slot(type, SLOT_NAME, interned, method);
    *out = type;
    return LR_OK;
}

static enum lr_status make_instance(struct lr_heap *heap, enum lr_object_kind kind,
                                    struct lr_object *type, const char *name, bool special,
                                    struct lr_object **out) {
    const struct object_options options = {
        .kind = kind, .name = name, .slots = type != NULL, .special = special, .track = true};
    enum lr_status status = lr_object_make(heap, &options, out);
    if (status == LR_OK && type != NULL) {
        lr_object_add_slot(*out, SLOT_CLASS, NULL, lr_heap_hold(type));
    }
    return status;
}

enum lr_status lr_heap_new_instance(struct lr_heap *heap, struct lr_object *type, const char *name,
                                    struct lr_object **out) {
    return make_instance(heap, LR_OBJECT_INSTANCE, type, name, true, out);
}

enum lr_status lr_heap_new_slotted(struct lr_heap *heap, const char *name, struct lr_object **out) {
    enum lr_status status = make_instance(heap, LR_OBJECT_INSTANCE, NULL, name, false, out);
    if (status == LR_OK) {
        (*out)->plain = true;
    }
    return status;
}

enum lr_status lr_heap_new_session(struct lr_heap *heap, struct lr_object *type, const char *name,
                                   lr_heap_released_cb released, void *context,
                                   struct lr_object **out) {
    enum lr_status status = make_instance(heap, LR_OBJECT_SESSION, type, name, true, out);
    if (status == LR_OK) {
        (*out)->special->released = released;
        (*out)->special->context = context;
    }
    return status;
}

void lr_heap_set_del(struct lr_object *object, lr_heap_del_cb del, void *context) {
    LR_ASSERT(object->kind == LR_OBJECT_INSTANCE && object->special != NULL);
    object->special->del = del;
    object->special->context = context;
}

size_t lr_heap_fill(struct lr_heap *heap, size_t count, bool quiet) {
    for (size_t made = 0; made < count; made++) {
        bool next_collects =
            heap->gc_enabled && heap->threshold[0] > 0 && heap->count[0] + 1 > heap->threshold[0];
        struct lr_object *object;
        if ((quiet && next_collects) || lr_heap_new_slotted(heap, "Node", &object) != LR_OK) {
            return made;
        }
        object->filler = true;
    }
    return count;
}
