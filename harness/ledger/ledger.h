/* SPDX-License-Identifier: Apache-2.0 */
/* The account of every session: what was seen of it on the wire and in the system, when, and what
 * that means. The world tells it what crosses the links; it decodes (both dialects, any chunking)
 * and believes nothing that an implementation says of itself. Causes come from the script; releases
 * from the wire and the system alone. */
#ifndef LR_LEDGER_LEDGER_H
#define LR_LEDGER_LEDGER_H

#include "base/alloc.h"
#include "base/list.h"
#include "base/status.h"
#include "base/time.h"
#include "rpc/value.h"
#include "trace/trace.h"

struct lr_ledger;

/* Which service a link leads to: a tracker's port or a server's. */
enum lr_plane { LR_PLANE_CONTROL, LR_PLANE_DATA };

/* Direction on a link; "to the service" is what the side that connected sends. */
enum lr_direction { LR_TO_SERVICE, LR_FROM_SERVICE };

/* One end of a link, as far as it is known. */
struct lr_endpoint {
    const char *host;    /* the script's name for it, borrowed; NULL: not one of the world's */
    const char *address; /* "127.0.0.1:4711", borrowed until return; copied */
    int64_t pid;         /* a foreign program's process; 0 where it is ours or not known */
};

LR_NODISCARD enum lr_status lr_ledger_new(struct lr_ledger **out, struct lr_alloc *alloc,
                                          const struct lr_trace *trace);
void lr_ledger_free(struct lr_ledger *ledger);
/* The ledger works on without memory as far as it can, and remembers that it could not: LR_ENOMEM
 * then. A case with such a ledger is invalid. */
enum lr_status lr_ledger_health(const struct lr_ledger *ledger);

/* ---- what the world tells ---- */

/* A connection was established. Returns its number in the ledger (0: out of memory), by which it is
 * spoken of below. */
uint32_t lr_ledger_link_opened(struct lr_ledger *ledger, lr_time at, enum lr_plane plane,
                               const struct lr_endpoint *client, const struct lr_endpoint *service);
/* The side that connected became known later (a process found by its port). */
void lr_ledger_link_client(struct lr_ledger *ledger, uint32_t number,
                           const struct lr_endpoint *client);
void lr_ledger_link_bytes(struct lr_ledger *ledger, lr_time at, uint32_t number,
                          enum lr_direction direction, const uint8_t *bytes, size_t size);
/* FIN in |direction|. */
void lr_ledger_link_fin(struct lr_ledger *ledger, lr_time at, uint32_t number,
                        enum lr_direction direction);
/* RST in |direction|: sent by the side that |direction| comes from. Ends the link. */
void lr_ledger_link_reset(struct lr_ledger *ledger, lr_time at, uint32_t number,
                          enum lr_direction direction);
/* The link is gone (both FINs, a reset, or a local timeout): |reason| is a literal or NULL. */
void lr_ledger_link_closed(struct lr_ledger *ledger, lr_time at, uint32_t number,
                           const char *reason);
/* A fault of ours did something to a link. |what| is copied. What the fault itself sends towards
 * the client is not told as an end FROM_SERVICE: that would be the server's own. */
void lr_ledger_link_fault(struct lr_ledger *ledger, lr_time at, uint32_t number, const char *what);
/* A fault of ours changes what passes on a link, either way: no finding is made of bytes on it that
 * are not the protocol's, nor of what is answered to them. How its sessions end is judged as ever.
 */
void lr_ledger_link_spoiled(struct lr_ledger *ledger, uint32_t number);
/* A host that stood still, or was off the net, goes on: what it was told meanwhile it reads now. */
void lr_ledger_host_woken(struct lr_ledger *ledger, lr_time at);
/* A foreign program started or ended, or, with |pid| 0, a server of ours. */
void lr_ledger_process(struct lr_ledger *ledger, lr_time at, const char *host, int64_t pid,
                       bool running);

/* Everything that |host| will send is the script's own (a raw peer): no finding is made of it, nor
 * of how the sessions end that it serves. Before its first link. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_ledger_scripted(struct lr_ledger *ledger, const char *host);

/* ---- what the script tells ---- */

enum lr_cause {
    LR_CAUSE_NONE,
    LR_CAUSE_CLOSE,
    LR_CAUSE_SCOPE,
    LR_CAUSE_LAST_REFERENCE,
    LR_CAUSE_FIN,
    LR_CAUSE_RST,
    LR_CAUSE_CUT, /* end inside a packet */
    LR_CAUSE_DEATH,
    LR_CAUSE_SILENCE,
    LR_CAUSE_TIMEOUT,
    LR_CAUSE_TRACKER_LOSS,
    LR_CAUSE_SERVER_LOSS,
    LR_CAUSE_HANDSHAKE,
    LR_CAUSE_STALLED,
    LR_CAUSE_UNUSED,
    LR_CAUSE_COUNT
};
const char *lr_cause_name(enum lr_cause cause); /* "close", "end of scope", .. */
bool lr_cause_of(struct lr_text name, enum lr_cause *cause);

/* ---- the account ---- */

enum { LR_SESSION_TEXT_MAX = 96 }; /* bytes of a name or key that are kept, with a NUL */

/* What was seen of one session. Times are LR_TIME_NEVER until seen, texts empty; they live as long
 * as the ledger. */
struct lr_account {
    uint32_t number; /* 1, 2, .. in the order of their first sight */
    const char *key;
    const char *matchkey;
    const char *client; /* host name of the world, or address; of the data link if there is one */
    const char *server;
    const char *client_address; /* of the data link, else of the REQUEST's */
    const char *server_address; /* of the data link, else as granted */
    int64_t client_pid;
    uint32_t request_link;  /* control link that asked; 0 for a direct connect */
    uint32_t data_link;     /* 0 before it is connected */
    uint32_t register_link; /* control link of the server that served; 0: none seen */
    lr_time requested_at;   /* REQUEST */
    lr_time granted_at;
    lr_time connected_at;   /* the client's TCP connection to the server */
    lr_time accepted_at;    /* the server's answer to the handshake */
    lr_time initialised_at; /* the answer to InitServer */
    uint64_t timeout_ns;    /* -timeout of the handshake; LR_TIME_NEVER: none */
    uint64_t calls;         /* questions of the client answered */
    bool in_call;           /* a question waits for its answer */
    lr_time last_packet_at; /* idle since: the last bytes in either direction */
    uint64_t bytes[2];      /* by direction */
    uint64_t said_before;   /* of those FROM_SERVICE, until the client's first end was seen */
    lr_time shutdown_at[2];
    lr_time fin_at[2];
    lr_time reset_at[2];
    lr_time closed_at;         /* the data link is gone: both FINs, a reset, or a local end */
    bool cut_inside_packet[2]; /* a direction ended within a packet */
    lr_time exception_at;      /* the last Exception packet */
    const char *exception;
    /* When the server first showed that it has let go: FIN or RST from its side, the first byte of
     * its next PUT, without a tracker the next handshake it accepts, or the end of its process. A
     * client's RST or FIN alone shows nothing of the server. */
    lr_time released_at;
    /* The slot offered again: its server's next PUT, whole, or without a tracker the next handshake
     * accepted. Of a direct connect that was not accepted, and so took no slot: released_at. */
    lr_time requestable_at;
    lr_time tried_at;            /* directly: the first handshake that could show its return */
    unsigned int released_count; /* more than one: released twice */
    bool out_of_turn; /* its matchkey had been free for longer than one that was granted before */
    enum lr_dialect dialect;
    bool dialect_known;
    bool observable; /* false: the link has ended, no tracker is told, and nobody has
                        tried since: nothing shows the release, or the slot */
};

size_t lr_ledger_account_count(const struct lr_ledger *ledger);
/* Borrowed until the ledger is told something more. |number| from 1. */
const struct lr_account *lr_ledger_account(const struct lr_ledger *ledger, uint32_t number);
/* The session on a data link, or of a waiting or granted REQUEST of a control link; NULL: none. */
const struct lr_account *lr_ledger_account_of_link(const struct lr_ledger *ledger, uint32_t link);

/* How many open connections to servers have not said for which session. */
size_t lr_ledger_nameless_count(const struct lr_ledger *ledger);
/* The newest link from |client| to |service| (names of the world) that nobody ended; 0: none. */
uint32_t lr_ledger_find_link(const struct lr_ledger *ledger, const char *client,
                             const char *service);
/* The newest link of |client|'s port |local| to a service's |remote|: ports come again. 0: none. */
uint32_t lr_ledger_link_of_ports(const struct lr_ledger *ledger, const char *client, uint16_t local,
                                 uint16_t remote);
/* Bytes that have passed on the link |number|. */
uint64_t lr_ledger_link_passed(const struct lr_ledger *ledger, uint32_t number,
                               enum lr_direction direction);
/* Where in its messages a direction of a link is. */
enum { LR_PLACE_FRONT_MAX = 16 };
struct lr_ledger_place {
    bool opened;           /* what comes first (magic; word and key) has passed, whole */
    uint64_t message_size; /* how much of the message that is under way has passed; 0: none is */
    size_t front_size;     /* of it, as far as it is known: all of it, or more than names it */
    uint8_t front[LR_PLACE_FRONT_MAX];
};
/* False: it is not followed (any more). */
bool lr_ledger_link_place(const struct lr_ledger *ledger, uint32_t number,
                          enum lr_direction direction, struct lr_ledger_place *place);
/* Whom it leads to; "" where there is no such link. Borrowed. */
const char *lr_ledger_link_service(const struct lr_ledger *ledger, uint32_t number);
/* How the side that |direction| comes from has ended it: "fin", "rst", or NULL while it has not. */
const char *lr_ledger_link_ended(const struct lr_ledger *ledger, uint32_t number,
                                 enum lr_direction direction);
/* Who has opened it: a world's name, or an address; "": no such link. Borrowed until told more. */
const char *lr_ledger_link_opener(const struct lr_ledger *ledger, uint32_t number);
/* Neither side has ended it. */
bool lr_ledger_link_open(const struct lr_ledger *ledger, uint32_t number);

/* What trackers hold, recomputed from the wire alone: free entries and pending requests under
 * |key|, of all of them together. */
struct lr_queue_account {
    size_t free;
    size_t pending;
    size_t pending_of_the_dead; /* whose connection is gone, and which SUMMARY still counts */
    lr_time changed_at;         /* when one of these counts did so last; 0: never */
};
struct lr_queue_account lr_ledger_queue(const struct lr_ledger *ledger, struct lr_text key);

/* ---- the timeline ---- */

enum { LR_TIMELINE_TEXT_MAX = 240 };

/* One line of what happened, for reports: wire, system, faults, and the steps of the script. */
struct lr_timeline_entry {
    lr_time at;
    uint32_t session; /* account number; 0: of none */
    uint32_t link;
    char text[LR_TIMELINE_TEXT_MAX]; /* "client -> server: CallFunc handle 3" */
};
void lr_ledger_note(struct lr_ledger *ledger, lr_time at, uint32_t session, const char *format, ...)
    LR_PRINTF(4, 5);
size_t
lr_ledger_timeline_count(const struct lr_ledger *ledger); /* of what is kept: the last 4096 */
uint64_t lr_ledger_timeline_dropped(const struct lr_ledger *ledger);
/* Entry |index|, below the count, which is put into words now. */
struct lr_timeline_entry lr_ledger_timeline(const struct lr_ledger *ledger, size_t index);

/* ---- what is not as it should be at the end, whoever asked ---- */

enum lr_finding_kind {
    LR_FINDING_LEAKED, /* a session never released */
    LR_FINDING_LATE,
    LR_FINDING_TWICE,
    LR_FINDING_NOT_REQUESTABLE,
    LR_FINDING_PENDING, /* a request waits for a client that has gone */
    LR_FINDING_ORPHAN,  /* a matchkey free whose server's connection is gone */
    LR_FINDING_LEFT,    /* memory, handles, files, descriptors of ours */
    LR_FINDING_PROTOCOL /* bytes that are not the protocol's, a wrong answer */
};
struct lr_finding {
    enum lr_finding_kind kind;
    uint32_t session;
    char text[LR_ERROR_TEXT_MAX];
};
const char *lr_finding_name(enum lr_finding_kind kind);
/* By how much an audit lets a release be late that no expectation asked about. */
struct lr_ledger_patience {
    uint64_t late_ns;    /* beyond the client's end */
    uint64_t expired_ns; /* beyond the session's timeout */
    uint64_t return_ns;  /* from the release to the slot's return; LR_TIME_NEVER: any */
};
/* Beyond any machine's own slowness, which the budgets of expectations take into account: 1 s late,
 * any return. What a ledger begins with. */
extern const struct lr_ledger_patience lr_ledger_patience_default;
void lr_ledger_set_patience(struct lr_ledger *ledger, const struct lr_ledger_patience *patience);
/* Goes through everything and hands each finding to |found|. Borrowed until it returns. */
void lr_ledger_audit(const struct lr_ledger *ledger, lr_time now,
                     void (*found)(void *context, const struct lr_finding *finding), void *context);

#endif
