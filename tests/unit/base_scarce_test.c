/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/scarce.h"

Test(base_scarce, the_nth_allocation_fails_and_no_other) {
    struct lr_counting_alloc counting;
    struct lr_scarce_alloc scarce;
    void *blocks[5];
    lr_counting_alloc_init(&counting, lr_alloc_system());
    lr_scarce_alloc_init(&scarce, &counting.base);
    scarce.fail_in = 3;
    for (size_t i = 0; i < 5; i++) {
        blocks[i] = lr_alloc_bytes(&scarce.base, 10);
        cr_expect_eq(blocks[i] == NULL, i == 2, "%zu", i);
    }
    cr_expect_eq(scarce.refused, 1);
    for (size_t i = 0; i < 5; i++) {
        lr_alloc_free(&scarce.base, blocks[i], 10);
    }
    cr_expect_eq(counting.live_bytes, 0);
}

Test(base_scarce, a_growth_fails_and_a_shrink_does_not) {
    struct lr_scarce_alloc scarce;
    lr_scarce_alloc_init(&scarce, lr_alloc_system());
    void *block = lr_alloc_bytes(&scarce.base, 10);
    scarce.chance_of[0] = scarce.chance_of[1] = 1;
    cr_expect_null(lr_alloc_resize(&scarce.base, block, 10, 20));
    block = lr_alloc_resize(&scarce.base, block, 10, 5);
    cr_assert_not_null(block);
    cr_expect_eq(scarce.refused, 1);
    lr_alloc_free(&scarce.base, block, 5);
}

Test(base_scarce, chance_is_the_seeds) {
    uint64_t refused[3];
    for (uint64_t i = 0; i < 3; i++) {
        struct lr_scarce_alloc scarce;
        lr_scarce_alloc_init(&scarce, lr_alloc_system());
        scarce.chance_of[0] = 1;
        scarce.chance_of[1] = 3;
        lr_prng_init(&scarce.random, i / 2);
        uint64_t which = 0;
        for (int j = 0; j < 60; j++) {
            void *block = lr_alloc_bytes(&scarce.base, 1);
            which = which * 2 + (block == NULL);
            lr_alloc_free(&scarce.base, block, 1);
        }
        refused[i] = which;
        cr_expect(scarce.refused > 5 && scarce.refused < 40);
    }
    cr_expect(refused[0] == refused[1] && refused[1] != refused[2]);
}
