/* SPDX-License-Identifier: Apache-2.0 */
/* An intrusive hash, for what is looked up among very many: nodes live in the owners' structures,
 * keys are numbers (of a text: lr_text_hash, and then the texts are compared), and the order of
 * what is in it is never seen. Who chooses keys can make it slow: what a role looks up for its
 * peers is in a tree (base/tree.h). */
#ifndef LR_BASE_TABLE_H
#define LR_BASE_TABLE_H

#include "base/alloc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lr_table_node {
    struct lr_table_node *next;
    uint64_t key;
};

enum { LR_TABLE_BUCKETS_MIN = 2 };

struct lr_table {
    struct lr_table_node **buckets;
    size_t bucket_count; /* a power of two */
    size_t count;
    struct lr_table_node *first[LR_TABLE_BUCKETS_MIN];
};

void lr_table_init(struct lr_table *table);
void lr_table_deinit(struct lr_table *table, struct lr_alloc *alloc); /* nodes stay */
/* |node| is in the table afterwards. False: there was no memory for the table to grow, and looking
 * up takes longer. */
bool lr_table_add(struct lr_table *table, struct lr_alloc *alloc, struct lr_table_node *node);
void lr_table_remove(struct lr_table *table, struct lr_table_node *node);
/* The first node with |key|; then node->next, which may have another key. */
struct lr_table_node *lr_table_find(const struct lr_table *table, uint64_t key);

#endif
