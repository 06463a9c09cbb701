/* SPDX-License-Identifier: Apache-2.0 */
/* Small blocks from slabs: each is where no other is, comes back by its size, and counts exactly.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/pool.h"
#include "base/prng.h"
#include "support/failing.h"

enum { BLOCKS = 300, STEPS = 20000 };

#define LONG ((size_t)LR_POOL_BLOCK_MAX + 1)

static uint8_t *blocks[BLOCKS];
static size_t sizes[BLOCKS];

static bool holds(size_t i) {
    for (size_t j = 0; blocks[i] != NULL && j < sizes[i]; j++) {
        if (blocks[i][j] != (uint8_t)i) {
            return false;
        }
    }
    return true;
}

static void set_size(struct lr_alloc *alloc, size_t i, size_t size) {
    size_t kept = size < sizes[i] ? size : sizes[i];
    cr_assert(holds(i), "block %zu was written by another", i);
    if (size == 0) {
        lr_alloc_free(alloc, blocks[i], sizes[i]);
        blocks[i] = NULL;
    } else {
        blocks[i] = lr_alloc_resize(alloc, blocks[i], sizes[i], size);
        cr_assert_not_null(blocks[i]);
        cr_assert_eq((uintptr_t)blocks[i] % LR_POOL_GRAIN, 0);
    }
    sizes[i] = kept;
    cr_assert(holds(i), "block %zu did not go along", i);
    sizes[i] = size;
    if (size > 0) {
        memset(blocks[i], (int)i, size);
    }
}

Test(base_pool, blocks_of_all_sizes_keep_what_is_in_them) {
    struct lr_counting_alloc parent;
    struct lr_pool pool;
    struct lr_prng random;
    lr_prng_init(&random, 3);
    lr_counting_alloc_init(&parent, lr_alloc_system());
    lr_pool_init(&pool, &parent.base);
    for (int step = 0; step < STEPS; step++) {
        set_size(&pool.base, (size_t)lr_prng_below(&random, BLOCKS),
                 (size_t)lr_prng_below(&random, 2 * LONG));
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        set_size(&pool.base, i, 0);
    }
    lr_pool_deinit(&pool);
    cr_expect_eq(parent.live_bytes, 0);
}

Test(base_pool, what_is_given_back_is_the_next_of_its_size) {
    struct lr_counting_alloc parent;
    struct lr_pool pool;
    lr_counting_alloc_init(&parent, lr_alloc_system());
    lr_pool_init(&pool, &parent.base);
    void *first = lr_alloc_bytes(&pool.base, 100);
    void *second = lr_alloc_bytes(&pool.base, 100);
    lr_alloc_free(&pool.base, first, 100);
    lr_alloc_free(&pool.base, second, 100);
    cr_expect_eq(lr_alloc_bytes(&pool.base, 97), second, "97 bytes are rounded up to as much");
    cr_expect_eq(lr_alloc_bytes(&pool.base, 112), first);
    cr_expect_neq(lr_alloc_bytes(&pool.base, 113), NULL);
    cr_expect_eq(parent.live_blocks, 1, "all of them are in one slab");
    lr_pool_deinit(&pool);
    cr_expect_eq(parent.live_bytes, 0, "what was not given back goes with it");
}

Test(base_pool, a_long_block_is_the_parents_own) {
    struct lr_counting_alloc parent;
    struct lr_pool pool;
    lr_counting_alloc_init(&parent, lr_alloc_system());
    lr_pool_init(&pool, &parent.base);
    void *block = lr_alloc_bytes(&pool.base, LONG);
    cr_expect_eq(parent.live_bytes, LONG);
    block = lr_alloc_resize(&pool.base, block, LONG, 2 * LONG);
    cr_expect_eq(parent.live_bytes, 2 * LONG);
    lr_alloc_free(&pool.base, block, 2 * LONG);
    cr_expect_eq(parent.live_bytes, 0);
    lr_pool_deinit(&pool);
}

static void grow_and_shrink(struct lr_alloc *alloc, void *context) {
    struct lr_pool pool;
    (void)context;
    lr_pool_init(&pool, alloc);
    size_t size = 8;
    uint8_t *block = lr_alloc_bytes(&pool.base, size);
    while (block != NULL && size < 4 * LONG) {
        memset(block, 1, size);
        uint8_t *grown = lr_alloc_resize(&pool.base, block, size, 2 * size);
        if (grown == NULL) {
            cr_expect_eq(block[size - 1], 1, "it is left as it was");
            break;
        }
        block = grown;
        size *= 2;
    }
    cr_assert(size >= 4 * LONG || !lr_test_must_succeed(alloc));
    lr_alloc_free(&pool.base, block, size);
    lr_pool_deinit(&pool);
}

Test(base_pool, nothing_is_lost_whichever_allocation_fails) {
    lr_test_each_failure(grow_and_shrink, NULL);
}
