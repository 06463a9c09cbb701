/* SPDX-License-Identifier: Apache-2.0 */
/* Names and what they are bound to, and the items of containers. */
#include <stdio.h>
#include <string.h>

#include "mocks/heap/internal.h"

struct slot *lr_local_slot(const struct lr_object *local, const struct lr_object *thread) {
    for (uint32_t i = 0; i < local->slot_count; i++) {
        if (local->slots[i].tag == (uint32_t)thread->serial) {
            return &local->slots[i];
        }
    }
    return NULL;
}

struct lr_object *lr_object_dict(const struct lr_object *owner) {
    const struct slot *slot = NULL;
    if (owner->kind == LR_OBJECT_FRAME) {
        slot = lr_object_slot(owner, SLOT_GLOBALS, NULL); /* the outermost one's names */
    } else if (owner->kind == LR_OBJECT_THREAD_LOCAL) {
        slot = lr_local_slot(owner, owner->heap->thread);
    } else if (owner->kind == LR_OBJECT_MODULE || owner->kind == LR_OBJECT_INSTANCE ||
               owner->kind == LR_OBJECT_SESSION) {
        slot = lr_object_slot(owner, SLOT_DICT, NULL);
    }
    return slot != NULL ? slot->target : NULL;
}

static bool has_names(const struct lr_object *owner) {
    static const bool names[LR_OBJECT_KIND_COUNT] = {
        [LR_OBJECT_MODULE] = true,       [LR_OBJECT_CLASS] = true,   [LR_OBJECT_FRAME] = true,
        [LR_OBJECT_INSTANCE] = true,     [LR_OBJECT_SESSION] = true, [LR_OBJECT_DICT] = true,
        [LR_OBJECT_THREAD_LOCAL] = true,
    };
    return names[owner->kind];
}

/* The slots that a kind is made with, by the name that a program uses; NULL: no such. */
static struct slot *builtin_slot(const struct lr_object *owner, const char *name) {
    static const struct {
        enum lr_object_kind kind;
        const char *name;
        enum slot_kind slot;
    } builtin[] = {
        {LR_OBJECT_EXCEPTION, "__traceback__", SLOT_TRACEBACK},
        {LR_OBJECT_EXCEPTION, "__cause__", SLOT_CAUSE},
        {LR_OBJECT_EXCEPTION, "__context__", SLOT_CONTEXT},
        {LR_OBJECT_EXCEPTION, "args", SLOT_ARGS},
        {LR_OBJECT_TRACEBACK, "tb_frame", SLOT_TB_FRAME},
        {LR_OBJECT_TRACEBACK, "tb_next", SLOT_TB_NEXT},
        {LR_OBJECT_FRAME, "f_back", SLOT_F_BACK},
        {LR_OBJECT_CELL, "contents", SLOT_CONTENTS},
        {LR_OBJECT_METHOD, "__self__", SLOT_SELF},
    };
    for (size_t i = 0; i < LR_COUNT_OF(builtin); i++) {
        if (builtin[i].kind == (enum lr_object_kind)owner->kind &&
            strcmp(builtin[i].name, name) == 0) {
            return lr_object_slot(owner, builtin[i].slot, NULL);
        }
    }
    return NULL;
}

static enum lr_status attach_dict(struct lr_object *owner, enum slot_kind kind, const char *name,
                                  struct lr_object **out) {
    struct lr_object *dict;
    enum lr_status status = lr_heap_new_dict(owner->heap, &dict);
    if (status != LR_OK) {
        return status;
    }
    status = lr_object_append(owner, kind, name, dict);
    if (status == LR_OK && kind == SLOT_THREAD_DICT) {
        owner->slots[owner->slot_count - 1].tag = (uint32_t)owner->heap->thread->serial;
    }
    lr_heap_drop(owner->heap, dict);
    *out = dict;
    return status;
}

/* Where a new name goes; an instance's or thread's dict is made for the first. */
static enum lr_status dict_for_writing(struct lr_object *owner, struct lr_object **out) {
    struct lr_object *dict = lr_object_dict(owner);
    *out = dict != NULL ? dict : owner;
    if (dict != NULL) {
        return LR_OK;
    }
    if (owner->kind == LR_OBJECT_THREAD_LOCAL) {
        return attach_dict(owner, SLOT_THREAD_DICT, owner->heap->thread->name, out);
    }
    bool instance = owner->kind == LR_OBJECT_INSTANCE || owner->kind == LR_OBJECT_SESSION;
    if (instance && owner->heap->profile->instance_dict && !owner->plain) {
        return attach_dict(owner, SLOT_DICT, NULL, out);
    }
    return LR_OK;
}

enum lr_status lr_heap_set(struct lr_heap *heap, struct lr_object *owner, const char *name,
                           struct lr_object *value) {
    struct slot *slot = builtin_slot(owner, name);
    if (slot != NULL) {
        lr_object_replace(heap, slot, lr_heap_hold(value));
        return LR_OK;
    }
    if (!has_names(owner)) {
        return LR_EINVAL;
    }
    struct lr_object *space;
    enum lr_status status = dict_for_writing(owner, &space);
    if (status != LR_OK) {
        return status;
    }
    slot = lr_object_slot(space, SLOT_NAME, name);
    if (slot == NULL) {
        return lr_object_append(space, SLOT_NAME, name, value);
    }
    if (space->kind == LR_OBJECT_DICT && lr_object_may_be_tracked(value)) {
        lr_object_track(space);
    }
    lr_object_replace(heap, slot, lr_heap_hold(value));
    return LR_OK;
}

enum lr_status lr_heap_del(struct lr_heap *heap, struct lr_object *owner, const char *name) {
    struct lr_object *dict = lr_object_dict(owner);
    struct lr_object *space = dict != NULL ? dict : owner;
    struct slot *slot = lr_object_slot(space, SLOT_NAME, name);
    if (slot == NULL) {
        return LR_ENOTFOUND;
    }
    lr_heap_drop(heap, lr_object_take_slot(space, (uint32_t)(slot - space->slots)));
    return LR_OK;
}

static struct slot *find_name(const struct lr_object *owner, const char *name) {
    struct slot *slot = builtin_slot(owner, name);
    if (slot != NULL) {
        return slot;
    }
    const struct lr_object *dict = lr_object_dict(owner);
    return lr_object_slot(dict != NULL ? dict : owner, SLOT_NAME, name);
}

struct lr_object *lr_heap_get(const struct lr_object *owner, const char *name) {
    const struct slot *slot = find_name(owner, name);
    return slot == NULL ? NULL : slot->target;
}

bool lr_heap_has(const struct lr_object *owner, const char *name) {
    return find_name(owner, name) != NULL;
}

enum lr_status lr_heap_append(struct lr_heap *heap, struct lr_object *container,
                              struct lr_object *value) {
    (void)heap;
    if (container->kind != LR_OBJECT_LIST && container->kind != LR_OBJECT_SET) {
        return LR_EINVAL;
    }
    return lr_object_append(container, SLOT_ITEM, NULL, value);
}

struct lr_object *lr_heap_pop(struct lr_heap *heap, struct lr_object *list) {
    (void)heap;
    return list->slot_count == 0 ? NULL : lr_object_take_slot(list, list->slot_count - 1);
}

void lr_heap_empty(struct lr_heap *heap, struct lr_object *container) {
    /* As CPython's list_clear: the items first leave the container, then go, the last first. */
    lr_heap_hold(container);
    while (container->slot_count > 0) {
        lr_heap_drop(heap, lr_object_take_slot(container, container->slot_count - 1));
    }
    lr_heap_drop(heap, container);
}

/* The name set to None: what it was bound to goes. */
static void clear_name(struct lr_heap *heap, struct lr_object *dict, uint32_t index) {
    lr_object_replace(heap, &dict->slots[index], NULL);
}

void lr_heap_clear_dict(struct lr_heap *heap, struct lr_object *dict) {
    lr_heap_hold(dict);
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < dict->slot_count; i++) {
            const char *name = dict->slots[i].name;
            bool private = name[0] == '_' && name[1] != '_';
            if (private == (pass == 0) && strcmp(name, "__builtins__") != 0) {
                clear_name(heap, dict, i);
            }
        }
    }
    lr_heap_drop(heap, dict);
}

/* What a slot is called: %s is its name, %u its place. */
static const char *const slot_words[] = {
    [SLOT_NAME] = "attribute %s",
    [SLOT_ITEM] = "[%u]",
    [SLOT_F_BACK] = "f_back",
    [SLOT_STACK] = "with",
    [SLOT_TB_NEXT] = "tb_next",
    [SLOT_TB_FRAME] = "tb_frame",
    [SLOT_ARGS] = "args",
    [SLOT_TRACEBACK] = "__traceback__",
    [SLOT_CAUSE] = "__cause__",
    [SLOT_CONTEXT] = "__context__",
    [SLOT_GI_FRAME] = "gi_frame",
    [SLOT_DICT] = "__dict__",
    [SLOT_CLASS] = "__class__",
    [SLOT_MRO] = "__mro__",
    [SLOT_GLOBALS] = "__globals__",
    [SLOT_CLOSURE] = "__closure__",
    [SLOT_CELL] = "cell %s",
    [SLOT_DEFAULTS] = "__defaults__",
    [SLOT_DEFAULT] = "default %s",
    [SLOT_SELF] = "__self__",
    [SLOT_FUNC] = "argument",
    [SLOT_CONTENTS] = "contents",
    [SLOT_CALLBACK] = "callback",
    [SLOT_THREAD_DICT] = "thread %s",
    [SLOT_FINALIZER] = "finalizer",
    [SLOT_RECORD] = "record",
    [SLOT_MODULE] = "module %s",
    [SLOT_BORN] = "interpreter",
    [SLOT_ATEXIT] = "atexit handler",
    [SLOT_RAISED] = "exception in flight",
    [SLOT_HANDLED] = "exception being handled",
    [SLOT_RUNNING] = "running frame",
};

const char *lr_slot_text(char *out, size_t size, const struct lr_object *owner,
                         const struct slot *slot, uint32_t index) {
    const char *word = slot_words[slot->kind];
    if (slot->kind == SLOT_NAME && owner->kind == LR_OBJECT_FRAME) {
        word = "local %s";
    } else if (slot->kind == SLOT_NAME && owner->kind == LR_OBJECT_DICT) {
        word = "key %s";
    } else if (slot->kind == SLOT_ITEM && owner->kind == LR_OBJECT_SET) {
        word = "element";
    }
    size_t stem = strcspn(word, "%");
    if (word[stem] == '\0') {
        (void)snprintf(out, size, "%s", word);
    } else if (word[stem + 1] == 's') {
        (void)snprintf(out, size, "%.*s%s", (int)stem, word, slot->name);
    } else {
        (void)snprintf(out, size, "[%u]", index);
    }
    return out;
}
