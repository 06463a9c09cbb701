/* SPDX-License-Identifier: Apache-2.0 */
/* A raw peer: connects and is connected to, sends the bytes that it is told to send, keeps the
 * bytes that come, and ends its links when it is told to. It knows nothing of the protocol, so it
 * can stop anywhere in it, and say what no role of ours would say. A role like any: no socket, no
 * clock. One thread. */
#ifndef LR_PEERS_RAW_H
#define LR_PEERS_RAW_H

#include "rpc/role.h"

struct lr_raw;

enum {
    LR_RAW_LINKS_MAX = 1024,            /* of one peer, in its life: a flood of a scenario */
    LR_RAW_KEPT_MAX = 64 * 1024 * 1024, /* bytes of one link that nobody has taken; then it reads no
                                           more */
    LR_RAW_BACKLOG_MAX = 1024           /* links that came and were not asked for */
};

enum lr_raw_state {
    LR_RAW_CONNECTING, /* after lr_raw_connect */
    LR_RAW_UP,         /* after CONNECTED or ACCEPTED */
    LR_RAW_REFUSED,    /* after a connect that failed */
    LR_RAW_FIN,        /* after the other end's FIN; it can still be written to */
    LR_RAW_RESET,      /* after the other end's RST */
    LR_RAW_GONE,       /* after the world gave it up */
    LR_RAW_ENDED       /* after an end of ours */
};

/* LR_ENOMEM. Free with lr_raw_free. */
LR_NODISCARD enum lr_status lr_raw_new(struct lr_raw **out, const struct lr_env *env,
                                       struct lr_error *error);
void lr_raw_free(struct lr_raw *raw);            /* NULL is fine */
struct lr_role *lr_raw_role(struct lr_raw *raw); /* borrowed, for the world */

/* Listens on |host|, on any port. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_raw_listen(struct lr_raw *raw, const char *host);
uint16_t lr_raw_port(const struct lr_raw *raw); /* 0 before it listens */
/* Begins to connect; |*link| is the number of the link, from 0. LR_ENOMEM, LR_ELIMIT. */
LR_NODISCARD enum lr_status lr_raw_connect(struct lr_raw *raw, const struct lr_address *to,
                                           size_t *link);
/* The oldest link that has come and was not asked for yet. False: none. */
bool lr_raw_next_accepted(struct lr_raw *raw, size_t *link);

/* Its number in the world. */
lr_conn lr_raw_conn(const struct lr_raw *raw, size_t link);
enum lr_raw_state lr_raw_state(const struct lr_raw *raw, size_t link);
/* When the other end's FIN or RST came; LR_TIME_NEVER: it has not. */
lr_time lr_raw_ended_at(const struct lr_raw *raw, size_t link);
/* What came and was not taken, borrowed until the next event or take. */
size_t lr_raw_received(const struct lr_raw *raw, size_t link, const uint8_t **bytes);
/* Drops |size| bytes of it from the front. */
void lr_raw_take(struct lr_raw *raw, size_t link, size_t size);
/* Bytes that were sent and wait in the world, as far as it has told. */
size_t lr_raw_unsent(const struct lr_raw *raw, size_t link);

/* Each does nothing on a link that has ended. LR_ENOMEM: nothing was done. */
LR_NODISCARD enum lr_status lr_raw_send(struct lr_raw *raw, size_t link, const void *bytes,
                                        size_t size);
/* |kind|: LR_COMMAND_PAUSE or _RESUME of reading, or _SHUT_WRITE, which says FIN and goes on to
 * read. */
LR_NODISCARD enum lr_status lr_raw_signal(struct lr_raw *raw, size_t link,
                                          enum lr_command_kind kind);
/* FIN, and what still comes is dropped; |reset|: RST. */
void lr_raw_end(struct lr_raw *raw, size_t link, bool reset);

#endif
