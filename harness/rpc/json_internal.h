/* SPDX-License-Identifier: Apache-2.0 */
/* How a document lies in memory, for the two that make one: json.c and json_plain.c. */
#ifndef LR_RPC_JSON_INTERNAL_H
#define LR_RPC_JSON_INTERNAL_H

#include "rpc/json.h"

struct lr_json {
    enum lr_json_type type;
    size_t count; /* elements of a list, members of an object, bytes of a string */
    union {
        int64_t integer;
        double real;
        const char *text;
        const struct lr_json *items; /* one behind the other; of a member its name, then its value
                                      */
    } as;
};

/* Room for |value_count| values, of which the root is the first, and for |text_bytes| behind them,
 * which |*texts| is set to. NULL: out of memory. Free with lr_json_free. */
struct lr_json *lr_json_make(struct lr_alloc *alloc, size_t value_count, size_t text_bytes,
                             char **texts);

/* More values than this are not read plainly: messages that come often have ten. */
enum { LR_JSON_PLAIN_MAX = 64 };

/* Reads |bytes| into a document where they are lists, integers, null and strings of ASCII without
 * escapes, LR_JSON_PLAIN_MAX values at most, that nest no deeper than LR_JSON_DEPTH_MAX.
 * LR_ENOTSUP: they are not, and nothing is said of them; LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_json_plain_parse(struct lr_alloc *alloc, const void *bytes,
                                                size_t size, struct lr_json **root);

#endif
