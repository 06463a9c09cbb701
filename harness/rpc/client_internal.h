/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the client share, and nobody else sees. The client holds connections of two
 * kinds (to the tracker, to servers), found by their number, and operations of two kinds (asks,
 * which concern the tracker or open a session; calls, which run inside a session). Everything that
 * an operation needs to end is allocated when it begins, so that ending never fails. Connections
 * end inside event handlers that still walk them, so their memory goes when the handler is through
 * (|graves|). */
#ifndef LR_RPC_CLIENT_INTERNAL_H
#define LR_RPC_CLIENT_INTERNAL_H

#include "base/list.h"
#include "base/timers.h"
#include "base/tree.h"
#include "rpc/client.h"
#include "rpc/framer.h"

/* Connections. */
enum client_link_kind { CLIENT_LINK_TRACKER, CLIENT_LINK_SESSION };

struct client_link {
    struct lr_tree_node node; /* in client->links, by |conn| */
    struct lr_list grave;
    enum client_link_kind kind;
    lr_conn conn;
    bool ended; /* the connection is over; the structure may live on */
    struct lr_client *client;
    struct lr_framer framer;
    struct lr_timer timer; /* CLIENT_TIMER_LINK */
};

enum client_timer_kind { CLIENT_TIMER_LINK, CLIENT_TIMER_WAIT };

/* Operations. */
enum client_op_kind { CLIENT_ASK_REQUEST, CLIENT_ASK_CONNECT, CLIENT_ASK_SUMMARY, CLIENT_CALL };

struct client_result {
    struct lr_list node; /* in client->results */
    struct lr_result result;
};

struct client_op {
    struct lr_tree_node by_number; /* in client->ops */
    struct lr_list node;           /* in the queue of its tracker connection or session */
    lr_op number;
    enum client_op_kind kind;
    struct lr_client *client;
    struct client_result *result; /* NULL: given up, and only waits for its answer to pass */
};

struct client_tracker;

/* A request, a direct connect, a summary. */
struct client_ask {
    struct client_op op;
    char *key; /* key_size bytes and a NUL */
    size_t key_size;
    struct lr_request_options options;
    unsigned int tries_left;
    lr_time wait_until;
    struct lr_timer timer;          /* CLIENT_TIMER_WAIT */
    struct client_tracker *tracker; /* where it is asked, until it is answered */
    struct lr_session *session;     /* being opened for it */
    bool sent;                      /* the question is on the wire */
    bool held;
};

/* Tracker connections: one asks a REQUEST alone, or SUMMARYs one behind the other
 * (client_tracker.c). */
enum client_tracker_state {
    CLIENT_TRACKER_CONNECTING, /* after the connect command */
    CLIENT_TRACKER_MAGIC,      /* after our magic went out */
    CLIENT_TRACKER_READY       /* after theirs came in */
};

struct client_tracker {
    struct client_link link;
    struct lr_list node; /* in client->trackers */
    enum client_tracker_state state;
    struct lr_list asks; /* in the order of their questions */
    uint64_t answered;
};

/* Sessions. */
enum client_session_state {
    CLIENT_SESSION_CONNECTING, /* after the connect command */
    CLIENT_SESSION_HELLO,      /* after our magic and key went out */
    CLIENT_SESSION_KEY,        /* after the server accepted */
    CLIENT_SESSION_INIT,       /* after InitServer went out */
    CLIENT_SESSION_OPEN,       /* after its answer, which shows the dialect */
    CLIENT_SESSION_CLOSED      /* after its end, whoever made it */
};

struct client_call;

struct lr_session {
    struct client_link link;
    struct lr_list node; /* in client->sessions */
    enum client_session_state state;
    unsigned int references;
    struct lr_address address;
    enum lr_dialect dialect;
    struct client_ask *opening; /* until it is open */
    struct lr_buf hello;        /* until it is sent */
    struct lr_list calls;       /* the first is in flight where |in_flight| */
    size_t call_count;
    bool in_flight;
    size_t unsent; /* bytes handed to the world that it has not told us are out */
    bool walking;  /* a frame is being looked at: the framer's memory must stay */
    lr_time opened_at;
    struct lr_error end; /* once closed: what every later use is told */
};

/* How a session's connection is ended. */
enum client_end {
    CLIENT_END_GONE,    /* it is over already */
    CLIENT_END_RESET,   /* the peer is not to be followed any more */
    CLIENT_END_CLOSE,   /* FIN; what the peer still sends is dropped */
    CLIENT_END_DONE,    /* FIN; the peer has nothing to send, so nothing of it is waited for */
    CLIENT_END_SHUTDOWN /* Shutdown, then FIN; RST where a packet of ours is half sent */
};

enum { CLIENT_STEPS_MAX = 3 };

/* How the answer to a call is read: fills |result|. An error other than LR_EPROTO and LR_ENOTFOUND
 * is the call's alone; LR_EPROTO means that the server is not to be followed any more. */
typedef enum lr_status (*client_read)(struct client_call *call, const struct lr_packet *packet,
                                      struct lr_result *result, struct lr_error *error);

struct client_call_row {
    const char *name;
    int32_t answer;  /* the packet that answers, beside Exception */
    bool holds_data; /* the answer may be as long as packet_bytes_max; otherwise it is short */
    client_read read;
};

/* A remote operation: one packet and its answer, or for a call by name three. */
struct client_call {
    struct client_op op;
    struct lr_session *session;
    const struct client_call_row *row;
    struct lr_buf packets[CLIENT_STEPS_MAX]; /* encoded when it began, taken when sent */
    unsigned int steps;
    unsigned int step;
    bool by_name;            /* steps: GetGlobalFunc, CallFunc, FreeHandle */
    bool as_bytes;           /* a download: its text is data */
    bool known;              /* the result is final; only the function's handle is to be freed */
    uint64_t answer_bytes;   /* of data, CopyFromRemote */
    struct lr_tensor tensor; /* allocations */
};

struct lr_client {
    struct lr_role role;
    struct lr_client_options options;
    char *tracker_host;
    char *user;
    struct lr_tree links;
    struct lr_tree ops;
    struct lr_timers timers;
    struct lr_list trackers;
    struct lr_list sessions;
    struct lr_list results;
    struct lr_list graves;
    size_t session_count; /* connections to servers, opening or open */
    size_t ask_count;
    lr_op last_op;
    bool closed;
};

#endif
