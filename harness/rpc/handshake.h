/* SPDX-License-Identifier: Apache-2.0 */
/* The opening of a data plane connection (PROTOCOL_FACTS section 2; docs/protocol.md): magic, the
 * client's key with its options, the server's answer and key. And the tracker's magic. */
#ifndef LR_RPC_HANDSHAKE_H
#define LR_RPC_HANDSHAKE_H

#include "base/text.h"
#include "base/time.h"
#include "rpc/wire.h"

enum {
    LR_MAGIC_TRACKER = 0x2f271,
    LR_MAGIC_RPC = 0xff271,        /* also the answer "accepted" */
    LR_ANSWER_DUPLICATE = 0xff272, /* key already used; proxies only */
    LR_ANSWER_MISMATCH = 0xff273   /* no such key; the server closes */
};

/* A client's key: "client:MATCHKEY -timeout=SECONDS". */
struct lr_client_key {
    struct lr_text matchkey; /* without "client:" and options; borrowed */
    uint64_t timeout_ns;     /* LR_TIME_NEVER where not given, or 0 as TVM has it */
    struct lr_text timeout;  /* as it was spelled, such as "4.0"; empty where not given; borrowed */
};

/* LR_EPROTO with a sentence: not UTF-8, empty, not "client:..", an option that is no number of
 * seconds, an unknown option. */
LR_NODISCARD enum lr_status lr_client_key_parse(struct lr_text text, struct lr_client_key *key,
                                                struct lr_error *error);
/* Appends magic, length and key as TVM's client sends them (`-timeout=60`, `-timeout=0.5`).
 * |timeout_ns| LR_TIME_NEVER or 0: no option. LR_ENOMEM: |out| is as before. */
LR_NODISCARD enum lr_status lr_client_hello_encode(struct lr_text matchkey, uint64_t timeout_ns,
                                                   struct lr_buf *out);
/* The same for a key that was parsed, with its option as it was spelled. */
LR_NODISCARD enum lr_status lr_client_key_encode(const struct lr_client_key *key,
                                                 struct lr_buf *out);
/* Appends the answer |word|, and after an accept "server:|key|". */
LR_NODISCARD enum lr_status lr_server_hello_encode(uint32_t word, struct lr_text key,
                                                   struct lr_buf *out);
/* The number of a four-byte frame. */
uint32_t lr_word_decode(const uint8_t body[4]);
LR_NODISCARD enum lr_status lr_word_encode(uint32_t word, struct lr_buf *out);

/* A new matchkey, "KEY:0.nnn" with 16 random digits, as a string of |alloc| (lr_alloc_free_string);
 * NULL: out of memory. */
struct lr_prng;
char *lr_matchkey_new(struct lr_alloc *alloc, struct lr_text key, struct lr_prng *random);
/* KEY of a matchkey: what stands before the last colon; the whole where there is none. */
struct lr_text lr_matchkey_key(struct lr_text matchkey);

#endif
