/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/alloc.h"
#include "support/failing.h"

static struct lr_counting_alloc fresh(void) {
    struct lr_counting_alloc counting;
    lr_counting_alloc_init(&counting, lr_alloc_system());
    return counting;
}

Test(base_alloc, counts_what_is_handed_out_and_given_back) {
    struct lr_counting_alloc counting = fresh();
    struct lr_alloc *alloc = &counting.base;
    char *a = lr_alloc_bytes(alloc, 100);
    char *b = lr_alloc_zeroed(alloc, 20);
    cr_assert(a != NULL && b != NULL);
    cr_expect_eq(counting.live_bytes, 120);
    cr_expect_eq(counting.live_blocks, 2);
    for (size_t i = 0; i < 20; i++) {
        cr_assert_eq(b[i], 0);
    }
    a = lr_alloc_resize(alloc, a, 100, 150);
    cr_expect_eq(counting.live_bytes, 170);
    cr_expect_eq(counting.live_blocks, 2);
    lr_alloc_free(alloc, a, 150);
    lr_alloc_free(alloc, b, 20);
    lr_alloc_free(alloc, NULL, 0);
    cr_expect_eq(counting.live_bytes, 0);
    cr_expect_eq(counting.live_blocks, 0);
    cr_expect_eq(counting.peak_bytes, 170);
    cr_expect_eq(counting.calls, 3);
    cr_expect_eq(counting.failed, 0);
}

Test(base_alloc, keeps_a_block_as_it_was_when_its_growth_fails) {
    struct lr_counting_alloc counting = fresh();
    char *block = lr_alloc_string(&counting.base, "kept", 4);
    cr_assert_not_null(block);
    counting.fail_at = counting.calls + 1;
    cr_expect_null(lr_alloc_resize(&counting.base, block, 5, 500));
    cr_expect_eq(counting.failed, 1);
    cr_expect_str_eq(block, "kept");
    cr_expect_eq(counting.live_bytes, 5);
    lr_alloc_free_string(&counting.base, block);
    cr_expect_eq(counting.live_blocks, 0);
}

Test(base_alloc, refuses_what_would_pass_the_limit_and_nothing_else) {
    struct lr_counting_alloc counting = fresh();
    counting.limit_bytes = 100;
    char *block = lr_alloc_bytes(&counting.base, 60);
    cr_assert_not_null(block);
    cr_expect_null(lr_alloc_bytes(&counting.base, 41));
    char *rest = lr_alloc_bytes(&counting.base, 40);
    cr_assert_not_null(rest);
    cr_expect_null(lr_alloc_bytes(&counting.base, SIZE_MAX));
    lr_alloc_free(&counting.base, rest, 40);
    /* A growth counts by what it adds. */
    block = lr_alloc_resize(&counting.base, block, 60, 100);
    cr_expect_not_null(block);
    lr_alloc_free(&counting.base, block, 100);
    cr_expect_eq(counting.failed, 2);
    cr_expect_eq(counting.live_bytes, 0);
}

Test(base_alloc, never_fails_a_shrink) {
    struct lr_counting_alloc counting = fresh();
    char *block = lr_alloc_bytes(&counting.base, 64);
    cr_assert_not_null(block);
    counting.fail_at = counting.calls + 1;
    counting.limit_bytes = 1;
    block = lr_alloc_resize(&counting.base, block, 64, 16);
    cr_assert_not_null(block);
    cr_expect_eq(counting.live_bytes, 16);
    lr_alloc_free(&counting.base, block, 16);
}

Test(base_alloc, counts_through_two_levels) {
    struct lr_counting_alloc outer = fresh();
    struct lr_counting_alloc inner;
    lr_counting_alloc_init(&inner, &outer.base);
    outer.limit_bytes = 10;
    char *block = lr_alloc_bytes(&inner.base, 10);
    cr_assert_not_null(block);
    cr_expect_null(lr_alloc_bytes(&inner.base, 1), "the parent's limit holds for the child");
    cr_expect_eq(inner.failed, 1);
    cr_expect_eq(inner.live_bytes, 10);
    cr_expect_eq(outer.live_bytes, 10);
    lr_alloc_free(&inner.base, block, 10);
    cr_expect_eq(outer.live_blocks, 0);
}

Test(base_alloc, copies_strings_with_a_nul_behind_them) {
    struct lr_counting_alloc counting = fresh();
    char *string = lr_alloc_string(&counting.base, "abcdef", 3);
    cr_assert_not_null(string);
    cr_expect_str_eq(string, "abc");
    char *empty = lr_alloc_string(&counting.base, NULL, 0);
    cr_assert_not_null(empty);
    cr_expect_str_eq(empty, "");
    lr_alloc_free_string(&counting.base, string);
    lr_alloc_free_string(&counting.base, empty);
    lr_alloc_free_string(&counting.base, NULL);
    cr_expect_eq(counting.live_blocks, 0);
}

static void make_two(struct lr_alloc *alloc, void *context) {
    char *first = lr_alloc_string(alloc, "first", 5);
    char *second = first == NULL ? NULL : lr_alloc_zeroed(alloc, 8);
    *(int *)context += second != NULL;
    lr_alloc_free(alloc, second, 8);
    lr_alloc_free_string(alloc, first);
}

Test(base_alloc, the_loop_of_failures_fails_each_allocation_once) {
    int succeeded = 0;
    lr_test_each_failure(make_two, &succeeded);
    cr_expect_eq(succeeded, 1, "of three runs only the one without failure gets through");
}
