/* SPDX-License-Identifier: Apache-2.0 */
#include "base/table.h"

#include <string.h>

#include "base/assert.h"

static size_t slot_of(const struct lr_table *table, uint64_t key) {
    uint64_t mixed = key * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(mixed >> 32) & (table->bucket_count - 1);
}

static size_t own_size(const struct lr_table *table) {
    return table->bucket_count * sizeof(struct lr_table_node *);
}

void lr_table_init(struct lr_table *table) {
    memset(table, 0, sizeof *table);
    table->buckets = table->first;
    table->bucket_count = LR_TABLE_BUCKETS_MIN;
}

void lr_table_deinit(struct lr_table *table, struct lr_alloc *alloc) {
    if (table->buckets != table->first) {
        lr_alloc_free(alloc, table->buckets, own_size(table));
    }
    lr_table_init(table);
}

static void link(struct lr_table *table, struct lr_table_node *node) {
    size_t slot = slot_of(table, node->key);
    node->next = table->buckets[slot];
    table->buckets[slot] = node;
}

static bool grow(struct lr_table *table, struct lr_alloc *alloc) {
    struct lr_table old = *table;
    size_t count = table->bucket_count * 4;
    struct lr_table_node **buckets = lr_alloc_zeroed(alloc, count * sizeof(struct lr_table_node *));
    if (buckets == NULL) {
        return false; /* longer rows, nothing worse */
    }
    table->buckets = buckets;
    table->bucket_count = count;
    struct lr_table_node **from =
        old.bucket_count == LR_TABLE_BUCKETS_MIN ? table->first : old.buckets;
    for (size_t i = 0; i < old.bucket_count; i++) {
        for (struct lr_table_node *node = from[i], *next; node != NULL; node = next) {
            next = node->next;
            link(table, node);
        }
    }
    if (from != table->first) {
        lr_alloc_free(alloc, old.buckets, own_size(&old));
    }
    return true;
}

bool lr_table_add(struct lr_table *table, struct lr_alloc *alloc, struct lr_table_node *node) {
    bool good = table->count < table->bucket_count * 2 || grow(table, alloc);
    link(table, node);
    table->count++;
    return good;
}

void lr_table_remove(struct lr_table *table, struct lr_table_node *node) {
    struct lr_table_node **at = &table->buckets[slot_of(table, node->key)];
    while (*at != node) {
        LR_ASSERT(*at != NULL);
        at = &(*at)->next;
    }
    *at = node->next;
    node->next = NULL;
    table->count--;
}

struct lr_table_node *lr_table_find(const struct lr_table *table, uint64_t key) {
    struct lr_table_node *node = table->buckets[slot_of(table, key)];
    while (node != NULL && node->key != key) {
        node = node->next;
    }
    return node;
}
