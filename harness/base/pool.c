/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include <stdbool.h>
#include <string.h>

enum {
    SLAB_BYTES_MIN = 16 * 1024, /* a world of a few roles */
    SLAB_GROWTH = 4,
    SLAB_BYTES_MAX =
        16 * 1024 * 1024 /* pages of 2 MiB, if there are any, and few of them in part */
};

struct lr_pool_slab {
    struct lr_pool_slab *next;
    size_t size; /* of |bytes| */
    _Alignas(LR_POOL_GRAIN) uint8_t bytes[];
};

struct lr_pool_spare {
    struct lr_pool_spare *next;
};

static bool is_small(size_t size) {
    return size <= LR_POOL_BLOCK_MAX;
}

/* Which of the sizes, from 1 on, |size| is rounded up to. */
static size_t rank_of(size_t size) {
    return (size + LR_POOL_GRAIN - 1) / LR_POOL_GRAIN;
}

static bool add_slab(struct lr_pool *pool) {
    size_t size = pool->slabs == NULL ? SLAB_BYTES_MIN : pool->slabs->size * SLAB_GROWTH;
    size = size < SLAB_BYTES_MAX ? size : SLAB_BYTES_MAX;
    struct lr_pool_slab *slab = pool->parent->resize(pool->parent, NULL, 0, sizeof *slab + size);
    if (slab == NULL) {
        return false;
    }
    slab->next = pool->slabs;
    slab->size = size;
    pool->slabs = slab;
    pool->used = 0;
    return true;
}

static void *take(struct lr_pool *pool, size_t size) {
    if (!is_small(size)) {
        return pool->parent->resize(pool->parent, NULL, 0, size);
    }
    size_t rank = rank_of(size);
    struct lr_pool_spare *spare = pool->spare[rank - 1];
    if (spare != NULL) {
        pool->spare[rank - 1] = spare->next;
        return spare;
    }
    size_t rounded = rank * LR_POOL_GRAIN;
    if ((pool->slabs == NULL || rounded > pool->slabs->size - pool->used) && !add_slab(pool)) {
        return NULL;
    }
    void *block = pool->slabs->bytes + pool->used;
    pool->used += rounded;
    return block;
}

static void give_back(struct lr_pool *pool, void *block, size_t size) {
    if (!is_small(size)) {
        (void)pool->parent->resize(pool->parent, block, size, 0);
        return;
    }
    struct lr_pool_spare *spare = block;
    spare->next = pool->spare[rank_of(size) - 1];
    pool->spare[rank_of(size) - 1] = spare;
}

static void *move(struct lr_pool *pool, void *block, size_t old_size, size_t new_size) {
    void *moved = take(pool, new_size);
    if (moved != NULL) {
        memcpy(moved, block, old_size < new_size ? old_size : new_size);
        give_back(pool, block, old_size);
    }
    return moved;
}

static void *resize_pooled(struct lr_alloc *alloc, void *block, size_t old_size, size_t new_size) {
    struct lr_pool *pool = LR_CONTAINER_OF(alloc, struct lr_pool, base);
    if (block == NULL) {
        return take(pool, new_size);
    }
    if (new_size == 0) {
        give_back(pool, block, old_size);
        return NULL;
    }
    if (!is_small(old_size) && !is_small(new_size)) {
        return pool->parent->resize(pool->parent, block, old_size, new_size);
    }
    return is_small(old_size) && rank_of(old_size) == rank_of(new_size)
               ? block
               : move(pool, block, old_size, new_size);
}

void lr_pool_init(struct lr_pool *pool, struct lr_alloc *parent) {
    *pool = (struct lr_pool){.base = {resize_pooled}, .parent = parent};
}

void lr_pool_deinit(struct lr_pool *pool) {
    while (pool->slabs != NULL) {
        struct lr_pool_slab *slab = pool->slabs;
        pool->slabs = slab->next;
        (void)pool->parent->resize(pool->parent, slab, sizeof *slab + slab->size, 0);
    }
    lr_pool_init(pool, pool->parent);
}
