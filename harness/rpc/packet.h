/* SPDX-License-Identifier: Apache-2.0 */
/* The packets of the data plane (PROTOCOL_FACTS section 3; docs/protocol.md): one table of codes
 * and body layouts, one decoder, one encoder; the answers are packets, too. A body is what a packet
 * frame of the framer holds: code and what follows, without the length. */
#ifndef LR_RPC_PACKET_H
#define LR_RPC_PACKET_H

#include "rpc/value.h"

enum lr_packet_code {
    LR_PACKET_NONE = 0, /* an empty packet, which is ignored */
    LR_PACKET_SHUTDOWN = 1,
    LR_PACKET_INIT_SERVER = 2,
    LR_PACKET_CALL_FUNC = 3,
    LR_PACKET_RETURN = 4,
    LR_PACKET_EXCEPTION = 5,
    LR_PACKET_COPY_FROM_REMOTE = 6,
    LR_PACKET_COPY_TO_REMOTE = 7,
    LR_PACKET_COPY_ACK = 8,
    LR_PACKET_GET_GLOBAL_FUNC = 9,
    LR_PACKET_FREE_HANDLE = 10,
    LR_PACKET_DEV_SET_DEVICE = 11,
    LR_PACKET_DEV_GET_ATTR = 12,
    LR_PACKET_DEV_ALLOC_DATA = 13,
    LR_PACKET_DEV_FREE_DATA = 14,
    LR_PACKET_DEV_STREAM_SYNC = 15,
    LR_PACKET_COPY_AMONG_REMOTE = 16,
    LR_PACKET_DEV_ALLOC_DATA_WITH_SCOPE = 17,
    LR_PACKET_DEV_CREATE_STREAM = 18,
    LR_PACKET_DEV_FREE_STREAM = 19,
    LR_PACKET_DEV_SET_STREAM = 20,
    LR_PACKET_DEV_GET_CURRENT_STREAM = 21,
    LR_PACKET_CODE_END = 22
};

#define LR_PROTOCOL_VERSION "0.8.0"

/* "CallFunc"; "code 77" is not known: NULL. */
const char *lr_packet_name(int32_t code);
/* The code of a name such as "InitServer", case and all; 0 for none. */
int32_t lr_packet_code_of(struct lr_text name);

struct lr_packet {
    int32_t code;
    struct lr_text version;  /* InitServer; borrowed */
    uint64_t handle;         /* CallFunc: the function */
    struct lr_tensor tensor; /* CopyFromRemote, CopyToRemote; else only |data| and |ndim| are set */
    uint64_t nbytes;         /* the same: how many bytes are copied */
    const uint8_t *payload;  /* CopyToRemote, CopyAck; borrowed */
    size_t payload_size;
    struct lr_values values; /* all that carry a packed sequence */
};

void lr_packet_init(struct lr_packet *packet, struct lr_alloc *alloc);
/* Frees the values; the packet is then as after init. */
void lr_packet_deinit(struct lr_packet *packet);

/* Decodes a packet's body, borrowing text and payload from it. An empty body is LR_PACKET_NONE.
 * LR_EPROTO: unknown code, a body that is not its layout, bytes that remain; LR_ETRUNCATED;
 * LR_ELIMIT; LR_ENOMEM; each with a sentence. |packet->code| is set as soon as it is known; values
 * are empty. */
LR_NODISCARD enum lr_status lr_packet_decode(enum lr_dialect dialect,
                                             const struct lr_value_limits *limits,
                                             const uint8_t *body, size_t size,
                                             struct lr_packet *packet, struct lr_error *error);
/* The same for a body of which only the first |kept| of |size| bytes are at hand (the observer,
 * whose framer keeps the front of large packets): payloads are cut to what is there and nothing
 * beyond the front is checked; a sequence that does not fit into the front gives LR_ETRUNCATED. */
LR_NODISCARD enum lr_status lr_packet_decode_front(enum lr_dialect dialect,
                                                   const struct lr_value_limits *limits,
                                                   const uint8_t *body, size_t kept, uint64_t size,
                                                   struct lr_packet *packet,
                                                   struct lr_error *error);

/* Appends the whole packet, its length before it, to |out|. LR_ENOMEM, LR_ENOTSUP: |out| is as
 * before. */
LR_NODISCARD enum lr_status lr_packet_encode(enum lr_dialect dialect,
                                             const struct lr_packet *packet, struct lr_buf *out);
/* The same for packets that are a code and a packed sequence. |items| are borrowed. */
LR_NODISCARD enum lr_status lr_packet_encode_values(enum lr_dialect dialect, int32_t code,
                                                    const struct lr_value *items, size_t count,
                                                    struct lr_buf *out);
/* Return of nothing. */
LR_NODISCARD enum lr_status lr_packet_encode_void(enum lr_dialect dialect, struct lr_buf *out);
/* Exception with |text|. */
LR_NODISCARD enum lr_status lr_packet_encode_exception(enum lr_dialect dialect, struct lr_text text,
                                                       struct lr_buf *out);

/* What dialect a packet's bytes show: true with |*dialect| where exactly one of the two parses. The
 * answer to InitServer (a void) shows it at once; InitServer without arguments never does. */
bool lr_packet_shows_dialect(const uint8_t *body, size_t size, enum lr_dialect *dialect);

#endif
