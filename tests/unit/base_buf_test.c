/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/buf.h"
#include "base/prng.h"
#include "support/failing.h"

static void fill_and_consume(struct lr_alloc *alloc, void *context) {
    struct lr_buf buf;
    (void)context;
    lr_buf_init(&buf, alloc);
    enum lr_status status = LR_OK;
    for (int i = 0; i < 100 && status == LR_OK; i++) {
        size_t before = lr_buf_size(&buf);
        status = lr_buf_append(&buf, "0123456789", 10);
        cr_assert_eq(lr_buf_size(&buf), before + (status == LR_OK ? 10U : 0U));
        if (status == LR_OK && i % 3 == 0) {
            lr_buf_consume(&buf, 4);
        }
    }
    cr_assert_eq(status, lr_test_must_succeed(alloc) ? LR_OK : LR_ENOMEM);
    if (status == LR_OK) {
        cr_expect_eq(lr_buf_size(&buf), 1000 - 34 * 4);
    }
    lr_buf_deinit(&buf);
}

Test(base_buf, grows_and_gives_all_back_whichever_allocation_fails) {
    lr_test_each_failure(fill_and_consume, NULL);
}

Test(base_buf, gives_back_the_bytes_in_the_order_in_which_they_came) {
    struct lr_counting_alloc counting;
    struct lr_prng random;
    struct lr_buf buf;
    uint8_t in = 0;
    uint8_t out = 0;
    lr_counting_alloc_init(&counting, lr_alloc_system());
    lr_prng_init(&random, 1);
    lr_buf_init(&buf, &counting.base);
    for (int i = 0; i < 2000; i++) {
        uint8_t bytes[200];
        size_t size = (size_t)lr_prng_below(&random, sizeof bytes);
        for (size_t j = 0; j < size; j++) {
            bytes[j] = in++;
        }
        cr_assert_eq(lr_buf_append(&buf, bytes, size), LR_OK);
        size_t take = (size_t)lr_prng_below(&random, lr_buf_size(&buf) + 1);
        for (size_t j = 0; j < take; j++) {
            cr_assert_eq(lr_buf_data(&buf)[j], out++);
        }
        lr_buf_consume(&buf, take);
    }
    lr_buf_deinit(&buf);
    cr_expect_eq(counting.live_blocks, 0);
}

Test(base_buf, what_was_put_last_can_be_dropped) {
    struct lr_buf buf;
    lr_buf_init(&buf, lr_alloc_system());
    lr_buf_truncate(&buf, 0);
    cr_assert_eq(lr_buf_append(&buf, "0123456789", 10), LR_OK);
    lr_buf_consume(&buf, 2);
    lr_buf_truncate(&buf, 3);
    cr_assert_eq(lr_buf_append(&buf, "x", 1), LR_OK);
    cr_assert_eq(lr_buf_size(&buf), 4);
    cr_expect_eq(memcmp(lr_buf_data(&buf), "234x", 4), 0);
    lr_buf_deinit(&buf);
}

Test(base_buf, an_empty_large_block_is_given_back) {
    struct lr_counting_alloc counting;
    struct lr_buf buf;
    lr_counting_alloc_init(&counting, lr_alloc_system());
    lr_buf_init(&buf, &counting.base);
    uint8_t *room;
    cr_assert_eq(lr_buf_reserve(&buf, 100000, &room), LR_OK);
    memset(room, 7, 100000);
    lr_buf_commit(&buf, 100000);
    lr_buf_consume(&buf, 99999);
    cr_expect_gt(counting.live_bytes, 99999);
    lr_buf_consume(&buf, 1);
    cr_expect_eq(counting.live_bytes, 0);
    cr_expect_eq(lr_buf_size(&buf), 0);
}

Test(base_buf, content_can_be_taken_away) {
    struct lr_counting_alloc counting;
    struct lr_buf buf;
    lr_counting_alloc_init(&counting, lr_alloc_system());
    lr_buf_init(&buf, &counting.base);
    cr_assert_eq(lr_buf_append(&buf, "abc", 3), LR_OK);
    struct lr_buf taken = lr_buf_take(&buf);
    cr_expect_eq(lr_buf_size(&buf), 0);
    cr_expect_eq(lr_buf_size(&taken), 3);
    cr_assert_eq(lr_buf_append(&buf, "d", 1), LR_OK);
    cr_expect_eq(memcmp(lr_buf_data(&taken), "abc", 3), 0);
    lr_buf_deinit(&buf);
    lr_buf_deinit(&taken);
    cr_expect_eq(counting.live_blocks, 0);
}

Test(base_buf, a_size_that_cannot_be_is_out_of_memory_and_changes_nothing) {
    struct lr_buf buf;
    uint8_t *room;
    lr_buf_init(&buf, lr_alloc_system());
    cr_assert_eq(lr_buf_append(&buf, "abc", 3), LR_OK);
    cr_expect_eq(lr_buf_reserve(&buf, SIZE_MAX, &room), LR_ENOMEM);
    cr_expect_eq(lr_buf_reserve(&buf, SIZE_MAX / 2, &room), LR_ENOMEM);
    cr_expect_eq(lr_buf_append(&buf, NULL, 0), LR_OK);
    cr_expect_eq(lr_buf_size(&buf), 3);
    lr_buf_deinit(&buf);
}
