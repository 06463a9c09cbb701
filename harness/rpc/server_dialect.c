/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/server_dialect.h"

#include <string.h>

enum { LEAVES_TO_SWITCH = 2, LEAVES_TO_SWITCH_PROVEN = 3 };
#define LEAVES_WITHIN LR_SECOND

struct entry {
    struct lr_list node;
    enum lr_dialect dialect;
    bool proven;
    unsigned int leaves; /* in a row, each within a second of the one before */
    lr_time left_at;     /* the last of them */
    char host[];         /* and its end */
};

void lr_server_dialects_init(struct lr_server_dialects *dialects, struct lr_alloc *alloc) {
    *dialects = (struct lr_server_dialects){.alloc = alloc};
    lr_list_init(&dialects->entries);
}

static void free_entry(struct lr_server_dialects *dialects, struct entry *entry) {
    lr_list_remove(&entry->node);
    dialects->count--;
    lr_alloc_free(dialects->alloc, entry, sizeof *entry + strlen(entry->host) + 1);
}

void lr_server_dialects_deinit(struct lr_server_dialects *dialects) {
    LR_LIST_EACH (node, &dialects->entries) {
        free_entry(dialects, LR_CONTAINER_OF(node, struct entry, node));
    }
}

static void put_first(struct lr_server_dialects *dialects, struct entry *entry) {
    struct lr_list *first = dialects->entries.next;
    if (first != &entry->node) {
        lr_list_remove(&entry->node);
        lr_list_append(dialects->entries.next, &entry->node); /* before the one that was first */
    }
}

static struct entry *find_entry(struct lr_server_dialects *dialects, const char *host) {
    LR_LIST_EACH (node, &dialects->entries) {
        struct entry *entry = LR_CONTAINER_OF(node, struct entry, node);
        if (strcmp(entry->host, host) == 0) {
            put_first(dialects, entry);
            return entry;
        }
    }
    return NULL;
}

/* The entry of |host|, a new one where there is none, in place of the one unused for longest. NULL:
 * no memory. */
static struct entry *make_entry(struct lr_server_dialects *dialects, const char *host) {
    struct entry *entry = find_entry(dialects, host);
    if (entry != NULL) {
        return entry;
    }
    size_t size = strlen(host) + 1;
    entry = lr_alloc_zeroed(dialects->alloc, sizeof *entry + size);
    if (entry == NULL) {
        return NULL;
    }
    if (dialects->count == LR_SERVER_DIALECTS_MAX) {
        free_entry(dialects, LR_CONTAINER_OF(dialects->entries.prev, struct entry, node));
    }
    entry->dialect = LR_DIALECT_FFI;
    memcpy(entry->host, host, size);
    lr_list_init(&entry->node);
    put_first(dialects, entry);
    dialects->count++;
    return entry;
}

enum lr_dialect lr_server_dialect_guess(struct lr_server_dialects *dialects, const char *host) {
    const struct entry *entry = find_entry(dialects, host);
    return entry == NULL ? LR_DIALECT_FFI : entry->dialect;
}

void lr_server_dialect_prove(struct lr_server_dialects *dialects, const char *host,
                             enum lr_dialect dialect) {
    struct entry *entry = make_entry(dialects, host);
    if (entry != NULL) {
        entry->dialect = dialect;
        entry->proven = true;
        entry->leaves = 0;
    }
}

bool lr_server_dialect_left(struct lr_server_dialects *dialects, const char *host,
                            enum lr_dialect dialect, lr_time now) {
    struct entry *entry = make_entry(dialects, host);
    if (entry == NULL || entry->dialect != dialect) {
        return false; /* an answer from before the switch */
    }
    bool in_a_row = entry->leaves > 0 && now - entry->left_at <= LEAVES_WITHIN;
    entry->leaves = in_a_row ? entry->leaves + 1 : 1;
    entry->left_at = now;
    if (entry->leaves < (entry->proven ? LEAVES_TO_SWITCH_PROVEN : LEAVES_TO_SWITCH)) {
        return false;
    }
    entry->dialect = dialect == LR_DIALECT_FFI ? LR_DIALECT_LEGACY : LR_DIALECT_FFI;
    entry->proven = false;
    entry->leaves = 0;
    return true;
}
