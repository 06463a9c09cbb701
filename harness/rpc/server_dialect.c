/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/server_dialect.h"

#include <string.h>

enum { LEAVES_TO_SWITCH = 2, LEAVES_TO_SWITCH_PROVEN = 3 };
#define LEAVES_WITHIN LR_SECOND

static struct lr_server_dialect_entry *find_entry(struct lr_server_dialects *dialects,
                                                  const char *host) {
    for (size_t i = 0; i < LR_SERVER_DIALECTS_MAX; i++) {
        if (strcmp(dialects->entries[i].host, host) == 0) {
            dialects->entries[i].used = ++dialects->uses;
            return &dialects->entries[i];
        }
    }
    return NULL;
}

/* The entry of |host|, a new one where there is none, in place of the one unused for longest. */
static struct lr_server_dialect_entry *make_entry(struct lr_server_dialects *dialects,
                                                  const char *host) {
    struct lr_server_dialect_entry *entry = find_entry(dialects, host);
    if (entry != NULL) {
        return entry;
    }
    entry = &dialects->entries[0];
    for (size_t i = 1; i < LR_SERVER_DIALECTS_MAX; i++) {
        if (dialects->entries[i].used < entry->used) {
            entry = &dialects->entries[i];
        }
    }
    *entry = (struct lr_server_dialect_entry){.dialect = LR_DIALECT_FFI, .used = ++dialects->uses};
    memcpy(entry->host, host, strlen(host) + 1);
    return entry;
}

enum lr_dialect lr_server_dialect_guess(struct lr_server_dialects *dialects, const char *host) {
    const struct lr_server_dialect_entry *entry = find_entry(dialects, host);
    return entry == NULL ? LR_DIALECT_FFI : entry->dialect;
}

void lr_server_dialect_prove(struct lr_server_dialects *dialects, const char *host,
                             enum lr_dialect dialect) {
    struct lr_server_dialect_entry *entry = make_entry(dialects, host);
    entry->dialect = dialect;
    entry->proven = true;
    entry->leaves = 0;
}

bool lr_server_dialect_left(struct lr_server_dialects *dialects, const char *host,
                            enum lr_dialect dialect, lr_time now) {
    struct lr_server_dialect_entry *entry = make_entry(dialects, host);
    if (entry->dialect != dialect) {
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
