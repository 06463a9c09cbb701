/* SPDX-License-Identifier: Apache-2.0 */
/* A plan: all that one explored run does, as plain data. Who is there, how the links are, what each
 * actor does step by step, and which faults meet them. A seed makes one (explore/generate.h), a
 * stage plays it (explore/run.h), shrinking takes parts away (explore/shrink.h), and it can be
 * written as a scenario (explore/script.h). Zero is a value of every member, so that two plans are
 * the same where their bytes are. */
#ifndef LR_EXPLORE_PLAN_H
#define LR_EXPLORE_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "explore/lies.h"
#include "explore/lines.h"
#include "explore/program_rows.h"
#include "world/fault.h"

enum {
    LR_PLAN_SERVERS_MAX = 6,
    LR_PLAN_CLIENTS_MAX = 12,
    LR_PLAN_PEERS_MAX = 3,
    LR_PLAN_LIARS_MAX = 2,
    LR_PLAN_ACTORS_MAX = LR_PLAN_CLIENTS_MAX + LR_PLAN_PEERS_MAX + LR_PLAN_LIARS_MAX,
    LR_PLAN_STEPS_MAX = 24, /* of one actor */
    LR_PLAN_FAULTS_MAX = 6,
    LR_PLAN_SLOTS = 2,    /* sessions that a client has at a time */
    LR_PLAN_VARS = 6,     /* names of a program; the first are those of its sessions */
    LR_PLAN_NAME_MAX = 24 /* of what a host is called, with its end */
};

/* A key that servers are registered under and clients ask for. */
const char *lr_plan_key(unsigned int key);
enum {
    LR_PLAN_KEYS = 5,
    LR_PLAN_LIAR_KEY = LR_PLAN_KEYS, /* of all that lie, and of nobody else */
    LR_PLAN_VICTIM_KEY               /* of the server that a lying tracker has */
};
/* A key that it may be impossible to come with. |odd| from 1. */
const char *lr_plan_odd_key(unsigned int odd);
enum { LR_PLAN_ODD_KEYS = 7 };

struct lr_plan_server {
    uint8_t key;
    uint8_t slots;
    uint8_t dialect; /* enum lr_dialect_choice */
    bool direct;     /* knows no tracker: clients connect to it */
    bool shared;     /* takes the first free port of a range, as TVM's does */
};

/* What an actor does next. */
enum lr_plan_do {
    LR_DO_NOTHING, /* a step that shrinking has taken away */
    /* clients; each but the first four on the session of |slot| */
    LR_DO_REQUEST, /* |target| a key; of a peer: asks the tracker by hand */
    LR_DO_CONNECT, /* |target| a server, or LR_CONNECT_LIAR */
    LR_DO_PASS,    /* |ms| */
    LR_DO_SUMMARY,
    LR_DO_CALL, /* |target| one of lr_plan_call; waits for the answer */
    LR_DO_WRITE,
    LR_DO_READ,
    LR_DO_FREE,
    LR_DO_UPLOAD,
    LR_DO_DOWNLOAD,
    LR_DO_KEEP, /* looks a function up and keeps it */
    LR_DO_USE,  /* calls it */
    LR_DO_DROP, /* lets go of it; once more where it has already */
    LR_DO_BUSY, /* begins a call that lasts |ms|, and goes on */
    LR_DO_REF,
    LR_DO_UNREF,
    LR_DO_STRAY, /* frees a handle of another session at the same server, which it must not */
    LR_DO_CLOSE,
    LR_DO_SCOPE,   /* the end of a scope: close, and let go */
    LR_DO_PROGRAM, /* |target| one of lr_program_row: what a program does with its objects */
    /* raw peers */
    LR_DO_OPEN, /* a link to |target|: 0 the tracker, LR_OPEN_GRANTED, or server target - 1 */
    LR_DO_SAY,  /* |target| one of enum lr_line; all but the last |ms| percent of it; |slot| not
                   0: it reads no more from then on */
    LR_DO_HUSH, /* reads no more */
    LR_DO_FINISH,
    LR_DO_END,
    LR_DO_RESET,
    /* liars */
    LR_DO_LIE, /* |target| one of enum lr_lie, to the first question of the kind |slot| on a link */
    LR_DO_COUNT
};

/* LR_DO_OPEN: whom the tracker named last. */
enum { LR_OPEN_GRANTED = LR_PLAN_SERVERS_MAX + 1 };
/* LR_DO_CONNECT: the first one that stands as a server and lies, where there is one. */
enum { LR_CONNECT_LIAR = LR_PLAN_SERVERS_MAX + 1 };

/* Which function is called, and so what must come of it. */
enum lr_plan_call {
    LR_CALL_ADDONE,
    LR_CALL_STRCAT,
    LR_CALL_EXCEPT,
    LR_CALL_WRONG_COUNT, /* of arguments */
    LR_CALL_UNKNOWN,     /* there is no such function */
    LR_CALL_EVALUATE,    /* times a function that takes no time */
    LR_CALL_ARRAY,       /* returns one, which is freed then */
    LR_CALL_COUNT
};

struct lr_plan_step {
    uint8_t what; /* enum lr_plan_do */
    uint8_t slot;
    uint8_t target;
    int8_t priority;
    uint8_t tries;  /* REQUEST of a client */
    uint8_t x, y;   /* PROGRAM: names, 0 to LR_PLAN_VARS - 1 */
    uint8_t moves;  /* PROGRAM: `del y` behind it */
    uint32_t ms;    /* REQUEST, CONNECT: the session's timeout, 0 none */
    uint32_t size;  /* WRITE, UPLOAD: bytes; CALL: the number that is sent */
    uint32_t limit; /* REQUEST: ms until it is given up */
};

enum lr_plan_actor_kind {
    LR_ACTOR_CLIENT,
    LR_ACTOR_PEER,
    LR_ACTOR_LIAR,         /* stands as a server: each link gets the next of its steps */
    LR_ACTOR_LYING_TRACKER /* .. as the tracker of one more server: link after link, then the truth
                            */
};

struct lr_plan_actor {
    uint8_t kind;
    uint8_t count;   /* of steps */
    uint8_t runtime; /* of a client */
    uint8_t unused;
    struct lr_plan_step steps[LR_PLAN_STEPS_MAX];
};

enum lr_plan_fault_kind {
    LR_PLAN_NO_FAULT, /* taken away */
    LR_PLAN_FIN,      /* these are of a link towards |service| */
    LR_PLAN_RST,
    LR_PLAN_HALF_CLOSE,
    LR_PLAN_BLACK_HOLE,
    LR_PLAN_CORRUPT, /* a bit that is turned round */
    LR_PLAN_CORRUPT_LENGTH,
    LR_PLAN_TRUNCATE,
    LR_PLAN_GARBAGE,
    LR_PLAN_STALL, /* until |undo_ms| later */
    LR_PLAN_KILL,  /* these are of a host; a service comes back when faults stop */
    LR_PLAN_STOP,
    LR_PLAN_LOSE, /* off the net, and found when faults stop, or after |undo_ms| */
    LR_PLAN_POWER_OFF,
    LR_PLAN_RESTART,     /* of services: comes again at once */
    LR_PLAN_FREEZE,      /* of services: for |undo_ms| */
    LR_PLAN_PARTITION,   /* hosts whose numbers leave the same rest by |apart| reach each other */
    LR_PLAN_CLOCK_JUMP,  /* nothing may come of this one, */
    LR_PLAN_SHORT_READS, /* .. nor of these */
    LR_PLAN_SHORT_WRITES,
    LR_PLAN_INTERRUPTS,
    LR_PLAN_NO_MEMORY, /* for |undo_ms|: the |bytes|-th allocation; 0: now and then */
    LR_PLAN_STORM,     /* of services: all links to it are reset */
    LR_PLAN_FAULT_KINDS
};

/* Who is met. */
enum lr_plan_subject { LR_PLAN_OF_NOBODY, LR_PLAN_OF_LINK, LR_PLAN_OF_SERVICE, LR_PLAN_OF_HOST };

struct lr_plan_fault_row {
    const char *name;
    enum lr_fault_kind kind; /* as the world calls it; of STOP: none */
    enum lr_plan_subject subject;
    bool lasts;    /* .. for undo_ms, which is not 0 */
    bool harmless; /* everything has to go on as if it was not there */
};
const struct lr_plan_fault_row *lr_plan_fault_row(unsigned int kind);

/* When a fault comes. */
enum lr_plan_when {
    LR_WHEN_TIME,  /* |ms| after the beginning; links: the newest of |from| */
    LR_WHEN_STEP,  /* as actor |actor| begins its step |step|, or |ms| after */
    LR_WHEN_BEGUN, /* likewise, when it has begun: what it asks is on its way */
    LR_WHEN_BYTES  /* links: the next one to open, when |bytes| have passed */
};

/* Whom a fault meets: 0 the tracker, then servers, then actors. */
enum { LR_HOST_TRACKER = 0, LR_HOST_SERVERS = 1, LR_HOST_ACTORS = 1 + LR_PLAN_SERVERS_MAX };

struct lr_plan_fault {
    uint8_t kind;
    uint8_t when;
    uint8_t host;  /* a service where it is of a link */
    uint8_t side;  /* enum lr_fault_side */
    uint8_t from;  /* the host that has opened the link, where it is there already */
    uint8_t actor; /* of all but LR_WHEN_TIME */
    uint8_t step;
    uint8_t apart;  /* PARTITION */
    uint16_t bytes; /* of a link that is there: from now on; 0: at once; NO_MEMORY: which one */
    uint32_t ms;
    uint32_t undo_ms; /* after so long; LOSE, PARTITION: 0: at the end */
};

struct lr_plan_link {
    uint32_t latency_us;
    uint32_t jitter_us;
    uint32_t bandwidth; /* bytes a second; 0: any */
    uint8_t segments;   /* enum lr_sim_segments */
};

struct lr_plan {
    uint64_t seed; /* it was made from, and is played with */
    uint32_t features;
    struct lr_plan_link link;
    bool hasty;      /* all have little patience, so that waiting costs less */
    uint8_t odd_key; /* one more server is to have it; 0: there is none */
    uint8_t server_count;
    uint8_t actor_count;
    uint8_t fault_count;
    struct lr_plan_server servers[LR_PLAN_SERVERS_MAX];
    struct lr_plan_actor actors[LR_PLAN_ACTORS_MAX];
    struct lr_plan_fault faults[LR_PLAN_FAULTS_MAX];
};

/* Both are made by lr_generate, or out of such, so that no byte of either is undefined. */
bool lr_plan_equal(const struct lr_plan *a, const struct lr_plan *b);
/* Steps that do something, of all actors. */
unsigned int lr_plan_operations(const struct lr_plan *plan);
/* True where |kind| breaks a link, and not a host. */
static inline bool lr_plan_is_of_link(unsigned int kind) {
    return kind >= LR_PLAN_FIN && kind <= LR_PLAN_STALL;
}
/* .. ends its host, which does not come again by itself; or lets one fall silent. */
static inline bool lr_plan_ends_host(unsigned int kind) {
    return kind == LR_PLAN_KILL || kind == LR_PLAN_STOP || kind == LR_PLAN_POWER_OFF;
}
static inline bool lr_plan_silences_host(unsigned int kind) {
    return kind == LR_PLAN_LOSE || kind == LR_PLAN_POWER_OFF || kind == LR_PLAN_PARTITION;
}

/* For how long everybody waits, as it was told to the roles. */
struct lr_plan_patience {
    uint64_t handshake_ns, stalled_ns, unread_ns, unused_ns, silence_ns;
};
struct lr_plan_patience lr_plan_patience(const struct lr_plan *plan);
/* What the links add to a budget, one way: latency, and what the plan sends at most at a time on a
 * link that has a bandwidth. */
uint64_t lr_plan_slack_ns(const struct lr_plan *plan);
/* How much longer than that |bytes| are on their way to one who reads them at once: each part that
 * a system holds waits for the one before to be read, a way there and back. */
uint64_t lr_plan_parts_ns(const struct lr_plan *plan, uint64_t bytes);
/* In what time everything is as if nothing had happened, when faults have stopped, and a last
 * client has what it asks for; |quiet|: nothing had happened. */
uint64_t lr_plan_recovery_ns(const struct lr_plan *plan);
uint64_t lr_plan_probe_ns(const struct lr_plan *plan, bool quiet);

#endif
