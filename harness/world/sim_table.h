/* SPDX-License-Identifier: Apache-2.0 */
/* An intrusive hash for what the simulated world looks up among very many: nodes live in the
 * owners' structures, keys are numbers (of a text: its hash, and then the texts are compared), and
 * the order of what is in it is never seen. */
#ifndef LR_WORLD_SIM_TABLE_H
#define LR_WORLD_SIM_TABLE_H

#include "base/alloc.h"

#include <stddef.h>
#include <stdint.h>

struct lr_sim_node {
    struct lr_sim_node *next;
    uint64_t key;
};

enum { LR_SIM_BUCKETS_MIN = 2 };

/* Growing may fail, and then it is slower: adding never fails. */
struct lr_sim_table {
    struct lr_sim_node **buckets;
    size_t bucket_count; /* a power of two */
    size_t count;
    struct lr_sim_node *first[LR_SIM_BUCKETS_MIN];
};

void lr_sim_table_init(struct lr_sim_table *table);
void lr_sim_table_deinit(struct lr_sim_table *table, struct lr_alloc *alloc); /* nodes stay */
void lr_sim_table_add(struct lr_sim_table *table, struct lr_alloc *alloc, struct lr_sim_node *node);
void lr_sim_table_remove(struct lr_sim_table *table, struct lr_sim_node *node);
/* The first node with |key|; then node->next, which may have another key. */
struct lr_sim_node *lr_sim_table_find(const struct lr_sim_table *table, uint64_t key);

#endif
