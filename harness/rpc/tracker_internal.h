/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the tracker: what its parts share. tracker.c makes it and sorts events; tracker_conn.c has
 * the phases of a connection; tracker_answer.c answers messages; tracker_queue.c keeps keys,
 * matchkeys, requests and grants.
 *
 * Everything a connection has brought hangs on its record, and everything under a key on its queue,
 * both ways, so that a connection's end costs what it brought and nothing else, and a request never
 * looks at other servers. What points at a connection is removed before the record; a record that
 * is closed stays until the end of the turn, as functions further up may still hold it. */
#ifndef LR_RPC_TRACKER_INTERNAL_H
#define LR_RPC_TRACKER_INTERNAL_H

#include "base/list.h"
#include "base/timers.h"
#include "base/tree.h"
#include "rpc/framer.h"
#include "rpc/tracker.h"
#include "rpc/tracker_msg.h"

enum lr_tracker_phase {
    LR_TRACKER_AWAITING_MAGIC, /* after the accept */
    LR_TRACKER_SERVING,        /* after the right magic; also when a peer has read up again */
    LR_TRACKER_PAUSED,         /* after more answers wait unsent than one peer may have waiting */
    LR_TRACKER_CLOSED,         /* after its end, by either side */
    LR_TRACKER_PHASE_COUNT
};

enum lr_tracker_timer { LR_TRACKER_TIMER_READ, LR_TRACKER_TIMER_WRITE, LR_TRACKER_TIMER_RETRY };

/* All that is kept of one peer. */
struct lr_tracker_conn {
    struct lr_tree_node node; /* in the tracker's |conns|, by number */
    struct lr_list dead;      /* in the tracker's |dead|, once closed */
    lr_conn number;
    enum lr_tracker_phase phase;
    struct lr_framer framer;
    struct lr_buf backlog;       /* bytes that came while paused */
    struct lr_timer read_timer;  /* magic, or the rest of a message, has to come by then */
    struct lr_timer write_timer; /* it has to have read some of our answers by then */
    uint64_t sent;               /* bytes handed to the world so far .. */
    size_t unsent;               /* .. of which these have not gone out */
    struct lr_text ip;           /* owned, as all texts below */
    uint16_t port;
    bool registered; /* UPDATE_INFO has told: */
    bool has_info_host;
    uint16_t info_port; /* 0: not told, as TVM's C++ server does; its PUTs say where it is */
    uint16_t put_port;  /* of the last PUT */
    struct lr_text info_key;
    struct lr_text info_host;
    struct lr_tree matchkeys;    /* entries that it has put, by matchkey */
    struct lr_list free_entries; /* those nobody has taken, in order of PUT */
    struct lr_list held_entries; /* those granted, in order of grant */
    struct lr_list requests;     /* its own that wait */
    struct lr_list
        undelivered;      /* entries granted to it whose answers have not gone out, in order */
    size_t waiting_count; /* free entries and requests: what |entries_max| bounds */
    size_t held_count;    /* held entries, bounded likewise: the oldest is forgotten */
};

/* All that has one key. Lives while an entry or a request is under it. */
struct lr_tracker_queue {
    struct lr_tree_node node;    /* in the tracker's |queues|, by key */
    struct lr_list unmatched;    /* in the tracker's |unmatched| */
    struct lr_text key;          /* owned */
    struct lr_list free_entries; /* first come, first given */
    struct lr_tree requests;     /* by priority, then arrival */
    size_t free_count;
    size_t users; /* entries, free or held, and requests */
};

/* Who got an entry; one block with its texts behind it. */
struct lr_tracker_hold {
    size_t block_bytes;
    lr_time since;
    struct lr_text server; /* HOST:PORT that was given out */
    struct lr_text client; /* HOST:PORT of the asking connection */
    struct lr_text user;
};

/* A matchkey that a server has put, from its PUT until the PUT that replaces it. */
struct lr_tracker_entry {
    struct lr_tree_node node; /* in its connection's |matchkeys| */
    struct lr_list of_owner;  /* in its connection's |free_entries| or |held_entries| */
    struct lr_list of_queue;  /* in its queue's |free_entries| while free */
    struct lr_list of_client; /* in the client's |undelivered| */
    struct lr_tracker_conn *owner;
    struct lr_tracker_queue *queue;
    struct lr_tracker_hold *hold; /* NULL while free */
    uint64_t answer_end;          /* of_client: the client's |sent| behind the answer */
    struct lr_text matchkey;      /* owned */
    struct lr_text host;          /* owned, or the connection's own IP */
    bool owns_host;
    bool taken_back; /* was granted once by an answer that had not gone out */
    uint16_t port;
};

/* A REQUEST that waits. */
struct lr_tracker_request {
    struct lr_tree_node node; /* in its queue's |requests| */
    struct lr_list of_conn;   /* in its connection's |requests| */
    struct lr_tracker_conn *conn;
    struct lr_tracker_queue *queue;
    int64_t priority;
    double priority_rest; /* 0 <= rest < 1, on top of |priority| */
    uint64_t arrival;
    struct lr_text user; /* owned */
};

struct lr_tracker {
    struct lr_role role;               /* first */
    struct lr_tracker_options options; /* |host| and |stop_key| are the two owned strings */
    char *host;
    char *stop_key;
    lr_conn listener; /* 0: none */
    uint16_t port;
    bool stopped;
    struct lr_error failure; /* code LR_OK: none */
    struct lr_tree conns;
    struct lr_tree queues;
    struct lr_timers timers;
    struct lr_list dead; /* records to be freed at the end of the turn */
    struct lr_list
        unmatched; /* queues where memory was missing to give what is free to who waits */
    struct lr_timer retry_timer; /* when to try those again */
    uint64_t arrivals;
    struct lr_tracker_counts counts;
};

/* tracker.c */
/* Copies |text| into memory of the tracker, to be freed with lr_tracker_text_free. */
LR_NODISCARD enum lr_status lr_tracker_text_copy(struct lr_tracker *tracker, struct lr_text text,
                                                 struct lr_text *copy);
void lr_tracker_text_free(struct lr_tracker *tracker, struct lr_text *text);
/* lr_tracker_stop inside a turn: the records of the connections stay until its end. */
void lr_tracker_stop_within(struct lr_tracker *tracker, lr_time now);

/* tracker_conn.c */
/* A peer has connected: makes its record, or turns it away (too many, no memory). */
void lr_tracker_conn_accept(struct lr_tracker *tracker, const struct lr_event *event);
/* An event of |conn| from the world. */
void lr_tracker_conn_handle(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                            const struct lr_event *event);
void lr_tracker_conn_expired(struct lr_tracker *tracker, struct lr_timer *timer, lr_time now);
/* Queues an answer; takes |bytes| on success. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_tracker_conn_send(struct lr_tracker *tracker,
                                                 struct lr_tracker_conn *conn, struct lr_buf *bytes,
                                                 lr_time now);
/* FIN behind what is queued; what it has put and asked is withdrawn. Closed already: nothing
 * happens. */
void lr_tracker_conn_close(struct lr_tracker *tracker, struct lr_tracker_conn *conn, lr_time now);
/* Withdraws likewise without a word to the world: the tracker itself is being freed. */
void lr_tracker_conn_forget(struct lr_tracker *tracker, struct lr_tracker_conn *conn);
/* Frees what it holds, no longer linked anywhere. */
void lr_tracker_conn_free(struct lr_tracker *tracker, struct lr_tracker_conn *conn);

/* tracker_answer.c */
/* Answers one message. Anything but LR_OK says why it is refused, in |error|, and nothing was done:
 * LR_EPROTO, LR_ELIMIT, LR_ENOMEM; LR_ENOTSUP: an unknown code. */
LR_NODISCARD enum lr_status lr_tracker_answer(struct lr_tracker *tracker,
                                              struct lr_tracker_conn *conn,
                                              const struct lr_frame *frame, lr_time now,
                                              struct lr_error *error);

/* tracker_queue.c */
void lr_tracker_queues_init(struct lr_tracker *tracker);
int lr_tracker_compare_matchkeys(const struct lr_tree_node *a, const struct lr_tree_node *b);
/* A PUT: keeps the matchkey and gives it to who waits first. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_tracker_put(struct lr_tracker *tracker, struct lr_tracker_conn *conn,
                                           const struct lr_tracker_msg *msg, lr_time now);
/* A REQUEST: waits, or gets what is free. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_tracker_request(struct lr_tracker *tracker,
                                               struct lr_tracker_conn *conn,
                                               const struct lr_tracker_msg *msg, lr_time now);
/* The answers to |conn| that have gone out are final. */
void lr_tracker_delivered(struct lr_tracker_conn *conn);
/* |conn| is over: what it has put and asked goes. What it was given by an answer that never went
 * out is free again, behind the others; where |flushed|, answers still go out, and are final. */
void lr_tracker_withdraw(struct lr_tracker *tracker, struct lr_tracker_conn *conn, bool flushed,
                         lr_time now);
/* Tries again to give what is free to who waits, where memory was missing. */
void lr_tracker_match_again(struct lr_tracker *tracker, lr_time now);

#endif
