/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that stay until the ledger goes: names, addresses, keys. Links, accounts and lines point to
 * them and copy none. */
#ifndef LR_LEDGER_TEXTS_H
#define LR_LEDGER_TEXTS_H

#include "base/alloc.h"
#include "base/table.h"
#include "base/text.h"

struct lr_texts_block;

struct lr_texts {
    struct lr_alloc *alloc;
    struct lr_table table;         /* those that were kept once */
    struct lr_texts_block *blocks; /* the newest first */
    size_t used;                   /* of the newest */
};

void lr_texts_init(struct lr_texts *texts, struct lr_alloc *alloc);
/* Every text is gone. */
void lr_texts_deinit(struct lr_texts *texts);
/* A copy of |text| with a NUL behind it, as it is: for what is not said twice. Returns borrowed,
 * until deinit; NULL: out of memory. */
const char *lr_texts_add(struct lr_texts *texts, struct lr_text text);
/* The same, and equal texts have one copy. */
const char *lr_texts_keep(struct lr_texts *texts, struct lr_text text);

#endif
