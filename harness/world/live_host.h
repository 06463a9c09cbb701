/* SPDX-License-Identifier: Apache-2.0 */
/* A role of ours in the live world: the host itself (live_host.c), its connections (live_conn.c)
 * and how they begin (live_dial.c). */
#ifndef LR_WORLD_LIVE_HOST_H
#define LR_WORLD_LIVE_HOST_H

#include "world/live_socket.h"

/* Events that wait until the role's commands are carried out, in the order in which they are handed
 * in. */
enum lr_pending {
    LR_PENDING_CONNECTED = 1U << 0,
    LR_PENDING_LISTENING = 1U << 1,
    LR_PENDING_WRITABLE = 1U << 2,
    LR_PENDING_HALF_CLOSED = 1U << 3,
    LR_PENDING_LISTEN_FAILED = 1U << 4, /* from here on: the last event of a number */
    LR_PENDING_CONNECT_FAILED = 1U << 5,
    LR_PENDING_RESET = 1U << 6,
    LR_PENDING_CLOSED = 1U << 7
};

/* What a role knows by a number: a connection or a listener. */
struct lr_numbered {
    struct lr_tree_node node;
    struct lr_list pending_node;
    struct lr_live_host *host; /* NULL: its host has gone */
    lr_conn number;
    bool is_listener;
    bool known; /* in the host's tree: the role has not ended it */
    unsigned int pending;
    int error; /* libuv's, for the failures */
};

enum { LR_REFUSED_MAX = 64 }; /* roles open few connections at once */

/* A number for which there was not even the memory of a record. */
struct lr_refused {
    lr_conn number;
    bool is_listener;
};

struct lr_live_host {
    struct lr_host base; /* first */
    struct lr_live *live;
    struct lr_role *role;
    const char *name;
    int place; /* of live->net */
    enum lr_plane plane;
    struct lr_list node;
    struct lr_list busy;
    struct lr_tree numbers;
    struct lr_numbered *last_found;
    struct lr_list conns; /* lingering ones included */
    size_t conn_count;
    struct lr_list pending;
    struct lr_timer timer;
    lr_time armed_at;
    bool settling;
    struct lr_refused refused[LR_REFUSED_MAX];
    size_t refused_count;
};

/* A connection of a role. */
struct lr_host_conn {
    struct lr_socket socket; /* first */
    struct lr_numbered numbered;
    struct lr_list node;           /* the host's */
    struct lr_tree_node port_node; /* live->local_ports */
    struct lr_port_pair ports;     /* local 0: not noted */
    enum lr_direction out;         /* of what we send on the link */
    bool half_closed;              /* the role was told */
    bool peer_gone;                /* a frozen one's peer has ended */
    const char *end_reason;        /* for the ledger */
    const char *host_name;         /* the host's, for local_ports */
    struct lr_watched *watched;    /* NULL: watched elsewhere, or nobody watches */
    struct lr_dial *dial;          /* while it is being connected */
    struct lr_keepalive keepalive;
};

/* ---- live_host.c ---- */

void lr_host_number(struct lr_live_host *host, struct lr_numbered *numbered, lr_conn number);
/* The role is to hear |event| of it, once the commands are carried out. */
void lr_host_pend(struct lr_numbered *numbered, enum lr_pending event, int error);
/* The role is to hear that |number| failed for want of memory. */
void lr_host_refuse(struct lr_live_host *host, lr_conn number, bool is_listener);
/* The role hears no more of it. */
void lr_host_forget(struct lr_numbered *numbered);
/* Hands |event| to the role, then carries out and delivers until nothing is left. */
void lr_host_hand(struct lr_live_host *host, struct lr_event *event);
void lr_host_settle(struct lr_live_host *host);

/* ---- live_conn.c ---- */

/* A connection without a descriptor yet. NULL: no memory. */
struct lr_host_conn *lr_conn_new(struct lr_live_host *host);
void lr_conn_accepted(struct lr_listener *listener, struct lr_live_host *host, lr_conn number);
/* Connected to |address|, known as |name|. */
bool lr_conn_begin(struct lr_host_conn *conn, const char *name,
                   const struct sockaddr_storage *address, struct lr_event *event,
                   struct lr_address *peer);
void lr_conn_connected(struct lr_host_conn *conn, const char *name,
                       const struct sockaddr_storage *address);
/* Its local port is known: whoever accepts it in this world can tell whose it is. */
void lr_conn_note_ports(struct lr_host_conn *conn, const struct sockaddr_storage *peer);
void lr_conn_close(struct lr_host_conn *conn, uint64_t linger_ns);
void lr_conn_reset(struct lr_host_conn *conn);
/* Its host goes away. */
void lr_conn_leave(struct lr_host_conn *conn, bool graceful);

/* ---- live_dial.c ---- */

void lr_dial_start(struct lr_live_host *host, struct lr_command *command);
void lr_dial_done(struct lr_host_conn *conn, int error); /* one address has answered */
/* Connected at once: fills |event|, for which |*peer| is made. False: it could not be watched. */
bool lr_dial_arrived(struct lr_host_conn *conn, struct lr_event *event, struct lr_address *peer);
bool lr_dial_again(struct lr_host_conn *conn); /* true: it goes on with the next one */
void lr_dial_stop(struct lr_host_conn *conn);

/* ---- live_serve.c ---- */

void lr_serve_start(struct lr_live_host *host, struct lr_command *command);
void lr_serve_stop(struct lr_numbered *numbered);
uint16_t lr_serve_port(const struct lr_numbered *numbered);

#endif
