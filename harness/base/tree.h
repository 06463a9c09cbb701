/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive ordered map (AVL tree). Nodes live in the caller's structures: inserting and removing
 * never allocate, iteration is in key order, and no choice of keys makes it slow, as keys come from
 * peers. Also the queue of timers, with (time, sequence) as the key. */
#ifndef LR_BASE_TREE_H
#define LR_BASE_TREE_H

#include <stdbool.h>
#include <stddef.h>

struct lr_tree_node {
    struct lr_tree_node *left;
    struct lr_tree_node *right;
    struct lr_tree_node *parent;
    int height; /* 0: in no tree */
};

/* Order of two nodes: negative, 0 or positive. */
typedef int (*lr_tree_compare)(const struct lr_tree_node *a, const struct lr_tree_node *b);
/* That of two numbers of one type. */
#define LR_ORDER(a, b) (((a) > (b)) - ((a) < (b)))
/* Order of a key that is looked up and a node. */
typedef int (*lr_tree_compare_key)(const void *key, const struct lr_tree_node *node);

struct lr_tree {
    struct lr_tree_node *root;
    lr_tree_compare compare;
    size_t count;
};

void lr_tree_init(struct lr_tree *tree, lr_tree_compare compare);
/* Links |node|, which is in no tree. Returns false, and does nothing, where an equal one is there.
 */
bool lr_tree_insert(struct lr_tree *tree, struct lr_tree_node *node);
/* Unlinks |node|, which is in |tree|. */
void lr_tree_remove(struct lr_tree *tree, struct lr_tree_node *node);
/* The node equal to |key|, or NULL. Borrowed. */
struct lr_tree_node *lr_tree_find(const struct lr_tree *tree, const void *key,
                                  lr_tree_compare_key compare);
struct lr_tree_node *lr_tree_first(const struct lr_tree *tree);
struct lr_tree_node *lr_tree_next(const struct lr_tree_node *node);

static inline bool lr_tree_linked(const struct lr_tree_node *node) {
    return node->height != 0;
}

#endif
