/* SPDX-License-Identifier: Apache-2.0 */
/* The tracker: keeps which servers are free under which key and gives them to those who ask, by
 * priority, then first come. What a connection put goes with it, and so do its requests; nothing is
 * left behind by anybody (TVM's leaves both: docs/architecture.md).
 *
 * Answers. Each message is answered once, when it is done: a REQUEST that waits holds up nothing
 * behind it. The magic may come in any pieces, and messages right behind it. A message that is
 * refused (no JSON, also NaN, lone surrogates and integers beyond 64 bits; the wrong shape; beyond
 * a limit) is answered with FAIL, and what is no message of this protocol (wrong magic, length 0 or
 * less, unknown code) with nothing; after either the connection is closed, and a log line says why.
 * A wrong stop key is answered with FAIL alone. A FIN is taken for a close, after what had been
 * asked for before it.
 *
 * Grants. First put, first given. A grant is final as soon as all its bytes have left for the
 * client. A client that is reset, or disconnected as it does not read, before that cannot have
 * heard of it: the matchkey goes back behind the others, if its server is still there. A REQUEST's
 * priority may be a real number.
 *
 * Held. From the grant until the server comes back with a PUT, or goes, the matchkey counts as
 * held, for `SUMMARY "held"`. A PUT replaces the matchkey that its fifth element names (an
 * extension; servers of several slots send it); without one, it ends the oldest hold of its
 * connection under its key, which for a server of one slot is the only one. A matchkey put again is
 * free again, once. Under a key that is held SUMMARY goes on listing `free` 0. A key without
 * matchkey, hold or request is not listed.
 *
 * Memory that runs out costs one connection its life, at most: a grant that could not be sent is
 * tried again. Not for several threads. */
#ifndef LR_RPC_TRACKER_H
#define LR_RPC_TRACKER_H

#include "rpc/role.h"

struct lr_tracker;

struct lr_tracker_options {
    const char *host;         /* what to listen on */
    uint16_t port;            /* TVM: 9190 */
    uint32_t port_end;        /* exclusive; TVM: 9199 */
    const char *stop_key;     /* for STOP; NULL: a random one, see lr_tracker_stop_key */
    size_t message_bytes_max; /* 1 MiB, as TVM since 0.25 */
    size_t key_bytes_max;     /* key, matchkey, user, host */
    size_t connections_max;
    size_t unsent_bytes_max;  /* 64 KiB of answers that a peer has not read, some hundred small ones
                                 or one summary: then no more of its messages are read */
    size_t backlog_bytes_max; /* 1 MiB that the world had read of such a peer before; beyond: no
                                 such world, the peer goes */
    size_t entries_max; /* matchkeys and requests that one connection may have waiting; as many of
                           its matchkeys are accounted as held */
    uint64_t handshake_ns; /* 5 s for the magic */
    uint64_t stalled_ns;   /* 30 s for a message that has begun, from its first byte */
    uint64_t unread_ns;    /* 30 s without progress for a peer that does not read its answers; and
                              for these to go out after our FIN */
    struct lr_keepalive keepalive;
};
extern const struct lr_tracker_options lr_tracker_options_default;

/* Copies what |options| points at. LR_ENOMEM, LR_EINVAL. Free with lr_tracker_free. */
LR_NODISCARD enum lr_status lr_tracker_new(struct lr_tracker **out, const struct lr_env *env,
                                           const struct lr_tracker_options *options,
                                           struct lr_error *error);
/* Frees all of it; the world has to have ended its connections (or never began). NULL is fine. */
void lr_tracker_free(struct lr_tracker *tracker);
struct lr_role *lr_tracker_role(struct lr_tracker *tracker); /* borrowed, for the world */

/* What it was made with; borrowed, with all texts. */
const struct lr_tracker_options *lr_tracker_options_of(const struct lr_tracker *tracker);

/* Listens, once. LR_ENOMEM: may be tried again. */
LR_NODISCARD enum lr_status lr_tracker_start(struct lr_tracker *tracker, lr_time now);
/* Closes all connections and the listener, as STOP does. */
void lr_tracker_stop(struct lr_tracker *tracker, lr_time now);
bool lr_tracker_stopped(const struct lr_tracker *tracker);
/* The bound port; 0 before LISTENING and after a failure, which lr_tracker_failure then tells. */
uint16_t lr_tracker_port(const struct lr_tracker *tracker);
const struct lr_error *lr_tracker_failure(const struct lr_tracker *tracker); /* NULL: none */
const char *lr_tracker_stop_key(const struct lr_tracker *tracker);

/* What it holds, to explain a verdict and for tests. */
struct lr_tracker_counts {
    size_t connections;
    size_t queues;   /* keys that SUMMARY lists */
    size_t free;     /* matchkeys to be had */
    size_t pending;  /* requests that wait */
    size_t held;     /* matchkeys given out whose servers have not come back */
    uint64_t grants; /* so far */
};
struct lr_tracker_counts lr_tracker_count(const struct lr_tracker *tracker);

#endif
