/* SPDX-License-Identifier: Apache-2.0 */
/* Two roles that do as they are told, in any world, and write down what they hear: a letter an
 * event, runs of bytes as one. So that two worlds can be compared, word for word. */
#ifndef LR_TEST_WORLD_RIG_H
#define LR_TEST_WORLD_RIG_H

#include "world/live.h"
#include "world/sim.h"

enum { LR_HEARD_MAX = 512, LR_RIG_CONNS_MAX = 32 };

/* One of the two. What it hears is written as
 *   C connected   A accepted   R10 ten bytes   H the peer's FIN   ! reset   X(text) closed
 *   F(text) connect failed   L listening   N(text) listen failed */
struct lr_teller {
    struct lr_role role; /* first */
    struct lr_host *host;
    struct lr_alloc *alloc;
    char heard[LR_HEARD_MAX];
    uint64_t run;      /* bytes of the last run */
    uint64_t received; /* in all */
    uint64_t wrong;    /* bytes that are not those that were sent there */
    uint64_t sent;
    size_t unsent;
    unsigned int writable;
    unsigned int pieces; /* RECEIVED events */
    bool echo;           /* sends back what comes */
    bool failed;         /* no memory */
    uint16_t port;
    lr_conn conn; /* the last that came or was asked for */
    lr_time deadline;
    unsigned int expired;
    lr_time expired_at;
    bool gone[LR_RIG_CONNS_MAX];
    unsigned int after_end; /* events of a number that had ended: must stay 0 */
};

struct lr_world_rig {
    struct lr_world *world;
    struct lr_live *live; /* one of the two */
    struct lr_sim *sim;
    struct lr_teller client;
    struct lr_teller server;
    lr_conn listener;
    struct lr_keepalive keepalive; /* of what is opened from now on */
};

/* A server that listens, and a client. False: no memory. |sim|: NULL for the live world. */
bool lr_world_rig_init(struct lr_world_rig *rig, struct lr_alloc *alloc,
                       const struct lr_sim_options *sim, struct lr_ledger *ledger);
void lr_world_rig_deinit(struct lr_world_rig *rig);

/* Commands; lr_world_drain of the teller's host carries them out. */
bool lr_teller_listen(struct lr_world_rig *rig, struct lr_teller *teller, const char *host,
                      uint16_t port, uint32_t port_end);
bool lr_teller_connect(struct lr_world_rig *rig, struct lr_teller *teller, const char *host,
                       uint16_t port);
void lr_teller_send(struct lr_teller *teller, size_t size);
void lr_teller_signal(struct lr_teller *teller, enum lr_command_kind kind);
/* Not heard of any more already: nothing. */
void lr_teller_close(struct lr_teller *teller, uint64_t linger_ns);
void lr_teller_reset(struct lr_teller *teller);
/* Takes it out of the world. */
void lr_teller_leave(struct lr_teller *teller, bool graceful);

/* The client is connected to the server, and the server knows. */
bool lr_world_rig_connect(struct lr_world_rig *rig);
/* Time passes: in a simulated world |ns|, in the live one at least as much. */
void lr_world_rig_pass(struct lr_world_rig *rig, uint64_t ns);

#endif
