/* SPDX-License-Identifier: Apache-2.0 */
/* What to tell a person about a session: the sentence for one that has ended, and for one that is
 * still held: by whom, for how long, idle since when, what would release it, and the advice. */
#ifndef LR_LEDGER_HELD_H
#define LR_LEDGER_HELD_H

#include "ledger/ledger.h"

enum { LR_HELD_TEXT_MAX = 512 };

/* One line on a session in whatever state: key, client, server; released when and after what was
 * seen, or held. Returns |out|. */
const char *lr_held_summary(char *out, size_t size, const struct lr_account *account, lr_time now);

/* For one that is still held: "held by c1 (pid 4711, 127.0.0.1:40312 -> 127.0.0.1:9091) for 2.10 s,
 * idle for 1.90 s; its timeout would release it in 17.20 s; close it explicitly, or hold it in a
 * scope". Returns |out|. */
const char *lr_held_describe(char *out, size_t size, const struct lr_account *account, lr_time now);

#endif
