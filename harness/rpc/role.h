/* SPDX-License-Identifier: Apache-2.0 */
/* What a role and its world say to each other. A role (tracker, server, client) owns no socket,
 * reads no clock, starts no thread: the world hands it events, each with the time, and afterwards
 * drains the commands that the role has appended to its outbox. Nothing calls back into a role, so
 * nothing is re-entrant. The same object code runs in every world and in the fuzzers.
 *
 * Connections and listeners are numbered by the outbox, from 1, and no number is used twice. After
 * CLOSED, RESET or CONNECT_FAILED, and after its own close or reset command, a role hears no more
 * of that number. */
#ifndef LR_RPC_ROLE_H
#define LR_RPC_ROLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/prng.h"
#include "base/status.h"
#include "base/time.h"
#include "rpc/storage.h"
#include "trace/trace.h"

typedef uint32_t lr_conn; /* 0 is none */

enum { LR_HOST_MAX = 256 }; /* a DNS name has at most 253 characters */

struct lr_address {
    char host[LR_HOST_MAX]; /* a name or a numeric address, IPv4 or IPv6 without brackets */
    uint16_t port;
};

/* An address as people read it, "HOST:PORT" or "[IPV6]:PORT": the conversions, and their arguments.
 */
#define LR_ADDRESS_FORMAT "%s%s%s:%u"
#define LR_ADDRESS_WORDS(host, port)                                                               \
    (strchr((host), ':') == NULL ? "" : "["), (host), (strchr((host), ':') == NULL ? "" : "]"),    \
        (unsigned int)(port)
/* The same for a host that is a struct lr_text. */
#define LR_ADDRESS_TEXT_FORMAT "%s%.*s%s:%u"
#define LR_ADDRESS_TEXT_WORDS(host, port)                                                          \
    (lr_text_has((host), ':') ? "[" : ""), (int)(host).size, (host).data,                          \
        (lr_text_has((host), ':') ? "]" : ""), (unsigned int)(port)

/* Silence of a peer's host is noticed by TCP keep-alive: after |idle_ns|, |probes| probes. Where it
 * acknowledges nothing nobody probes: then after as long (RFC 5482's user timeout). Zero: off. */
struct lr_keepalive {
    uint64_t idle_ns;
    uint64_t interval_ns;
    unsigned int probes;
};

enum lr_event_kind {
    LR_EVENT_LISTENING,      /* a listener is up: |port| is the bound one */
    LR_EVENT_LISTEN_FAILED,  /* no port of the range was free, or worse: |reason| */
    LR_EVENT_ACCEPTED,       /* a peer connected to |listener|: |conn| is new, |peer| its address */
    LR_EVENT_CONNECTED,      /* a connect command succeeded; |peer| */
    LR_EVENT_CONNECT_FAILED, /* it did not: |status| (LR_EREFUSED, LR_ETIMEOUT, ..), |reason| */
    LR_EVENT_RECEIVED,       /* |data|, |size| > 0: consumed or copied before returning */
    LR_EVENT_WRITABLE,       /* bytes sent earlier went out; |unsent| still wait in the world */
    LR_EVENT_HALF_CLOSED,    /* the peer sent FIN: no more RECEIVED; we can still send */
    LR_EVENT_CLOSED,         /* the connection is gone, not by reset: |reason| (keep-alive, ..) */
    LR_EVENT_RESET,          /* the peer reset it */
    LR_EVENT_EXPIRED         /* the role's deadline has come */
};

/* One event; every pointer is borrowed until the handler returns. */
struct lr_event {
    enum lr_event_kind kind;
    lr_time now;
    lr_conn conn;
    lr_conn listener;
    const uint8_t *data;
    size_t size;
    size_t unsent;
    uint16_t port;
    enum lr_status status;
    const struct lr_address *peer;
    const char *reason;
};

enum lr_command_kind {
    LR_COMMAND_LISTEN,  /* |address|, ports address.port .. port_end - 1, first free one */
    LR_COMMAND_CONNECT, /* |address| */
    LR_COMMAND_SEND,    /* |bytes| */
    LR_COMMAND_PAUSE,   /* read no more from the peer, so that it has to wait. An end of the peer
                           is not hidden by it: once it has come, what came before it (no more than
                           the system keeps for a connection) is handed in all the same */
    LR_COMMAND_RESUME,
    LR_COMMAND_SHUT_WRITE, /* FIN after what is queued; reading goes on */
    LR_COMMAND_CLOSE,      /* FIN after what is queued; what still comes is dropped; at most
                              |linger_ns| until the descriptor is closed. Listener: at once */
    LR_COMMAND_RESET       /* drop what is queued, RST, at once */
};

/* One command. The world takes over what it owns. */
struct lr_command {
    enum lr_command_kind kind;
    lr_conn conn;
    union {
        struct lr_buf bytes;            /* SEND */
        struct {                        /* LISTEN, CONNECT */
            struct lr_address *address; /* from the outbox's allocator */
            uint32_t port_end;
            struct lr_keepalive keepalive;
        };
        uint64_t linger_ns; /* CLOSE */
    };
};

enum { LR_OUTBOX_RUN_MAX = 16 }; /* sends in a row that go out together */

/* The commands that wait for the world. For each connection that lives, room for its end (close or
 * reset) is kept free, so giving a connection up never fails. */
struct lr_outbox {
    struct lr_alloc *alloc;
    struct lr_command *commands;
    size_t count;
    size_t capacity;
    size_t live;       /* connections and listeners that have not ended */
    lr_conn last_conn; /* the last number given */
};

void lr_outbox_init(struct lr_outbox *outbox, struct lr_alloc *alloc);
/* Drops what still waits. */
void lr_outbox_deinit(struct lr_outbox *outbox);

/* For the role. All but close and reset: LR_ENOMEM, nothing changed. */
LR_NODISCARD enum lr_status lr_outbox_listen(struct lr_outbox *outbox, const char *host,
                                             uint16_t port, uint32_t port_end,
                                             struct lr_keepalive keepalive, lr_conn *listener);
LR_NODISCARD enum lr_status lr_outbox_connect(struct lr_outbox *outbox,
                                              const struct lr_address *address,
                                              struct lr_keepalive keepalive, lr_conn *conn);
/* Takes the content of |bytes| on success; on error the caller keeps it. Empty: no command. */
LR_NODISCARD enum lr_status lr_outbox_send(struct lr_outbox *outbox, lr_conn conn,
                                           struct lr_buf *bytes);
LR_NODISCARD enum lr_status
lr_outbox_signal(struct lr_outbox *outbox, lr_conn conn,
                 enum lr_command_kind kind); /* PAUSE, RESUME, SHUT_WRITE */
void lr_outbox_close(struct lr_outbox *outbox, lr_conn conn, uint64_t linger_ns);
void lr_outbox_reset(struct lr_outbox *outbox, lr_conn conn);

/* For the world. A number for a connection that was accepted; 0: out of memory, refuse it. */
lr_conn lr_outbox_accept(struct lr_outbox *outbox);
/* A connection ended by CLOSED, RESET, CONNECT_FAILED or LISTEN_FAILED: its room is free again.
 * Call it before the event is handed in. Close and reset commands do it by themselves. */
void lr_outbox_ended(struct lr_outbox *outbox);
/* The |*count| commands that wait, in order, borrowed until lr_outbox_return. The world carries
 * them out, taking over what they own; meanwhile no event is handed to the role. */
struct lr_command *lr_outbox_take(struct lr_outbox *outbox, size_t *count);
/* The SENDs for one connection that |commands| begins with: their bytes, to go out together.
 * Returns how many. */
size_t lr_outbox_run(struct lr_command *commands, size_t count,
                     struct lr_buf *buffers[LR_OUTBOX_RUN_MAX]);
/* Frees what |command|, which was taken, still owns. */
void lr_outbox_drop(struct lr_outbox *outbox, struct lr_command *command);
/* Ends lr_outbox_take: the outbox is empty. */
void lr_outbox_return(struct lr_outbox *outbox);

/* What a host gives its role. Everything is borrowed for the role's life. */
struct lr_env {
    struct lr_alloc *alloc;
    struct lr_alloc *device; /* memory of the device (servers); may be the same */
    struct lr_prng *random;
    struct lr_storage *storage; /* files of sessions (servers); NULL: none to be had */
    struct lr_trace trace;
};

struct lr_role;

struct lr_role_ops {
    const char *name; /* "tracker", "server", "client" */
    void (*handle)(struct lr_role *role, const struct lr_event *event);
    lr_time (*deadline)(const struct lr_role *role); /* when EXPIRED is wanted, or LR_TIME_NEVER */
};

/* The first member of every role. */
struct lr_role {
    const struct lr_role_ops *ops;
    struct lr_env env;
    struct lr_outbox outbox;
};

#endif
