/* SPDX-License-Identifier: Apache-2.0 */
/* Which dialect a client is answered in before it has shown its own. InitServer looks the same in
 * both, and a client of the other dialect leaves right after the answer to it, then tries again at
 * once. So: an address that leaves right after that answer twice within a second is answered in the
 * other dialect from then on. Once proves nothing, as a session opened and dropped without a call
 * looks the same. What a call has proven is kept for the address, and then only three such leaves
 * in a row say otherwise, as when clients of both dialects share an address. There is room
 * for a bounded number of addresses, and the one that was silent longest makes it; where there is
 * no memory for one, it stays a stranger. */
#ifndef LR_RPC_SERVER_DIALECT_H
#define LR_RPC_SERVER_DIALECT_H

#include "base/list.h"
#include "rpc/role.h"
#include "rpc/value.h"

enum { LR_SERVER_DIALECTS_MAX = 64 };

struct lr_server_dialects {
    struct lr_alloc *alloc;
    struct lr_list entries; /* one a host, the one used last first */
    size_t count;
};

void lr_server_dialects_init(struct lr_server_dialects *dialects, struct lr_alloc *alloc);
void lr_server_dialects_deinit(struct lr_server_dialects *dialects);
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
