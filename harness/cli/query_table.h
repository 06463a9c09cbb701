/* SPDX-License-Identifier: Apache-2.0 */
/* A tracker's summary as text: TVM's table to the letter (that of its versions from 0.24 on, with
 * addresses to the left), the table of who holds what, and JSON. */
#ifndef LR_CLI_QUERY_TABLE_H
#define LR_CLI_QUERY_TABLE_H

#include "rpc/tracker_msg.h"

/* Each appends to |out|. LR_ENOMEM; LR_EPROTO: a row of the summary is not what it should be. */
LR_NODISCARD enum lr_status lr_query_table(const struct lr_tracker_answer *summary,
                                           struct lr_buf *out);
/* Which client holds which server, since when. */
LR_NODISCARD enum lr_status lr_query_held_table(const struct lr_tracker_answer *summary,
                                                struct lr_buf *out);
LR_NODISCARD enum lr_status lr_query_json(const struct lr_tracker_answer *summary,
                                          struct lr_text host, uint16_t port, struct lr_buf *out);

#endif
