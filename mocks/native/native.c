/* SPDX-License-Identifier: Apache-2.0 */
#include "mocks/native/native.h"

#include <stdio.h>
#include <string.h>

#include "base/list.h"

enum { NAME_MAX_BYTES = 64, VIA_MAX_BYTES = NAME_MAX_BYTES + sizeof "variable " };

/* A handle: a variable of the program, or a member of an object. */
struct handle {
    char name[NAME_MAX_BYTES];
    struct lr_native_object *target;
    bool weak;
    struct lr_list node;
};

struct lr_native_object {
    struct lr_native *native;
    char name[NAME_MAX_BYTES];
    size_t strong;
    lr_native_gone_cb gone;
    void *context;
    struct lr_list members;
    struct lr_list node;
    /* Of the search for a path: */
    bool seen;
    const struct lr_native_object *from;
    const struct handle *by;
    struct lr_list queue;
};

struct lr_native {
    struct lr_alloc *alloc;
    struct lr_list variables;
    struct lr_list objects;
    size_t count;
};

static struct handle *handle_at(struct lr_list *node) {
    return LR_CONTAINER_OF(node, struct handle, node);
}

static struct lr_native_object *object_at(struct lr_list *node) {
    return LR_CONTAINER_OF(node, struct lr_native_object, node);
}

enum lr_status lr_native_new(struct lr_native **out, struct lr_alloc *alloc) {
    struct lr_native *native = LR_NEW(alloc, struct lr_native);
    if (native == NULL) {
        return LR_ENOMEM;
    }
    native->alloc = alloc;
    lr_list_init(&native->variables);
    lr_list_init(&native->objects);
    *out = native;
    return LR_OK;
}

static void free_handles(struct lr_alloc *alloc, struct lr_list *handles) {
    LR_LIST_EACH (node, handles) {
        lr_list_remove(node);
        struct handle *handle = handle_at(node);
        LR_FREE(alloc, handle);
    }
}

void lr_native_free(struct lr_native *native) {
    if (native == NULL) {
        return;
    }
    free_handles(native->alloc, &native->variables);
    LR_LIST_EACH (node, &native->objects) {
        struct lr_native_object *object = object_at(node);
        free_handles(native->alloc, &object->members);
        LR_FREE(native->alloc, object);
    }
    LR_FREE(native->alloc, native);
}

static struct handle *find_handle(const struct lr_list *handles, const char *name) {
    for (struct lr_list *node = handles->next; node != handles; node = node->next) {
        if (strcmp(handle_at(node)->name, name) == 0) {
            return handle_at(node);
        }
    }
    return NULL;
}

static struct handle *add_handle(struct lr_native *native, struct lr_list *handles,
                                 const char *name) {
    struct handle *handle = LR_NEW(native->alloc, struct handle);
    if (handle != NULL) {
        (void)snprintf(handle->name, sizeof handle->name, "%s", name);
        lr_list_append(handles, &handle->node);
    }
    return handle;
}

/* Weak handles to |object| are empty from here on. */
static void forget(struct lr_list *handles, const struct lr_native_object *object) {
    LR_LIST_EACH (node, handles) {
        if (handle_at(node)->target == object) {
            handle_at(node)->target = NULL;
        }
    }
}

static void let_go(struct lr_native_object *object);

static void destroy(struct lr_native_object *object) {
    struct lr_native *native = object->native;
    lr_list_remove(&object->node);
    native->count--;
    LR_LIST_EACH (node, &native->objects) {
        forget(&object_at(node)->members, object);
    }
    if (object->gone != NULL) {
        object->gone(object->context);
    }
    while (!lr_list_empty(&object->members)) { /* members go behind the destructor's body */
        struct handle *handle = handle_at(object->members.next);
        struct lr_native_object *target = handle->weak ? NULL : handle->target;
        lr_list_remove(&handle->node);
        LR_FREE(native->alloc, handle);
        let_go(target);
    }
    LR_FREE(native->alloc, object);
}

static void let_go(struct lr_native_object *object) {
    if (object != NULL && --object->strong == 0) {
        destroy(object);
    }
}

static void point(struct handle *handle, struct lr_native_object *object, bool weak) {
    struct lr_native_object *before = handle->weak ? NULL : handle->target;
    if (object != NULL && !weak) {
        object->strong++;
    }
    handle->target = object;
    handle->weak = weak;
    let_go(before);
}

enum lr_status lr_native_make(struct lr_native *native, const char *variable, const char *name,
                              lr_native_gone_cb gone, void *context,
                              struct lr_native_object **out) {
    struct lr_native_object *object = LR_NEW(native->alloc, struct lr_native_object);
    if (object == NULL) {
        return LR_ENOMEM;
    }
    object->native = native;
    object->gone = gone;
    object->context = context;
    (void)snprintf(object->name, sizeof object->name, "%s", name);
    lr_list_init(&object->members);
    enum lr_status status = lr_native_copy(native, variable, object);
    if (status != LR_OK) {
        LR_FREE(native->alloc, object);
        return status;
    }
    lr_list_append(&native->objects, &object->node);
    native->count++;
    *out = object;
    return LR_OK;
}

enum lr_status lr_native_copy(struct lr_native *native, const char *name,
                              struct lr_native_object *object) {
    if (find_handle(&native->variables, name) != NULL) {
        return LR_EEXISTS;
    }
    struct handle *handle = add_handle(native, &native->variables, name);
    if (handle == NULL) {
        return LR_ENOMEM;
    }
    point(handle, object, false);
    return LR_OK;
}

enum lr_status lr_native_set(struct lr_native *native, struct lr_native_object *owner,
                             const char *name, struct lr_native_object *object, bool weak) {
    struct handle *handle = find_handle(&owner->members, name);
    if (handle == NULL) {
        handle = add_handle(native, &owner->members, name);
    }
    if (handle == NULL) {
        return LR_ENOMEM;
    }
    point(handle, object, weak);
    return LR_OK;
}

enum lr_status lr_native_reset(struct lr_native *native, const char *name) {
    struct handle *handle = find_handle(&native->variables, name);
    if (handle == NULL) {
        return LR_ENOTFOUND;
    }
    struct lr_native_object *object = handle->target;
    lr_list_remove(&handle->node);
    LR_FREE(native->alloc, handle);
    let_go(object);
    return LR_OK;
}

struct lr_native_object *lr_native_find(const struct lr_native *native, const char *name) {
    const struct handle *handle = find_handle(&native->variables, name);
    return handle == NULL ? NULL : handle->target;
}

struct lr_native_object *lr_native_lock(const struct lr_native_object *owner, const char *name) {
    const struct handle *handle = find_handle(&owner->members, name);
    return handle == NULL ? NULL : handle->target;
}

size_t lr_native_use_count(const struct lr_native_object *object) {
    return object->strong;
}

size_t lr_native_object_count(const struct lr_native *native) {
    return native->count;
}

static void reach(struct lr_list *queue, struct lr_native_object *object,
                  const struct lr_native_object *from, const struct handle *by) {
    if (object != NULL && !object->seen && !by->weak) {
        object->seen = true;
        object->from = from;
        object->by = by;
        lr_list_append(queue, &object->queue);
    }
}

/* Breadth first, from what is queued. */
static void spread(struct lr_list *queue) {
    while (!lr_list_empty(queue)) {
        struct lr_list *first = queue->next;
        struct lr_native_object *object = LR_CONTAINER_OF(first, struct lr_native_object, queue);
        lr_list_remove(first);
        LR_LIST_EACH (node, &object->members) {
            reach(queue, handle_at(node)->target, object, handle_at(node));
        }
    }
}

static void forget_search(struct lr_native *native) {
    LR_LIST_EACH (node, &native->objects) {
        object_at(node)->seen = false;
        object_at(node)->from = NULL;
        object_at(node)->by = NULL;
    }
}

/* Whether what |start| holds leads back to it; the ways from it are noted in the objects. */
static bool leads_back(struct lr_native *native, struct lr_native_object *start) {
    struct lr_list queue;
    lr_list_init(&queue);
    forget_search(native);
    LR_LIST_EACH (node, &start->members) {
        reach(&queue, handle_at(node)->target, start, handle_at(node));
    }
    spread(&queue);
    return start->seen;
}

struct telling {
    void (*hop)(void *context, const char *via, const char *name, bool in_cycle);
    void *context;
};

/* The way that ends at |object|, from |start| (NULL: from a variable) on. */
static void tell_way(const struct telling *telling, const struct lr_native_object *start,
                     const struct lr_native_object *object, bool in_cycle) {
    char via[VIA_MAX_BYTES];
    if (object->from != NULL && object->from != start) {
        tell_way(telling, start, object->from, in_cycle);
    }
    (void)snprintf(via, sizeof via, "%s %s", object->from == NULL ? "variable" : "member",
                   object->by->name);
    telling->hop(telling->context, object->from == NULL ? "" : via, object->name, in_cycle);
}

/* |object| in no variable's reach: an object that leads back to itself and to |object| holds it. */
static void tell_cycle(struct lr_native *native, const struct lr_native_object *object,
                       const struct telling *telling) {
    LR_LIST_EACH (node, &native->objects) {
        struct lr_native_object *start = object_at(node);
        if (leads_back(native, start) && (object->seen || start == object)) {
            telling->hop(telling->context, "", start->name, true);
            tell_way(telling, start, start, true); /* around, until it closes */
            if (start != object) {
                tell_way(telling, start, object, false);
            }
            return;
        }
    }
}

bool lr_native_path(struct lr_native *native, const struct lr_native_object *object, char *root,
                    size_t root_size,
                    void (*hop)(void *context, const char *via, const char *name, bool in_cycle),
                    void *context) {
    const struct telling telling = {hop, context};
    struct lr_list queue;
    lr_list_init(&queue);
    forget_search(native);
    LR_LIST_EACH (node, &native->variables) {
        reach(&queue, handle_at(node)->target, NULL, handle_at(node));
    }
    spread(&queue);
    if (!object->seen) {
        (void)snprintf(root, root_size, "cycle that nothing cuts");
        tell_cycle(native, object, &telling);
        return true;
    }
    const struct lr_native_object *first = object;
    while (first->from != NULL) {
        first = first->from;
    }
    (void)snprintf(root, root_size, "variable %s", first->by->name);
    tell_way(&telling, NULL, object, false);
    return false;
}
