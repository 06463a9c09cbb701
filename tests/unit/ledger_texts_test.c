/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "ledger/texts.h"
#include "support/failing.h"

enum { TEXTS = 3000 };

static struct lr_text nth(char out[32], size_t n) {
    (void)snprintf(out, 32, "text %zu", n);
    return lr_text_of(out);
}

/* They stay where they are, however many follow. */
static void keep_many(struct lr_alloc *alloc, void *context) {
    static const char *kept[TEXTS];
    static const char *added[TEXTS];
    const size_t *count = context;
    struct lr_texts texts;
    char text[32];
    lr_texts_init(&texts, alloc);
    for (size_t i = 0; i < *count; i++) {
        kept[i] = lr_texts_keep(&texts, nth(text, i));
        added[i] = lr_texts_add(&texts, nth(text, i));
    }
    for (size_t i = 0; i < *count; i++) {
        struct lr_text wanted = nth(text, i);
        cr_assert(!lr_test_must_succeed(alloc) || (kept[i] != NULL && added[i] != NULL));
        cr_assert(kept[i] == NULL || lr_text_equal(lr_text_of(kept[i]), wanted), "%s", kept[i]);
        cr_assert(added[i] == NULL || lr_text_equal(lr_text_of(added[i]), wanted), "%s", added[i]);
        cr_assert(kept[i] == NULL || lr_texts_keep(&texts, wanted) == kept[i]);
        cr_assert(added[i] == NULL || added[i] != kept[i]);
    }
    lr_texts_deinit(&texts);
}

Test(ledger_texts, stay_where_they_are_and_are_kept_once) {
    size_t count = TEXTS;
    struct lr_counting_alloc counting;
    lr_counting_alloc_init(&counting, lr_alloc_system());
    keep_many(&counting.base, &count);
    cr_expect_eq(counting.live_bytes, 0);
}

Test(ledger_texts, nothing_is_lost_whichever_allocation_fails) {
    size_t count = 200;
    lr_test_each_failure(keep_many, &count);
}

/* However many they are, blocks do not double for ever. */
Test(ledger_texts, take_no_more_at_once_than_they_must) {
    struct lr_counting_alloc counting;
    struct lr_texts texts;
    lr_counting_alloc_init(&counting, lr_alloc_system());
    lr_texts_init(&texts, &counting.base);
    for (size_t i = 0; i < 20000; i++) {
        char text[32];
        size_t before = counting.live_bytes;
        cr_assert_not_null(lr_texts_add(&texts, nth(text, i)));
        cr_assert_leq(counting.live_bytes - before, (size_t)65 * 1024);
    }
    lr_texts_deinit(&texts);
    cr_expect_eq(counting.live_bytes, 0);
}

Test(ledger_texts, of_any_size_and_with_any_bytes) {
    static char large[200000];
    struct lr_counting_alloc counting;
    struct lr_texts texts;
    lr_counting_alloc_init(&counting, lr_alloc_system());
    lr_texts_init(&texts, &counting.base);
    memset(large, 'x', sizeof large);
    const char *kept = lr_texts_keep(&texts, (struct lr_text){large, sizeof large});
    cr_assert_not_null(kept);
    cr_expect_eq(strlen(kept), sizeof large);
    cr_expect_str_eq(lr_texts_keep(&texts, (struct lr_text){NULL, 0}), "");
    cr_expect_str_eq(lr_texts_add(&texts, (struct lr_text){NULL, 0}), "");
    const char *with_nul = lr_texts_keep(&texts, (struct lr_text){"a\0b", 3});
    cr_expect_neq(with_nul, lr_texts_keep(&texts, (struct lr_text){"a\0c", 3}));
    cr_expect_neq(with_nul, lr_texts_keep(&texts, lr_text_of("a")));
    cr_expect_eq(memcmp(with_nul, "a\0b", 4), 0);
    lr_texts_deinit(&texts);
    cr_expect_eq(counting.live_bytes, 0);
}
