/* SPDX-License-Identifier: Apache-2.0 */
/* What keeps order: the ring, the tree and the timers. None of them allocates. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/prng.h"
#include "base/timers.h"

struct item {
    struct lr_list in_list;
    struct lr_tree_node in_tree;
    int key;
};

Test(base_list, walks_in_order_and_lets_the_body_remove_the_node) {
    struct lr_list head;
    struct item items[5];
    lr_list_init(&head);
    cr_expect(lr_list_empty(&head));
    for (int i = 0; i < 5; i++) {
        items[i].key = i;
        lr_list_append(&head, &items[i].in_list);
    }
    int expected = 0;
    LR_LIST_EACH (node, &head) {
        struct item *item = LR_CONTAINER_OF(node, struct item, in_list);
        cr_assert_eq(item->key, expected++);
        if (item->key % 2 == 0) {
            lr_list_remove(node);
            lr_list_remove(node); /* of no list any more: nothing happens */
        }
    }
    cr_assert_eq(expected, 5);
    int left = 0;
    LR_LIST_EACH (node, &head) {
        left += LR_CONTAINER_OF(node, struct item, in_list)->key;
    }
    cr_expect_eq(left, 1 + 3);
}

static int compare_items(const struct lr_tree_node *a, const struct lr_tree_node *b) {
    int x = LR_CONTAINER_OF(a, struct item, in_tree)->key;
    int y = LR_CONTAINER_OF(b, struct item, in_tree)->key;
    return (x > y) - (x < y);
}

static int compare_key(const void *key, const struct lr_tree_node *node) {
    int x = *(const int *)key;
    int y = LR_CONTAINER_OF(node, struct item, in_tree)->key;
    return (x > y) - (x < y);
}

/* Height of the tree under |node|, where order, parents and balance hold everywhere. */
static int check_node(const struct lr_tree_node *node, const struct lr_tree_node *parent) {
    if (node == NULL) {
        return 0;
    }
    cr_assert_eq(node->parent, parent);
    int left = check_node(node->left, node);
    int right = check_node(node->right, node);
    cr_assert_leq(abs(left - right), 1, "the tree is not balanced");
    int height = (left > right ? left : right) + 1;
    cr_assert_eq(node->height, height);
    return height;
}

static void check_tree(const struct lr_tree *tree) {
    size_t count = 0;
    int before = -1;
    (void)check_node(tree->root, NULL);
    for (struct lr_tree_node *node = lr_tree_first(tree); node != NULL; node = lr_tree_next(node)) {
        int key = LR_CONTAINER_OF(node, struct item, in_tree)->key;
        cr_assert_gt(key, before);
        before = key;
        count++;
    }
    cr_assert_eq(count, tree->count);
}

enum { ITEMS = 300 };

Test(base_tree, stays_ordered_and_balanced_through_random_insertions_and_removals) {
    static struct item items[ITEMS];
    struct lr_tree tree;
    struct lr_prng random;
    lr_prng_init(&random, 7);
    lr_tree_init(&tree, compare_items);
    for (int i = 0; i < ITEMS; i++) {
        items[i].key = i;
    }
    for (int step = 0; step < 5000; step++) {
        int key = (int)lr_prng_below(&random, ITEMS);
        struct lr_tree_node *found = lr_tree_find(&tree, &key, compare_key);
        cr_assert_eq(found != NULL, lr_tree_linked(&items[key].in_tree));
        if (found != NULL) {
            lr_tree_remove(&tree, found);
        } else {
            cr_assert(lr_tree_insert(&tree, &items[key].in_tree));
        }
        if (step % 16 == 0) {
            check_tree(&tree);
        }
    }
    check_tree(&tree);
}

Test(base_tree, stays_balanced_when_keys_come_in_order) {
    static struct item items[1024];
    struct lr_tree tree;
    lr_tree_init(&tree, compare_items);
    for (int i = 0; i < 1024; i++) {
        items[i].key = i;
        cr_assert(lr_tree_insert(&tree, &items[i].in_tree));
    }
    cr_assert_leq(check_node(tree.root, NULL), 11);
    for (int i = 0; i < 1024; i += 2) {
        lr_tree_remove(&tree, &items[i].in_tree);
    }
    check_tree(&tree);
}

Test(base_tree, refuses_an_equal_node) {
    struct item a = {.key = 3};
    struct item b = {.key = 3};
    struct lr_tree tree;
    lr_tree_init(&tree, compare_items);
    cr_expect(lr_tree_insert(&tree, &a.in_tree));
    cr_expect_not(lr_tree_insert(&tree, &b.in_tree));
    cr_expect_not(lr_tree_linked(&b.in_tree));
    cr_expect_eq(tree.count, 1);
}

Test(base_timers, fire_by_time_then_in_the_order_in_which_they_were_armed) {
    static const lr_time at[] = {50, 10, 50, 30, 10};
    static const int expected[] = {1, 4, 3, 0, 2};
    struct lr_timer timers[5] = {{.kind = 0}};
    struct lr_timers all;
    lr_timers_init(&all);
    for (int i = 0; i < 5; i++) {
        timers[i].kind = i;
        lr_timers_arm(&all, &timers[i], at[i]);
    }
    cr_expect_eq(lr_timers_next(&all), 10);
    cr_expect_null(lr_timers_pop(&all, 9));
    for (int i = 0; i < 5; i++) {
        struct lr_timer *timer = lr_timers_pop(&all, 50);
        cr_assert_not_null(timer);
        cr_expect_eq(timer->kind, expected[i]);
        cr_expect_not(lr_timer_armed(timer));
    }
    cr_expect_null(lr_timers_pop(&all, LR_TIME_NEVER));
    cr_expect_eq(lr_timers_next(&all), LR_TIME_NEVER);
}

Test(base_timers, move_when_armed_again_and_go_when_disarmed) {
    struct lr_timer a = {.kind = 1};
    struct lr_timer b = {.kind = 2};
    struct lr_timers all;
    lr_timers_init(&all);
    lr_timers_arm(&all, &a, 10);
    lr_timers_arm(&all, &b, 20);
    lr_timers_arm(&all, &a, 20); /* now behind b */
    cr_expect_eq(lr_timers_next(&all), 20);
    cr_expect_eq(lr_timers_pop(&all, 20), &b);
    lr_timers_arm(&all, &a, LR_TIME_NEVER);
    cr_expect_not(lr_timer_armed(&a));
    lr_timers_disarm(&all, &a);
    cr_expect_eq(lr_timers_next(&all), LR_TIME_NEVER);
}

Test(base_time, never_passes_the_end_of_time) {
    cr_expect_eq(lr_time_add(5, 10), 15);
    cr_expect_eq(lr_time_add(LR_TIME_NEVER - 3, 3), LR_TIME_NEVER);
    cr_expect_eq(lr_time_add(LR_TIME_NEVER - 3, 4), LR_TIME_NEVER);
    cr_expect_eq(lr_time_add(LR_TIME_NEVER, 1), LR_TIME_NEVER);
    cr_expect_eq(lr_time_min(3, LR_TIME_NEVER), 3);
}
