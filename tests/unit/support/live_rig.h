/* SPDX-License-Identifier: Apache-2.0 */
/* A live world for tests, with roles that do as they are told and remember what they hear. Waits
 * have a generous limit, so that a test that hangs says where. */
#ifndef LR_TEST_LIVE_RIG_H
#define LR_TEST_LIVE_RIG_H

#include "support/link_recorder.h"
#include "world/live.h"

enum { LR_PROBE_CONNS_MAX = 64 };

/* What a probe heard of one number. */
struct lr_probe_conn {
    bool accepted;
    bool connected;
    bool failed; /* CONNECT_FAILED, LISTEN_FAILED */
    enum lr_status status;
    char reason[120];
    uint64_t received;
    uint64_t wrong; /* bytes that are not those of lr_probe_send's pattern */
    size_t unsent;
    unsigned int writable;
    unsigned int half_closed;
    unsigned int closed;
    unsigned int reset;
    unsigned int after_end; /* events of a number that had ended: must stay 0 */
    uint16_t port;
    char peer[LR_HOST_MAX];
    bool gone; /* no more is to be heard of it */
};

struct lr_probe {
    struct lr_role role; /* first */
    struct lr_live_host *host;
    bool echo;         /* sends back what comes */
    bool close_at_end; /* closes when the peer has */
    uint64_t linger_ns;
    struct lr_keepalive keepalive; /* of what it opens from now on */
    lr_time deadline;
    unsigned int expired;
    unsigned int early; /* EXPIRED before the deadline: must stay 0 */
    lr_conn last_accepted;
    bool failed; /* out of memory */
    struct lr_probe_conn conns[LR_PROBE_CONNS_MAX];
};

void lr_probe_init(struct lr_probe *probe, struct lr_alloc *alloc);
void lr_probe_deinit(struct lr_probe *probe);

/* Queue commands; lr_live_drain carries them out. 0: out of memory. */
lr_conn lr_probe_listen(struct lr_probe *probe, const char *host, uint16_t port, uint32_t port_end);
lr_conn lr_probe_connect(struct lr_probe *probe, const char *host, uint16_t port);
/* |size| bytes of a pattern that depends on how many were received before. */
bool lr_probe_send(struct lr_probe *probe, lr_conn conn, uint64_t at, size_t size);

struct lr_live_rig {
    struct lr_live *live;
    struct lr_alloc *alloc;
    struct lr_probe server;
    struct lr_probe client;
    lr_conn listener;
    lr_conn conn;  /* the client's */
    lr_conn other; /* the server's end of it */
};

/* A world with a server that listens on |host| and a client. False: out of memory. */
bool lr_live_rig_init(struct lr_live_rig *rig, struct lr_alloc *alloc, const char *host,
                      bool watched);
/* Connects the client to the server, or to |port| where that is not 0. False: out of memory. */
bool lr_live_rig_connect(struct lr_live_rig *rig, uint16_t port);
void lr_live_rig_deinit(struct lr_live_rig *rig);

struct lr_probe_conn *lr_live_rig_client(struct lr_live_rig *rig);
struct lr_probe_conn *lr_live_rig_server(struct lr_live_rig *rig);

/* Turns the world until |*condition| holds; false: not within the limit of a hang. */
bool lr_live_rig_wait(struct lr_live_rig *rig, bool (*condition)(struct lr_live_rig *rig));
/* Turns the world for a while, so that what must not happen could. */
void lr_live_rig_idle(struct lr_live_rig *rig);

int lr_open_descriptors(void);

#define LR_WAIT(rig, expression)                                                                   \
    do {                                                                                           \
        bool held_ = (expression);                                                                 \
        lr_time limit_ = lr_live_now((rig)->live) + 60 * LR_SECOND;                                \
        while (!held_ && lr_live_now((rig)->live) < limit_) {                                      \
            (void)lr_live_turn((rig)->live, lr_live_now((rig)->live) + 50 * LR_MS);                \
            held_ = (expression);                                                                  \
        }                                                                                          \
        cr_assert(held_, "waited in vain for: %s", #expression);                                   \
    } while (0)

#endif
