/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/server_handles.h"

#include "base/assert.h"
#include "base/compiler.h"

enum {
    INDEX_BITS = 24,
    CAPACITY_MIN = 8 /* most sessions hold a handful */
};
#define NONE_FREE UINT32_MAX

const char *lr_server_handle_kind_name(enum lr_server_handle_kind kind) {
    static const char *const names[] = {
        [LR_SERVER_HANDLE_FREE] = "nothing",  [LR_SERVER_HANDLE_FUNCTION] = "function",
        [LR_SERVER_HANDLE_ARRAY] = "array",   [LR_SERVER_HANDLE_ARRAY_DATA] = "data of an array",
        [LR_SERVER_HANDLE_MODULE] = "module", [LR_SERVER_HANDLE_ALLOCATION] = "allocation",
        [LR_SERVER_HANDLE_STREAM] = "stream", [LR_SERVER_HANDLE_OBJECT] = "object",
    };
    LR_ASSERT((size_t)kind < LR_COUNT_OF(names));
    return names[kind];
}

void lr_server_handles_init(struct lr_server_handles *handles, struct lr_alloc *alloc,
                            uint64_t *sequence, size_t count_max, void *context) {
    *handles = (struct lr_server_handles){
        .alloc = alloc,
        .context = context,
        .count_max = count_max < LR_SERVER_HANDLES_MAX ? count_max : LR_SERVER_HANDLES_MAX,
        .first_free = NONE_FREE,
    };
    handles->sequence = sequence;
}

size_t lr_server_handles_deinit(struct lr_server_handles *handles) {
    size_t released = handles->count;
    for (size_t i = 0; i < handles->used; i++) {
        if (handles->entries[i].kind != LR_SERVER_HANDLE_FREE) {
            lr_server_handles_free(handles, &handles->entries[i]);
        }
    }
    lr_alloc_free(handles->alloc, handles->entries, handles->capacity * sizeof handles->entries[0]);
    lr_server_handles_init(handles, handles->alloc, handles->sequence, handles->count_max,
                           handles->context);
    return released;
}

static enum lr_status grow(struct lr_server_handles *handles) {
    size_t capacity = handles->capacity == 0 ? CAPACITY_MIN : handles->capacity * 2;
    struct lr_server_handle *entries =
        lr_alloc_resize(handles->alloc, handles->entries, handles->capacity * sizeof entries[0],
                        capacity * sizeof entries[0]);
    if (entries == NULL) {
        return LR_ENOMEM;
    }
    handles->entries = entries;
    handles->capacity = capacity;
    return LR_OK;
}

enum lr_status lr_server_handles_add(struct lr_server_handles *handles,
                                     enum lr_server_handle_kind kind, void *object,
                                     lr_server_release release, uint64_t *number,
                                     struct lr_error *error) {
    LR_ASSERT(kind != LR_SERVER_HANDLE_FREE);
    if (handles->count >= handles->count_max) {
        handles->exceeded = true;
        return lr_error_set(error, LR_ELIMIT, "a session may have at most %zu handles",
                            handles->count_max);
    }
    uint32_t index = handles->first_free;
    if (index == NONE_FREE) {
        if (handles->used == handles->capacity && grow(handles) != LR_OK) {
            return lr_error_set(error, LR_ENOMEM, "out of memory for a handle");
        }
        index = (uint32_t)handles->used++;
    } else {
        handles->first_free = handles->entries[index].next_free;
    }
    handles->entries[index] = (struct lr_server_handle){
        .kind = kind,
        .number = (++*handles->sequence << INDEX_BITS) | index,
        .object = object,
        .release = release,
    };
    handles->count++;
    *number = handles->entries[index].number;
    return LR_OK;
}

struct lr_server_handle *lr_server_handles_find(const struct lr_server_handles *handles,
                                                uint64_t number, struct lr_error *error) {
    size_t index = (size_t)(number & (LR_SERVER_HANDLES_MAX - 1));
    if (index >= handles->used || handles->entries[index].kind == LR_SERVER_HANDLE_FREE ||
        handles->entries[index].number != number) {
        (void)lr_error_set(
            error, LR_ENOTFOUND,
            "there is no handle %#llx in this session: it was freed, or never given out",
            (unsigned long long)number);
        return NULL;
    }
    return &handles->entries[index];
}

void *lr_server_handles_get(const struct lr_server_handles *handles, uint64_t number,
                            enum lr_server_handle_kind kind, struct lr_error *error) {
    struct lr_server_handle *handle = lr_server_handles_find(handles, number, error);
    if (handle != NULL && handle->kind != kind) {
        (void)lr_error_set(error, LR_EINVAL, "handle %#llx is of kind %s, not %s",
                           (unsigned long long)number, lr_server_handle_kind_name(handle->kind),
                           lr_server_handle_kind_name(kind));
        return NULL;
    }
    return handle == NULL ? NULL : handle->object;
}

void lr_server_handles_free(struct lr_server_handles *handles, struct lr_server_handle *handle) {
    LR_ASSERT(handle->kind != LR_SERVER_HANDLE_FREE && handles->count > 0);
    void *object = handle->object;
    lr_server_release release = handle->release;
    *handle = (struct lr_server_handle){.next_free = handles->first_free};
    handles->first_free = (uint32_t)(handle - handles->entries);
    handles->count--;
    if (release != NULL) { /* last: it may free other handles */
        release(handles->context, object);
    }
}
