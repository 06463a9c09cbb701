/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/table.h"
#include "base/text.h"
#include "support/failing.h"

enum { NODES = 3000 };

static void fill_and_empty(struct lr_alloc *alloc, void *context) {
    static struct lr_table_node nodes[NODES];
    struct lr_table table;
    (void)context;
    bool grew = true;
    lr_table_init(&table);
    for (size_t i = 0; i < NODES; i++) {
        nodes[i].key = i / 2 * 64; /* each key twice */
        grew = lr_table_add(&table, alloc, &nodes[i]) && grew;
    }
    for (size_t i = 0; i < NODES; i++) {
        const struct lr_table_node *found = lr_table_find(&table, nodes[i].key);
        cr_assert(found != NULL && found->key == nodes[i].key);
        lr_table_remove(&table, &nodes[i]);
        cr_assert_eq(lr_table_find(&table, nodes[i].key) != NULL, i % 2 == 0);
    }
    cr_assert_eq(table.count, 0);
    cr_assert_eq(grew, lr_test_must_succeed(alloc), "what is slower is said");
    lr_table_deinit(&table, alloc);
}

Test(base_table, finds_what_is_in_it_also_where_it_could_not_grow) {
    lr_test_each_failure(fill_and_empty, NULL);
}

Test(base_table, hashes_of_texts_that_differ_anywhere_differ) {
    char text[40] = {0};
    for (size_t size = 0; size < sizeof text; size++) {
        uint64_t whole = lr_text_hash((struct lr_text){text, size});
        cr_expect_eq(whole, lr_text_hash((struct lr_text){text, size}));
        cr_expect_neq(whole, lr_text_hash((struct lr_text){text, size + 1}), "a NUL more");
        for (size_t i = 0; i < size; i++) {
            text[i] = 'x';
            cr_expect_neq(whole, lr_text_hash((struct lr_text){text, size}), "%zu of %zu", i, size);
            text[i] = 0;
        }
    }
}
