/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the server share, and nobody else sees. The server holds slots (one session
 * each), connections of clients (found by number) and one link to its tracker. A connection that
 * ends inside an event handler is taken out of everything at once; its memory goes when the handler
 * is through
 * (|graves|), so whoever still holds it asks |ended|. */
#ifndef LR_RPC_SERVER_INTERNAL_H
#define LR_RPC_SERVER_INTERNAL_H

#include "base/list.h"
#include "base/timers.h"
#include "base/tree.h"
#include "rpc/framer.h"
#include "rpc/handshake.h"
#include "rpc/packet.h"
#include "rpc/server.h"
#include "rpc/server_device.h"
#include "rpc/server_dialect.h"
#include "rpc/server_handles.h"
#include "rpc/tracker_msg.h"

enum { LR_SERVER_SLOTS_MAX = 4096 };

/* Until the next try, where memory was short to tell a tracker something. */
#define LR_SERVER_AGAIN_NS (100 * LR_MS)

enum lr_server_timer {
    LR_SERVER_TIMER_HANDSHAKE, /* of a connection */
    LR_SERVER_TIMER_STALLED,   /* of a connection: a packet that has begun */
    LR_SERVER_TIMER_UNSENT,    /* of a connection: a peer that does not read */
    LR_SERVER_TIMER_SESSION,   /* the session timeout */
    LR_SERVER_TIMER_RUN,       /* the next turn of a running call */
    LR_SERVER_TIMER_LINK,      /* the tracker link: a retry, or an answer that does not come */
    LR_SERVER_TIMER_POLL,      /* the next GET_PENDING_MATCHKEYS */
    LR_SERVER_TIMER_SLOT,      /* a slot's matchkey: unused for too long, or to be made again */
    LR_SERVER_TIMER_COUNT
};

struct lr_server_session;

/* A place for one session, with the matchkey under which it is offered. */
struct lr_server_slot {
    struct lr_server *server;
    char *matchkey; /* NULL: none; a session is served, or memory was short */
    char *replaced; /* the last one before it that a tracker knew; NULL: none */
    unsigned int index;
    unsigned int puts; /* PUTs of it whose answers have not come */
    bool known;        /* a tracker has |matchkey|: it has answered, or granted it */
    bool put;          /* a PUT of |matchkey| is at the tracker or on its way there */
    bool answered;     /* and has been answered */
    bool pending;      /* seen in the poll's answer under way */
    lr_time seen_at;   /* when it was last known to be free at the tracker */
    struct lr_timer timer;
    struct lr_server_session *session; /* NULL: free */
};

enum lr_server_link_state {
    LR_SERVER_LINK_NONE,       /* no tracker, or not begun */
    LR_SERVER_LINK_WAITING,    /* after a failure: until the next try */
    LR_SERVER_LINK_CONNECTING, /* after CONNECT */
    LR_SERVER_LINK_MAGIC,      /* after we sent our magic */
    LR_SERVER_LINK_INFO,       /* after UPDATE_INFO */
    LR_SERVER_LINK_READY       /* after its answer: PUTs and polls */
};

/* A question to the tracker whose answer has not come. */
struct lr_server_question {
    enum lr_tracker_code code;
    unsigned int slot; /* PUT */
};

struct lr_server_link {
    enum lr_server_link_state state;
    lr_conn conn;
    struct lr_framer framer;
    struct lr_server_question *questions; /* a ring, in the order in which they were asked */
    size_t question_first, question_count, question_max;
    bool polling;      /* one of them is a GET_PENDING_MATCHKEYS */
    uint64_t retry_ns; /* pause before the next try */
    struct lr_timer timer;
    struct lr_timer poll;
};

enum lr_server_conn_state {
    LR_SERVER_CONN_MAGIC,  /* after it was accepted */
    LR_SERVER_CONN_KEY,    /* after the magic */
    LR_SERVER_CONN_QUEUED, /* after a right key (no tracker), while all slots are taken */
    LR_SERVER_CONN_SESSION /* after our accept */
};

/* A client's connection. */
struct lr_server_conn {
    struct lr_tree_node node; /* server->conns, by |id| */
    struct lr_list queue;     /* server->queue while QUEUED; server->graves when ended */
    struct lr_server *server;
    lr_conn id;
    enum lr_server_conn_state state;
    bool ended;
    bool paused;
    struct lr_address peer;
    struct lr_framer framer;
    struct lr_buf backlog; /* came while nothing could be served; in order */
    size_t unsent;         /* our bytes that have not gone out */
    uint64_t timeout_ns;   /* of the client's key */
    struct lr_timer handshake;
    struct lr_timer stalled;
    struct lr_timer unsent_timer;
    struct lr_server_session *session;
};

struct lr_server {
    struct lr_role role;              /* first */
    struct lr_server_options options; /* its strings are ours */
    struct lr_timers timers;
    struct lr_tree conns;
    struct lr_list queue; /* direct connects that wait for a slot */
    struct lr_list graves;
    struct lr_server_slot *slots; /* options.sessions_max */
    struct lr_server_link link;
    struct lr_server_dialects dialects;
    lr_conn listener;
    uint16_t port;
    bool started, stopped;
    struct lr_error failure;  /* code LR_OK: none */
    uint64_t handle_sequence; /* of the last handle of any session */
    struct lr_server_counts counts;
};

/* server.c */
#define lr_server_trace(server, now, kind, conn, ...)                                              \
    lr_trace_emit(&(server)->role.env.trace, (now), (kind), (conn), __VA_ARGS__)
/* Sends an encoded buffer, taking its content. LR_ENOMEM: it is dropped. */
LR_NODISCARD enum lr_status lr_server_send(struct lr_server *server, lr_conn conn,
                                           struct lr_buf *bytes);

/* server_tracker.c: registration. */
LR_NODISCARD enum lr_status lr_server_link_init(struct lr_server *server);
void lr_server_link_deinit(struct lr_server *server);
void lr_server_link_begin(struct lr_server *server, lr_time now); /* after LISTENING */
void lr_server_link_stop(struct lr_server *server);
/* True where the event was the link's. */
bool lr_server_link_handle(struct lr_server *server, const struct lr_event *event);
void lr_server_link_timer(struct lr_server *server, struct lr_timer *timer, lr_time now);
void lr_server_link_poll(struct lr_server *server, struct lr_timer *timer, lr_time now);
/* A PUT of the slot's matchkey, when the link is ready and it is due. */
void lr_server_link_put(struct lr_server *server, struct lr_server_slot *slot, lr_time now);

/* server_slots.c: the places for sessions and their matchkeys. */
LR_NODISCARD enum lr_status lr_server_slots_init(struct lr_server *server);
void lr_server_slots_deinit(struct lr_server *server);
/* The free slot that |matchkey| opens, or NULL. Without a tracker every free one. */
struct lr_server_slot *lr_server_slot_match(struct lr_server *server, struct lr_text matchkey);
bool lr_server_slot_key_right(const struct lr_server *server, struct lr_text matchkey);
/* Makes a new matchkey for a free slot and offers it; tries again by itself where memory is short.
 */
void lr_server_slot_offer(struct lr_server_slot *slot, lr_time now);
void lr_server_slot_timer(struct lr_server *server, struct lr_timer *timer, lr_time now);

/* server_conn.c: connections of clients. */
void lr_server_conns_init(struct lr_server *server);
void lr_server_conn_accept(struct lr_server *server, const struct lr_event *event);
void lr_server_conn_handle(struct lr_server_conn *conn, const struct lr_event *event);
struct lr_server_conn *lr_server_conn_find(struct lr_server *server, lr_conn id);
enum lr_server_end {
    LR_SERVER_END_GONE,  /* the connection has ended by itself: no command */
    LR_SERVER_END_CLOSE, /* FIN after what is queued; what the client still sends is dropped */
    LR_SERVER_END_DONE,  /* FIN; the client sends no more, so nothing of it is waited for */
    LR_SERVER_END_RESET
};
/* Ends the connection and its session, which is traced with |why|. */
void lr_server_conn_end(struct lr_server_conn *conn, enum lr_server_end how, lr_time now,
                        const char *why);
/* Sends; where that fails the connection is reset. Takes the content of |bytes|. */
void lr_server_conn_send(struct lr_server_conn *conn, struct lr_buf *bytes, lr_time now);
/* Serves what waits in the backlog, as far as may be. */
void lr_server_conn_serve(struct lr_server_conn *conn, lr_time now);
void lr_server_conn_handshake_timer(struct lr_server *server, struct lr_timer *timer, lr_time now);
void lr_server_conn_stalled_timer(struct lr_server *server, struct lr_timer *timer, lr_time now);
void lr_server_conn_unsent_timer(struct lr_server *server, struct lr_timer *timer, lr_time now);
void lr_server_conn_bury(struct lr_server *server);

/* server_handshake.c: magic, key, answer; whoever waits for a slot. */
void lr_server_handshake_frame(struct lr_server_conn *conn, const struct lr_frame *frame,
                               lr_time now);
/* Refuses a key: the answer of the protocol, then FIN. */
void lr_server_handshake_refuse(struct lr_server_conn *conn, lr_time now, const char *why);
/* A slot is free: answers the first who waits for one. */
void lr_server_handshake_next(struct lr_server *server, lr_time now);

#endif
