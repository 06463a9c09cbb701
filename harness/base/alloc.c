/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc_pages.h"
#include "base/assert.h"
#include "base/pool.h"

static void *resize_heap(struct lr_alloc *alloc, void *block, size_t old_size, size_t new_size) {
    (void)alloc;
    (void)old_size;
    if (new_size == 0) {
        free(block);
        return NULL;
    }
    void *resized = realloc(block, new_size);
    if (resized != NULL) {
        lr_alloc_pages_hint(resized, new_size);
    }
    return resized;
}

struct lr_alloc *lr_alloc_system(void) {
    static struct lr_alloc heap = {resize_heap};
#if LR_POOLS
    static struct lr_pool pool;
    if (pool.parent == NULL) {
        lr_pool_init(&pool, &heap);
    }
    return &pool.base;
#else
    return &heap;
#endif
}

void *lr_alloc_bytes(struct lr_alloc *alloc, size_t size) {
    LR_ASSERT(size > 0);
    return alloc->resize(alloc, NULL, 0, size);
}

void *lr_alloc_zeroed(struct lr_alloc *alloc, size_t size) {
    void *block = lr_alloc_bytes(alloc, size);
    if (block != NULL) {
        memset(block, 0, size);
    }
    return block;
}

void *lr_alloc_resize(struct lr_alloc *alloc, void *block, size_t old_size, size_t new_size) {
    LR_ASSERT((block == NULL) == (old_size == 0));
    LR_ASSERT(new_size > 0);
    return alloc->resize(alloc, block, old_size, new_size);
}

void lr_alloc_free(struct lr_alloc *alloc, void *block, size_t size) {
    if (block != NULL) {
        LR_ASSERT(size > 0);
        (void)alloc->resize(alloc, block, size, 0);
    }
}

char *lr_alloc_string(struct lr_alloc *alloc, const void *bytes, size_t size) {
    char *string = size < SIZE_MAX ? lr_alloc_bytes(alloc, size + 1) : NULL;
    if (string != NULL) {
        if (size > 0) {
            memcpy(string, bytes, size);
        }
        string[size] = '\0';
    }
    return string;
}

void lr_alloc_free_string(struct lr_alloc *alloc, const char *string) {
    if (string != NULL) {
        lr_alloc_free(alloc, (void *)string, strlen(string) + 1);
    }
}

static bool refuse(struct lr_counting_alloc *counting, size_t old_size, size_t new_size) {
    if (new_size <= old_size) {
        return false; /* a shrink that fails would be a loss without a cause */
    }
    counting->calls++;
    if (counting->calls == counting->fail_at) {
        return true;
    }
    return counting->live_bytes - old_size > counting->limit_bytes ||
           new_size > counting->limit_bytes - (counting->live_bytes - old_size);
}

static void *resize_counting(struct lr_alloc *alloc, void *block, size_t old_size,
                             size_t new_size) {
    struct lr_counting_alloc *counting = LR_CONTAINER_OF(alloc, struct lr_counting_alloc, base);
    LR_ASSERT(counting->live_bytes >= old_size);
    if (refuse(counting, old_size, new_size)) {
        counting->failed++;
        return NULL;
    }
    void *result = counting->parent->resize(counting->parent, block, old_size, new_size);
    if (result == NULL && new_size > 0) {
        counting->failed++;
        return NULL;
    }
    counting->live_bytes = counting->live_bytes - old_size + new_size;
    counting->live_blocks += (size_t)(block == NULL) - (size_t)(new_size == 0);
    if (counting->live_bytes > counting->peak_bytes) {
        counting->peak_bytes = counting->live_bytes;
    }
    return result;
}

void lr_counting_alloc_init(struct lr_counting_alloc *counting, struct lr_alloc *parent) {
    *counting = (struct lr_counting_alloc){
        .base = {resize_counting}, .parent = parent, .limit_bytes = SIZE_MAX};
}
