/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the bare-socket program: the bytes and the round trips of TVM's RPC as our roles
 * exchange them, by blocking calls, and nothing else. Nothing is checked or kept beyond what the
 * next message needs, nothing but the peer's end is survived. */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include <stddef.h>
#include <stdint.h>

/* The key that all are registered under, and the size of what carries it. */
#define BENCH_KEY "bench"
enum {
    BARE_MATCHKEY = sizeof BENCH_KEY - 1 + 19,   /* KEY:0. and 16 digits, as most of ours are */
    BARE_GREETING = 8 + 7 + BARE_MATCHKEY,       /* magic, length, "client:" MATCHKEY */
    BARE_GREETED = 8 + 7 + sizeof BENCH_KEY - 1, /* code, length, "server:" KEY */
    BARE_GRANT_MAX = 128,
    BARE_SLOTS_MAX = 256,
    BARE_BATCH =
        100, /* servers that register at once: real TVM takes 40 ms to answer each message */
    BARE_ARRAY_HEAD = 60, /* of a copy of an array of one dimension */
    BARE_COPY_ACK = 12,   /* before the bytes that come back */
    BARE_VOID = 20
};

/* A packet and the size of its answer. */
struct bare_exchange {
    const uint8_t *bytes;
    size_t size;
    const uint8_t *answer;
    size_t answer_size;
};

/* One session after the handshake: init, get a function, call it, free it. */
enum { BARE_INIT, BARE_GET, BARE_CALL, BARE_FREE, BARE_EXCHANGES };
extern const struct bare_exchange bare_exchanges[BARE_EXCHANGES];
enum {
    BARE_HANDLE = 20,         /* where the answer to get has the handle */
    BARE_HANDLE_IN_CALL = 12, /* and the packets that use it */
    BARE_HANDLE_IN_FREE = 20
};
extern const uint8_t bare_shutdown[12];
extern const uint8_t bare_void[BARE_VOID];

/* What a client learns from a grant. */
struct bare_grant {
    uint16_t port;
    char matchkey[BARE_GRANT_MAX];
};
/* Asks for a server and waits for it. */
struct bare_grant bare_request(int tracker);
/* Connects with the grant's matchkey; returns when the server has accepted it. */
int bare_open(const struct bare_grant *grant);

/* Each is a program; |arguments| are its own. */
int bare_tracker(char **arguments);      /* PORT CLIENTS */
int bare_server(char **arguments);       /* PORT TRACKER_PORT SLOTS */
int bare_client(char **arguments);       /* TRACKER_PORT CLIENTS */
int bare_farm_tracker(char **arguments); /* PORT SERVERS */
int bare_farm(char **arguments);         /* TRACKER_PORT SERVERS */
int bare_array_server(char **arguments); /* PORT BYTES */
int bare_array_client(char **arguments); /* PORT BYTES */

#endif
