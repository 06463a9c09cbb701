/* SPDX-License-Identifier: Apache-2.0 */
/* Which dialect a client is answered in before it has shown its own. InitServer looks the same in
 * both, and a client of the other dialect leaves right after the answer to it, then tries again at
 * once. So: an address that leaves right after that answer twice within a second is answered in the
 * other dialect from then on. Once proves nothing, as a session opened and dropped without a call
 * looks the same. What a call has proven is kept for the address, and then only three such leaves
 * in a row say otherwise, as when clients of both dialects share an address. The table is bounded;
 * the address that was silent longest makes room. */
#ifndef LR_RPC_SERVER_DIALECT_H
#define LR_RPC_SERVER_DIALECT_H

#include "rpc/role.h"
#include "rpc/value.h"

enum { LR_SERVER_DIALECTS_MAX = 64 };

struct lr_server_dialect_entry {
    char host[LR_HOST_MAX]; /* "": unused */
    enum lr_dialect dialect;
    bool proven;
    unsigned int leaves; /* in a row, each within a second of the one before */
    lr_time left_at;     /* the last of them */
    uint64_t used;       /* larger: later */
};

struct lr_server_dialects {
    struct lr_server_dialect_entry entries[LR_SERVER_DIALECTS_MAX];
    uint64_t uses;
};

/* What to answer |host| in: ffi for a stranger. */
enum lr_dialect lr_server_dialect_guess(struct lr_server_dialects *dialects, const char *host);
/* A call of |host| has shown |dialect|. */
void lr_server_dialect_prove(struct lr_server_dialects *dialects, const char *host,
                             enum lr_dialect dialect);
/* |host| was answered in |dialect| and left without a call. True where it will be answered in the
 * other one next. */
bool lr_server_dialect_left(struct lr_server_dialects *dialects, const char *host,
                            enum lr_dialect dialect, lr_time now);

#endif
