/* SPDX-License-Identifier: Apache-2.0 */
/* JSON for the control plane and for recorded bytes: a strict reader and a writer that spells as
 * Python's json.dumps does. What the reader makes of a text is a document of ours, one block, from
 * the allocator that is passed in. Texts are read by the JSON library, which is seen in json.c
 * alone, but for those that are spelled as plainly as nearly all messages are (json_plain.c). */
#ifndef LR_RPC_JSON_H
#define LR_RPC_JSON_H

#include <stdbool.h>

#include "base/text.h"
#include "rpc/wire.h"

enum { LR_JSON_DEPTH_MAX = 32 }; /* lists in lists; the protocol has four */

struct lr_json; /* a value; belongs to its document's root */

enum lr_json_type {
    LR_JSON_NULL,
    LR_JSON_BOOL,
    LR_JSON_INT,
    LR_JSON_REAL,
    LR_JSON_STRING,
    LR_JSON_LIST,
    LR_JSON_OBJECT
};
const char *lr_json_type_name(enum lr_json_type type); /* "a string" */

/* Any JSON value in any spelling; of names that repeat in an object the last one counts. |*root| is
 * freed with lr_json_free. LR_EPROTO: not JSON, not UTF-8, a lone surrogate, NaN, Infinity or a
 * number beyond 64 bits; LR_ELIMIT: deeper than LR_JSON_DEPTH_MAX; LR_ENOMEM. Each with a sentence;
 * |*root| is NULL. */
LR_NODISCARD enum lr_status lr_json_parse(struct lr_alloc *alloc, const void *bytes, size_t size,
                                          struct lr_json **root, struct lr_error *error);
void lr_json_free(struct lr_json *root); /* NULL is fine */

/* Looking into a document. Nothing allocates; what is returned is borrowed. */
enum lr_json_type lr_json_type(const struct lr_json *value);
/* Elements of a list, members of an object; 0 for anything else. */
size_t lr_json_count(const struct lr_json *value);
/* The element at |index|; NULL: no list, or it is shorter. */
const struct lr_json *lr_json_at(const struct lr_json *value, size_t index);
/* The member called |name|; NULL: no object, or none of that name. */
const struct lr_json *lr_json_get(const struct lr_json *value, const char *name);
/* These are true, and set their result, where |value|, which may be NULL, is of that type. */
bool lr_json_text(const struct lr_json *value, struct lr_text *text);
bool lr_json_bool(const struct lr_json *value, bool *truth);
bool lr_json_int(const struct lr_json *value, int64_t *integer);
bool lr_json_number(const struct lr_json *value, double *number); /* an integer, too */
/* Walks an object in its order: start with |*place| 0; false at the end. */
bool lr_json_next(const struct lr_json *object, size_t *place, struct lr_text *name,
                  const struct lr_json **member);

/* Writes a string with its quotes, ASCII alone. A text that is not UTF-8 is LR_EINVAL. */
void lr_json_write_text(struct lr_writer *writer, struct lr_text text);
void lr_json_write_int(struct lr_writer *writer, int64_t integer);
/* What is written as it is: brackets, commas, names. */
void lr_json_write_raw(struct lr_writer *writer, const char *ascii);

#endif
