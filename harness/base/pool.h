/* SPDX-License-Identifier: Apache-2.0 */
/* An allocator for very many small blocks: they are cut from slabs of its parent's and, given back,
 * kept by their size for the next. So what lives and dies by the hundred thousand costs a few
 * instructions, and lies together, from some size on in large pages. Blocks that are not small are
 * the parent's own. Slabs go back at deinit alone. A checker of memory sees slabs and not the
 * blocks in them. Not for several threads. */
#ifndef LR_BASE_POOL_H
#define LR_BASE_POOL_H

#include "base/alloc.h"

enum {
    LR_POOL_GRAIN = 16, /* sizes are rounded up to this */
    LR_POOL_BLOCK_MAX = 1024,
    LR_POOL_SIZES = LR_POOL_BLOCK_MAX / LR_POOL_GRAIN
};

struct lr_pool_slab;
struct lr_pool_spare;

struct lr_pool {
    struct lr_alloc base;
    struct lr_alloc *parent;
    struct lr_pool_spare *spare[LR_POOL_SIZES]; /* given back, by size */
    struct lr_pool_slab *slabs;                 /* the newest first */
    size_t used;                                /* of the newest */
};

/* Borrows |parent| until deinit. Pass &pool->base on. */
void lr_pool_init(struct lr_pool *pool, struct lr_alloc *parent);
/* Every small block is gone; larger ones have been given back before. */
void lr_pool_deinit(struct lr_pool *pool);

#endif
