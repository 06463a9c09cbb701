/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a tracker's summary, sorted and measured, for whoever writes them out. */
#ifndef LR_CLI_QUERY_ROWS_H
#define LR_CLI_QUERY_ROWS_H

#include "rpc/json.h"
#include "rpc/tracker_msg.h"

enum { LR_HELD_COLUMNS = 5, LR_HELD_SINCE_MAX = 96 };

struct lr_query_server {
    struct lr_summary_server row;
    size_t place; /* in the tracker's list */
};

struct lr_query_rows {
    struct lr_alloc *alloc;
    struct lr_query_server *servers; /* by key; equal ones as the tracker had them */
    size_t server_count;
    struct lr_summary_queue *queues; /* by key */
    size_t queue_count;
    struct lr_summary_held *held; /* by server */
    size_t held_count;
    bool has_held;
};

/* Texts are borrowed from |summary|. LR_ENOMEM; LR_EPROTO: a row is not what it should be. To be
 * given back with lr_query_rows_deinit, on failure, too. */
LR_NODISCARD enum lr_status lr_query_rows_init(struct lr_query_rows *rows, struct lr_alloc *alloc,
                                               const struct lr_tracker_answer *summary);
void lr_query_rows_deinit(struct lr_query_rows *rows);

/* Servers whose key is |key|, which may hold colons. */
size_t lr_query_total(const struct lr_query_rows *rows, struct lr_text key);
/* Characters of UTF-8. */
size_t lr_query_columns(struct lr_text text);
/* The text of column |column|: server, key, client, user, since when; in |since| where it is made.
 */
struct lr_text lr_query_held_cell(const struct lr_summary_held *held, size_t column,
                                  char since[LR_HELD_SINCE_MAX]);

#endif
