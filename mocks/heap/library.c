/* SPDX-License-Identifier: Apache-2.0 */
/* Library functions whose frames matter, each raise, handler and local where CPython's has it. What
 * they leave behind follows from these; nothing here says that a session is kept. */
#include <stdio.h>

#include "mocks/heap/internal.h"

enum { MESSAGE_MAX = 96 };

/* Leaves with the exception in flight; the frames are right also without memory. */
static enum lr_status leave(struct lr_heap *heap, enum lr_status status) {
    return status == LR_OK ? lr_heap_leave_raising(heap) : status;
}

/* Enum._missing_: raised itself until bpo-39728. A class may have one of its own. */
static enum lr_status call_missing(struct lr_heap *heap, const struct lr_heap_enum_lookup *lookup,
                                   const char *message) {
    enum lr_status status = lr_heap_push_frame(heap, "_missing_");
    if (status != LR_OK) {
        return status;
    }
    if (lookup->missing != NULL) {
        lookup->missing(heap, lookup->context);
    } else if (heap->profile->missing_raises) {
        return leave(heap, lr_heap_raise_new(heap, "ValueError", message));
    }
    lr_heap_pop_frame(heap);
    return LR_OK;
}

static enum lr_status set_context(struct lr_heap *heap, struct lr_object *exception,
                                  struct lr_object *context) {
    return lr_heap_set(heap, exception, "__context__", context);
}

/* `raise`s what the locals hold: exc where _missing_ raised, else ve_exc. */
static enum lr_status raise_kept(struct lr_heap *heap, const char *message) {
    struct lr_object *ve_exc;
    enum lr_status status = lr_heap_new_exception(heap, "ValueError", message, &ve_exc);
    if (status == LR_OK) {
        status = lr_heap_take_local(heap, "ve_exc", ve_exc);
    }
    struct lr_object *exc = lr_heap_local(heap, "exc");
    if (status == LR_OK && exc != NULL) {
        status = set_context(heap, exc, lr_heap_local(heap, "ve_exc"));
    }
    if (status == LR_OK) {
        status = lr_heap_raise(heap, exc != NULL ? exc : lr_heap_local(heap, "ve_exc"));
    }
    return status;
}

/* The part of Enum.__new__ that bpo-34536 added and bpo-42248 wrapped in try .. finally. */
static enum lr_status look_up_keeping(struct lr_heap *heap,
                                      const struct lr_heap_enum_lookup *lookup,
                                      const char *message) {
    enum lr_status status = lr_heap_set_local(heap, "exc", NULL);
    if (status == LR_OK) {
        status = call_missing(heap, lookup, message);
    }
    if (status == LR_OK && lr_heap_raised(heap) != NULL) {
        status = lr_heap_catch(heap, "e");
        if (status == LR_OK) {
            status = lr_heap_set_local(heap, "exc", lr_heap_local(heap, "e"));
            lr_heap_end_except(heap);
        }
    }
    if (status == LR_OK) {
        status = lr_heap_set_local(heap, "result", NULL);
    }
    if (status == LR_OK) {
        status = raise_kept(heap, message);
    }
    if (status == LR_OK && heap->profile->enum_clears_exception) {
        status = lr_heap_set_local(heap, "exc", NULL);
        if (status == LR_OK) {
            status = lr_heap_set_local(heap, "ve_exc", NULL);
        }
    }
    return status;
}

/* Before bpo-34536: `return cls._missing_(value)`. */
static enum lr_status look_up_directly(struct lr_heap *heap,
                                       const struct lr_heap_enum_lookup *lookup,
                                       const char *message) {
    enum lr_status status = call_missing(heap, lookup, message);
    if (status == LR_OK && lr_heap_raised(heap) == NULL) {
        status = lr_heap_raise_new(heap, "ValueError", message);
    }
    return status;
}

enum lr_status lr_heap_enum_lookup(struct lr_heap *heap, const struct lr_heap_enum_lookup *lookup) {
    char message[MESSAGE_MAX];
    (void)snprintf(message, sizeof message, "%s is not a valid %s", lookup->value, lookup->type);
    uint32_t depth = lr_thread_depth(heap->thread);
    enum lr_status status = lr_heap_push_frame(heap, "__call__");
    if (status == LR_OK) {
        status = lr_heap_push_frame(heap, "__new__");
    }
    if (status == LR_OK) {
        status = heap->profile->enum_keeps_exception ? look_up_keeping(heap, lookup, message)
                                                     : look_up_directly(heap, lookup, message);
    }
    for (int frames = 0; frames < 2; frames++) {
        status = leave(heap, status);
    }
    if (status != LR_OK) {
        lr_heap_give_up(heap, depth);
    }
    return status;
}

enum lr_status lr_heap_intenum_converter(struct lr_heap *heap) {
    const struct lr_heap_enum_lookup lookup = {.type = "SocketKind", .value = "0"};
    uint32_t depth = lr_thread_depth(heap->thread);
    enum lr_status status = lr_heap_push_frame(heap, "_intenum_converter");
    if (status == LR_OK) {
        status = lr_heap_enum_lookup(heap, &lookup);
    }
    if (status == LR_OK) {
        status = lr_heap_catch(heap, NULL);
    }
    if (status != LR_OK) {
        lr_heap_give_up(heap, depth);
        return status;
    }
    lr_heap_end_except(heap);
    lr_heap_pop_frame(heap);
    return LR_OK;
}

/* _intenum_converter for a value that is a member. */
static enum lr_status convert_member(struct lr_heap *heap) {
    static const char *const frames[] = {"_intenum_converter", "__call__", "__new__"};
    uint32_t depth = lr_thread_depth(heap->thread);
    enum lr_status status = LR_OK;
    for (size_t i = 0; i < LR_COUNT_OF(frames) && status == LR_OK; i++) {
        status = lr_heap_push_frame(heap, frames[i]);
    }
    lr_heap_give_up(heap, depth);
    return status;
}

/* (family, kind, 0, "", address): none of it refers to anything. */
static enum lr_status make_address(struct lr_heap *heap, struct lr_object **out) {
    struct lr_object *const fields[5] = {NULL, NULL, NULL, NULL, NULL};
    return lr_heap_new_tuple(heap, fields, LR_COUNT_OF(fields), out);
}

/* What the system answers: a list with one tuple, which the loop binds to res. */
static enum lr_status ask_system(struct lr_heap *heap) {
    struct lr_object *found;
    struct lr_object *entry;
    enum lr_status status = lr_heap_new_list(heap, &found);
    if (status != LR_OK) {
        return status;
    }
    status = make_address(heap, &entry);
    if (status == LR_OK) {
        status = lr_heap_append(heap, found, entry);
        if (status == LR_OK) {
            status = lr_heap_set_local(heap, "res", entry);
        }
        lr_heap_drop(heap, entry);
    }
    lr_heap_drop(heap, found);
    return status;
}

static enum lr_status convert_result(struct lr_heap *heap, bool kind_known) {
    enum lr_status status = convert_member(heap); /* the family */
    if (status == LR_OK) {
        status = kind_known ? convert_member(heap) : lr_heap_intenum_converter(heap);
    }
    struct lr_object *entry;
    if (status == LR_OK) {
        status = make_address(heap, &entry);
    }
    if (status == LR_OK) {
        status = lr_heap_append(heap, lr_heap_local(heap, "addrlist"), entry);
        lr_heap_drop(heap, entry);
    }
    return status;
}

enum lr_status lr_heap_getaddrinfo(struct lr_heap *heap, bool kind_known) {
    uint32_t depth = lr_thread_depth(heap->thread);
    enum lr_status status = lr_heap_push_frame(heap, "getaddrinfo");
    struct lr_object *addrlist;
    if (status == LR_OK) {
        status = lr_heap_new_list(heap, &addrlist);
    }
    if (status == LR_OK) {
        status = lr_heap_take_local(heap, "addrlist", addrlist);
    }
    if (status == LR_OK) {
        status = ask_system(heap);
    }
    if (status == LR_OK) {
        status = convert_result(heap, kind_known);
    }
    lr_heap_give_up(heap, depth);
    return status;
}
