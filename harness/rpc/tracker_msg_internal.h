/* SPDX-License-Identifier: Apache-2.0 */
/* What requests and answers have in common. */
#ifndef LR_RPC_TRACKER_MSG_INTERNAL_H
#define LR_RPC_TRACKER_MSG_INTERNAL_H

#include "rpc/json.h"
#include "rpc/tracker_msg.h"

/* Its milliseconds fit into 64 bits. */
#define LR_HELD_SECONDS_MAX 9.0e15

/* A message that is being written: its length goes before it when it is known. */
struct lr_tracker_frame {
    struct lr_writer writer;
    size_t mark; /* size of the buffer before the frame */
};
struct lr_tracker_frame lr_tracker_frame_begin(struct lr_buf *out);
/* LR_OK, or the writer's error and the buffer is as before. */
LR_NODISCARD enum lr_status lr_tracker_frame_end(struct lr_tracker_frame *frame);

/* "[host or null, port]", as addresses stand in UPDATE_INFO and SUMMARY. Java and iOS servers send
 * the port as a string. LR_EPROTO with a sentence. */
LR_NODISCARD enum lr_status lr_tracker_addr_read(const struct lr_json *value, bool *has_host,
                                                 struct lr_text *host, uint16_t *port,
                                                 struct lr_error *error);
/* A port as a number, 1 .. 65535. */
bool lr_tracker_port_read(const struct lr_json *value, uint16_t *port);
/* What |value|, which may be NULL, is, for an error: "a string", "nothing". */
const char *lr_tracker_seen(const struct lr_json *value);

#endif
