/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tree.h"

#include "base/assert.h"

void lr_tree_init(struct lr_tree *tree, lr_tree_compare compare) {
    *tree = (struct lr_tree){.compare = compare};
}

static int height_of(const struct lr_tree_node *node) {
    return node == NULL ? 0 : node->height;
}

static int balance_of(const struct lr_tree_node *node) {
    return height_of(node->left) - height_of(node->right);
}

static void update_height(struct lr_tree_node *node) {
    int left = height_of(node->left);
    int right = height_of(node->right);
    node->height = 1 + (left > right ? left : right);
}

/* Puts |replacement| (or nothing) where |node| hangs. */
static void replace_in_parent(struct lr_tree *tree, struct lr_tree_node *node,
                              struct lr_tree_node *replacement) {
    struct lr_tree_node *parent = node->parent;
    if (parent == NULL) {
        tree->root = replacement;
    } else if (parent->left == node) {
        parent->left = replacement;
    } else {
        parent->right = replacement;
    }
    if (replacement != NULL) {
        replacement->parent = parent;
    }
}

static struct lr_tree_node *rotate_right(struct lr_tree *tree, struct lr_tree_node *node) {
    struct lr_tree_node *pivot = node->left;
    replace_in_parent(tree, node, pivot);
    node->left = pivot->right;
    if (node->left != NULL) {
        node->left->parent = node;
    }
    pivot->right = node;
    node->parent = pivot;
    update_height(node);
    update_height(pivot);
    return pivot;
}

static struct lr_tree_node *rotate_left(struct lr_tree *tree, struct lr_tree_node *node) {
    struct lr_tree_node *pivot = node->right;
    replace_in_parent(tree, node, pivot);
    node->right = pivot->left;
    if (node->right != NULL) {
        node->right->parent = node;
    }
    pivot->left = node;
    node->parent = pivot;
    update_height(node);
    update_height(pivot);
    return pivot;
}

/* Restores the balance from |node| up to where nothing has changed: what is above that need not
 * even be read. */
static void rebalance(struct lr_tree *tree, struct lr_tree_node *node) {
    while (node != NULL) {
        int before = node->height;
        update_height(node);
        int balance = balance_of(node);
        if (balance > 1) {
            if (balance_of(node->left) < 0) {
                (void)rotate_left(tree, node->left);
            }
            node = rotate_right(tree, node);
        } else if (balance < -1) {
            if (balance_of(node->right) > 0) {
                (void)rotate_right(tree, node->right);
            }
            node = rotate_left(tree, node);
        }
        if (node->height == before) {
            return;
        }
        node = node->parent;
    }
}

bool lr_tree_insert(struct lr_tree *tree, struct lr_tree_node *node) {
    LR_ASSERT(!lr_tree_linked(node));
    struct lr_tree_node **place = &tree->root;
    struct lr_tree_node *parent = NULL;
    while (*place != NULL) {
        parent = *place;
        int order = tree->compare(node, parent);
        if (order == 0) {
            return false;
        }
        place = order < 0 ? &parent->left : &parent->right;
    }
    *node = (struct lr_tree_node){.parent = parent, .height = 1};
    *place = node;
    tree->count++;
    rebalance(tree, parent);
    return true;
}

static struct lr_tree_node *leftmost(struct lr_tree_node *node) {
    while (node->left != NULL) {
        node = node->left;
    }
    return node;
}

/* Moves |node|'s successor into its place; returns where the balance has to be restored from. */
static struct lr_tree_node *replace_by_successor(struct lr_tree *tree, struct lr_tree_node *node) {
    struct lr_tree_node *successor = leftmost(node->right);
    struct lr_tree_node *start = successor->parent == node ? successor : successor->parent;
    if (successor->parent != node) {
        replace_in_parent(tree, successor, successor->right);
        successor->right = node->right;
        successor->right->parent = successor;
    }
    replace_in_parent(tree, node, successor);
    successor->height = node->height; /* as those above know it */
    successor->left = node->left;
    successor->left->parent = successor;
    return start;
}

void lr_tree_remove(struct lr_tree *tree, struct lr_tree_node *node) {
    LR_ASSERT(lr_tree_linked(node));
    LR_ASSERT(tree->count > 0);
    struct lr_tree_node *start = node->parent;
    if (node->left != NULL && node->right != NULL) {
        start = replace_by_successor(tree, node);
    } else {
        replace_in_parent(tree, node, node->left != NULL ? node->left : node->right);
    }
    tree->count--;
    *node = (struct lr_tree_node){0};
    rebalance(tree, start);
}

struct lr_tree_node *lr_tree_find(const struct lr_tree *tree, const void *key,
                                  lr_tree_compare_key compare) {
    struct lr_tree_node *node = tree->root;
    while (node != NULL) {
        int order = compare(key, node);
        if (order == 0) {
            return node;
        }
        node = order < 0 ? node->left : node->right;
    }
    return NULL;
}

struct lr_tree_node *lr_tree_first(const struct lr_tree *tree) {
    return tree->root == NULL ? NULL : leftmost(tree->root);
}

struct lr_tree_node *lr_tree_next(const struct lr_tree_node *node) {
    if (node->right != NULL) {
        return leftmost(node->right);
    }
    const struct lr_tree_node *child = node;
    struct lr_tree_node *parent = node->parent;
    while (parent != NULL && parent->right == child) {
        child = parent;
        parent = parent->parent;
    }
    return parent;
}
