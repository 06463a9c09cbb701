/* SPDX-License-Identifier: Apache-2.0 */
/* What the ledger is made of. Everything is reached from struct lr_ledger and freed with it.
 *
 *   link     one connection, with its observer (links.c; what crosses it: control.c, data.c)
 *   session  one account, with what it takes to keep it (sessions.c)
 *   server   who offers sessions: a registration at a tracker, or, for direct connects, whatever is
 * at an address (servers.c); lists its sessions whose slot was not offered again yet offer    one
 * matchkey, from its PUT on (offers.c) queue    what a tracker should hold under one key (queues.c)
 */
#ifndef LR_LEDGER_LEDGER_TYPES_H
#define LR_LEDGER_LEDGER_TYPES_H

#include "base/tree.h"
#include "ledger/ledger.h"
#include "ledger/observer.h"
#include "ledger/texts.h"

enum {
    LR_LEDGER_TIMELINE_MAX = 4096, /* lines kept: a case has some hundred, a bench cannot grow it */
    LR_LEDGER_WORDS_MAX = 4,
    LR_LEDGER_FINDINGS_MAX = 256 /* kept as they happen; more are counted */
};

/* Two links are watched by two eyes: what happens within this much may be seen in either order.
 * DESIGN's budget for a tracker to be right again. */
#define LR_LEDGER_ORDER_NS (100 * LR_MS)

/* Servers ask every 2 s which of their matchkeys are at the tracker. */
#define LR_LEDGER_POLL_NS (2 * LR_SECOND + LR_LEDGER_ORDER_NS)

struct lr_ledger_link {
    uint32_t number;
    enum lr_plane plane;
    struct lr_observer *observer; /* NULL: nothing more will be seen */
    const char *client;           /* name of the world, or address */
    const char *service;          /* likewise */
    const char *client_address;
    const char *service_address;
    int64_t client_pid;
    bool open;       /* neither reset nor closed, and not FIN from both sides */
    lr_time gone_at; /* control: the first end of either side */
    lr_time opened_at;
    uint64_t bytes[2];      /* by direction */
    lr_time bytes_at[2];    /* likewise: the last of them */
    lr_time said_before_at; /* the last FROM_SERVICE, of an instant before |bytes_at| */
    bool fin[2];            /* likewise */
    bool reset[2];          /* likewise */
    bool broken[2];         /* a finding was made already */
    bool scripted[2];       /* what comes in this direction is a script's own: no finding */
    bool spoiled;           /* a fault of ours changes what passes: no finding either */
    struct lr_ledger *ledger;
    /* control plane */
    struct lr_ledger_server *server; /* a server's: it has put matchkeys or told its info */
    struct lr_list offers;           /* put here and not withdrawn: free, taken or granted */
    struct lr_list requests;         /* sessions that wait here for a grant, oldest first */
    uint32_t last_request;           /* number of the session asked for last */
    bool hurt;             /* a fault has met it: what the tracker grants there may not be seen */
    bool proxy;            /* its info calls it a proxy: it offers for many servers */
    lr_time registered_at; /* its first PUT */
    /* data plane */
    uint32_t session; /* number of the session it carries, 0: not known yet */
};

struct lr_ledger_session {
    struct lr_account account;
    struct lr_list of_server; /* the server's list, until its slot is offered again */
    struct lr_list of_link;   /* the list of who waits on its control link */
    struct lr_tree_node of_queue;
    struct lr_ledger_queue *queue;
    struct lr_ledger_server *server;
    struct lr_ledger_offer *offer; /* the matchkey it was granted, or came with */
    int64_t priority;
    double priority_rest;
    lr_time client_gone_at;          /* Shutdown, FIN or RST of the client, or its link is gone */
    lr_time link_gone_at;            /* nothing more will be seen on the data link */
    lr_time early_put_at;            /* its server offered itself while the session ran */
    lr_time beside_at;               /* another was let in while it ran */
    lr_time withdrawn_at;            /* its REQUEST's connection has gone */
    lr_time passed_at;               /* another was granted a server when it was its turn .. */
    uint32_t passed_by;              /* .. which one */
    struct lr_ledger_offer *renewal; /* the offer by which its slot came back */
    const struct lr_ledger_session *taken_by; /* came with its matchkey, on a link that was there
                                                 before the grant */
    uint64_t questions;                       /* without an answer yet */
    uint64_t before_init;                     /* of those, how many were asked before InitServer */
    uint32_t tried_by;                        /* whose handshake the account's |tried_at| is of */
    bool init_waits;
    bool grant_unused; /* counted in the ledger's |unused_grants| */
    bool unsure;       /* counted in its queue's |unsure| */
    bool given_on;     /* another was let in while what its server says here waited unread: its
                          place may have been given on */
};

enum lr_offer_state {
    LR_OFFER_FREE,    /* after its PUT */
    LR_OFFER_GRANTED, /* after a grant that was seen */
    LR_OFFER_TAKEN,   /* after GET_PENDING_MATCHKEYS did not name it: granted where nobody looked */
    LR_OFFER_REPLACED, /* after a PUT that took its place */
    LR_OFFER_WITHDRAWN /* after the end of its server's connection */
};

struct lr_ledger_offer {
    struct lr_table_node node; /* by the hash of |matchkey|: there are as many as lives so far */
    struct lr_list of_link;
    struct lr_list made;     /* the ledger's list of all */
    struct lr_text matchkey; /* with a NUL behind it */
    struct lr_ledger_queue *queue;
    struct lr_ledger_server *server;
    struct lr_ledger_link *link;
    enum lr_offer_state state;
    bool named;      /* its PUT said which one it replaces */
    bool in_doubt;   /* granted, and its tracker may have taken that back */
    uint64_t serial; /* in the order in which they became free */
    lr_time put_at;
    lr_time withdrawn_at;              /* or replaced */
    struct lr_ledger_session *session; /* whom it was granted to, or who came with it */
};

struct lr_ledger_server {
    struct lr_tree_node node; /* by identity */
    const char *identity;
    const char *name;
    /* As it registered last: */
    const char *key;
    const char *address;
    uint16_t port;
    bool registered; /* at a tracker: its releases are shown by PUTs */
    bool scripted;   /* the script is its part */
    struct lr_ledger_link *link;
    struct lr_list sessions;           /* not requestable again yet, oldest first */
    size_t running;                    /* of those, accepted and not ended by either side */
    size_t slots;                      /* matchkeys it offered at once when it registered */
    size_t free;                       /* its offers on |link| that are free */
    struct lr_ledger_session *renewed; /* the session whose slot came back last */
};

struct lr_ledger_queue {
    struct lr_tree_node node; /* by tracker, then key */
    const char *tracker;
    const char *key;
    size_t free;
    size_t pending;
    size_t dead;         /* requests whose connection has gone, ever */
    size_t dead_counted; /* of those, still counted by the last SUMMARY */
    lr_time changed_at;
    size_t unsure;          /* of those that wait, on links that a fault has met */
    lr_time unsure_until;   /* a grant may have gone unseen; its server misses it by then */
    struct lr_tree waiting; /* by priority, then age */
    /* The latest of those that were granted, and up to which one the order is not known: what was
     * on its way to one who left may be free again, behind all others. */
    uint64_t granted_serial;
    lr_time granted_put_at;
    lr_time granted_at;
    uint64_t unsure_serial;
    bool told[3]; /* findings made: free, pending, fewer */
};

struct lr_ledger_host {
    struct lr_list node;
    char name[LR_SESSION_TEXT_MAX];
    int64_t pid;
    lr_time ended_at; /* LR_TIME_NEVER: it runs */
};

/* A host of which the script is the part. */
struct lr_ledger_scripted_host {
    struct lr_list node;
    char name[LR_SESSION_TEXT_MAX];
};

/* What is said in a line's places. */
union lr_ledger_word {
    const char *text; /* a literal, or one of the ledger's texts */
    uint64_t number;
};

/* A line is put into words when it is read, as nearly all never are (timeline.c). */
struct lr_ledger_line {
    lr_time at;
    uint32_t session;
    uint32_t link;
    const char *form; /* with a place for each word */
    union lr_ledger_word words[LR_LEDGER_WORDS_MAX];
    char *rest; /* what is said behind it */
    size_t rest_size;
    size_t rest_capacity; /* of |rest|, which the next line in this place uses, too */
};

struct lr_ledger {
    struct lr_alloc *alloc;
    struct lr_trace trace;
    enum lr_status health;
    struct lr_ledger_patience patience;
    lr_time woken_at; /* the last time that a host went on that had stood still */
    struct lr_ledger_link **links;
    size_t link_count, link_capacity;
    struct lr_ledger_session **sessions;
    size_t session_count, session_capacity;
    struct lr_texts texts;
    struct lr_table offers;
    struct lr_list offers_made;
    struct lr_tree servers;
    struct lr_tree queues;
    struct lr_list hosts;
    struct lr_list scripted;
    uint64_t freed;               /* how often a matchkey has become free */
    bool doubted;                 /* a grant may have been taken back, once at least */
    size_t unused_grants;         /* granted, and nobody has connected with the matchkey */
    struct lr_ledger_line *lines; /* a ring */
    size_t line_count, line_capacity, line_first;
    uint64_t lines_dropped;
    struct lr_finding *findings;
    size_t finding_count, finding_capacity;
    uint64_t findings_dropped;
};

#endif
