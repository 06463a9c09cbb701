/* SPDX-License-Identifier: Apache-2.0 */
/* The server: registers with a tracker, accepts a client that holds the matchkey, serves its
 * session, frees everything of it at its end and offers itself again under a new matchkey, in the
 * same turn.
 *
 * Limits: what a client sends beyond one (a packet, a key, a sequence) and more handles than it may
 * have end its session, with an Exception that says why and a Shutdown; memory beyond the limit is
 * refused with an Exception and the session lives, as an allocation may fail anywhere. A session
 * timeout of 0 is none; one that is no finite, not negative number is refused with the key. */
#ifndef LR_RPC_SERVER_H
#define LR_RPC_SERVER_H

#include "rpc/role.h"
#include "rpc/value.h"

struct lr_server;

enum lr_dialect_choice { LR_SPEAK_AUTO, LR_SPEAK_LEGACY, LR_SPEAK_FFI };

struct lr_server_options {
    const char *host;         /* what to listen on */
    uint16_t port;            /* TVM: 9090 */
    uint32_t port_end;        /* exclusive; TVM: 9199 */
    const char *key;          /* "" without one; no blanks, LR_EINVAL */
    const char *tracker_host; /* NULL: no tracker, matches "client:KEY" */
    uint16_t tracker_port;
    const char *custom_host; /* address for clients, as TVM's --custom-addr; NULL: none */
    enum lr_dialect_choice dialect;
    unsigned int sessions_max; /* slots; 1 */
    size_t connections_max;
    size_t key_bytes_max;
    uint64_t packet_bytes_max; /* either way. One packet each way may be under way in a session,
                                  in memory that is not part of the following */
    size_t memory_bytes_max;   /* device memory, files, kept arguments of one session */
    size_t handles_max;        /* of one session */
    size_t backlog_bytes_max;  /* 1 MiB of later packets, kept while a call runs; then the client
                                  is made to wait */
    size_t unsent_bytes_max;   /* 1 MiB of answers that wait for the client to read; then no
                                  further packet is served */
    uint64_t answer_bytes_max; /* 1 MiB: an answer of the tracker */
    struct lr_value_limits values;
    uint64_t handshake_ns; /* 5 s */
    uint64_t stalled_ns;   /* 30 s without progress: a packet that has begun */
    uint64_t unread_ns;    /* 30 s without progress: a client that does not read */
    uint64_t linger_ns;    /* 1 s for the peer's FIN after ours: what we sent last is read
                              where a closed descriptor would answer what is still coming
                              with a reset */
    uint64_t connect_ns;   /* 2 s for a connect to the tracker; with the longest pause between
                              tries below 5 s, in which a tracker that is back must have us */
    uint64_t poll_ns;      /* 2 s between GET_PENDING_MATCHKEYS */
    uint64_t unused_ns;    /* 6 s: a granted matchkey nobody came with is replaced */
    uint64_t retry_ns;     /* first retry of a lost tracker; grows to retry_max_ns */
    uint64_t retry_max_ns; /* below 5 s, so that the budget of DESIGN.md holds */
    struct lr_keepalive keepalive; /* idle 30 s, 3 probes of 5 s */
};
extern const struct lr_server_options lr_server_options_default;

/* Copies what |options| points at. LR_ENOMEM, LR_EINVAL. Free with lr_server_free. */
LR_NODISCARD enum lr_status lr_server_new(struct lr_server **out, const struct lr_env *env,
                                          const struct lr_server_options *options,
                                          struct lr_error *error);
/* Ends what still lives, frees everything. NULL is fine. */
void lr_server_free(struct lr_server *server);
struct lr_role *lr_server_role(struct lr_server *server); /* borrowed, for the world */

/* What it was made with; borrowed, with all texts. */
const struct lr_server_options *lr_server_options_of(const struct lr_server *server);

LR_NODISCARD enum lr_status lr_server_start(struct lr_server *server, lr_time now);
/* Ends all sessions (each client gets an Exception that says why, then Shutdown and FIN), leaves
 * the tracker. */
void lr_server_stop(struct lr_server *server, lr_time now);
bool lr_server_stopped(const struct lr_server *server);
uint16_t lr_server_port(const struct lr_server *server);                  /* 0 before LISTENING */
const struct lr_error *lr_server_failure(const struct lr_server *server); /* NULL: none */
bool lr_server_registered(const struct lr_server *server); /* its PUT has been answered */

/* What it holds, to explain a verdict and for tests. */
struct lr_server_counts {
    size_t connections, sessions, handles, device_blocks, device_bytes, directories;
    uint64_t sessions_begun, sessions_ended;
    uint64_t released_handles; /* freed at the ends of sessions because the clients had not */
    uint64_t released_bytes;   /* device memory and files likewise */
};
struct lr_server_counts lr_server_count(const struct lr_server *server);

#endif
