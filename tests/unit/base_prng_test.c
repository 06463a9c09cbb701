/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/prng.h"

/* Published first outputs of xoshiro256** from the state 1, 2, 3, 4. */
Test(base_prng, draws_what_the_published_generator_draws) {
    static const uint64_t expected[] = {
        UINT64_C(11520),
        UINT64_C(0),
        UINT64_C(1509978240),
        UINT64_C(1215971899390074240),
        UINT64_C(1216172134540287360),
        UINT64_C(607988272756665600),
    };
    struct lr_prng prng = {.state = {1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        cr_expect_eq(lr_prng_next(&prng), expected[i]);
    }
}

/* Published first outputs of splitmix64 from 0, which fill the state. */
Test(base_prng, seeds_by_the_published_generator) {
    struct lr_prng prng;
    lr_prng_init(&prng, 0);
    cr_expect_eq(prng.state[0], UINT64_C(0xe220a8397b1dcdaf));
    cr_expect_eq(prng.state[1], UINT64_C(0x6e789e6aa1b965f4));
    cr_expect_eq(prng.state[2], UINT64_C(0x06c45d188009454f));
    cr_expect_eq(prng.state[3], UINT64_C(0xf88bb8a8724c81ec));
}

Test(base_prng, forks_depend_on_the_seed_and_the_name_alone) {
    struct lr_prng parent;
    struct lr_prng moved;
    struct lr_prng other;
    lr_prng_init(&parent, 42);
    lr_prng_init(&moved, 42);
    lr_prng_init(&other, 43);
    (void)lr_prng_next(&moved); /* a draw must not shift what children draw */
    struct lr_prng before = parent;
    struct lr_prng child = lr_prng_fork(&parent, "link");
    struct lr_prng same = lr_prng_fork(&moved, "link");
    struct lr_prng name = lr_prng_fork(&parent, "links");
    struct lr_prng seed = lr_prng_fork(&other, "link");
    cr_expect_eq(memcmp(&before, &parent, sizeof parent), 0, "a fork moved its parent");
    uint64_t first = lr_prng_next(&child);
    cr_expect_eq(first, lr_prng_next(&same));
    cr_expect_neq(first, lr_prng_next(&name));
    cr_expect_neq(first, lr_prng_next(&seed));
}

Test(base_prng, stays_below_its_bound_and_reaches_all_of_it) {
    struct lr_prng prng;
    size_t seen[7] = {0};
    lr_prng_init(&prng, 5);
    for (int i = 0; i < 7000; i++) {
        uint64_t value = lr_prng_below(&prng, 7);
        cr_assert_lt(value, 7);
        seen[value]++;
    }
    for (size_t i = 0; i < 7; i++) {
        cr_expect(seen[i] > 800 && seen[i] < 1200, "%zu came %zu times in 7000", i, seen[i]);
    }
    cr_expect_eq(lr_prng_below(&prng, 1), 0);
}

Test(base_prng, chances_of_none_and_of_all_are_certain) {
    struct lr_prng prng;
    lr_prng_init(&prng, 5);
    for (int i = 0; i < 100; i++) {
        cr_assert_not(lr_prng_chance(&prng, 0, 10));
        cr_assert(lr_prng_chance(&prng, 10, 10));
    }
}

Test(base_prng, fills_the_same_bytes_on_any_machine) {
    struct lr_prng prng = {.state = {1, 2, 3, 4}};
    uint8_t bytes[11] = {0};
    lr_prng_fill(&prng, bytes, 10);
    static const uint8_t expected[11] = {0x00, 0x2d}; /* 11520, little end first; then 0 */
    cr_expect_eq(memcmp(bytes, expected, sizeof bytes), 0);
}
