/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/texts.h"

#include <string.h>

enum {
    BLOCK_BYTES_MIN = 1024, /* a case of a few sessions */
    BLOCK_BYTES_MAX = 64 * 1024
};

/* Room for many, given back all at once. */
struct lr_texts_block {
    struct lr_texts_block *next;
    size_t size; /* of |bytes| */
    char bytes[];
};

struct kept {
    struct lr_table_node node;
    size_t size;
    char text[];
};

void lr_texts_init(struct lr_texts *texts, struct lr_alloc *alloc) {
    texts->alloc = alloc;
    texts->blocks = NULL;
    texts->used = 0;
    lr_table_init(&texts->table);
}

void lr_texts_deinit(struct lr_texts *texts) {
    while (texts->blocks != NULL) {
        struct lr_texts_block *block = texts->blocks;
        texts->blocks = block->next;
        lr_alloc_free(texts->alloc, block, sizeof *block + block->size);
    }
    lr_table_deinit(&texts->table, texts->alloc);
}

static bool add_block(struct lr_texts *texts, size_t size) {
    size_t wanted = texts->blocks == NULL ? BLOCK_BYTES_MIN : 2 * texts->blocks->size;
    wanted = wanted < BLOCK_BYTES_MAX ? wanted : BLOCK_BYTES_MAX;
    wanted = wanted < size ? size : wanted;
    struct lr_texts_block *block = lr_alloc_bytes(texts->alloc, sizeof *block + wanted);
    if (block == NULL) {
        return false;
    }
    block->next = texts->blocks;
    block->size = wanted;
    texts->blocks = block;
    texts->used = 0;
    return true;
}

/* |size| bytes, aligned to |align|, a power of two. */
static void *take_room(struct lr_texts *texts, size_t size, size_t align) {
    size_t at = (texts->used + align - 1) & ~(align - 1);
    if (texts->blocks == NULL || at > texts->blocks->size || size > texts->blocks->size - at) {
        if (!add_block(texts, size)) {
            return NULL;
        }
        at = 0;
    }
    texts->used = at + size;
    return texts->blocks->bytes + at;
}

static void put(char *out, struct lr_text text) {
    if (text.size > 0) {
        memcpy(out, text.data, text.size);
    }
    out[text.size] = '\0';
}

const char *lr_texts_add(struct lr_texts *texts, struct lr_text text) {
    char *room = take_room(texts, text.size + 1, 1);
    if (room != NULL) {
        put(room, text);
    }
    return room;
}

const char *lr_texts_keep(struct lr_texts *texts, struct lr_text text) {
    uint64_t hash = lr_text_hash(text);
    struct lr_table_node *node = lr_table_find(&texts->table, hash);
    for (; node != NULL; node = node->next) {
        const struct kept *kept = LR_CONTAINER_OF(node, struct kept, node);
        if (node->key == hash && lr_text_equal((struct lr_text){kept->text, kept->size}, text)) {
            return kept->text;
        }
    }
    struct kept *kept = take_room(texts, sizeof *kept + text.size + 1, _Alignof(struct kept));
    if (kept == NULL) {
        return NULL;
    }
    kept->node = (struct lr_table_node){.key = hash};
    kept->size = text.size;
    put(kept->text, text);
    return lr_table_add(&texts->table, texts->alloc, &kept->node) ? kept->text : NULL;
}
