/* SPDX-License-Identifier: Apache-2.0 */
/* What a program's objects must do, worked out a second time and as plainly as can be: who refers
 * to whom, one row a reference; how often each is referred to, counted anew whenever it matters;
 * what nothing outside reaches, marked from the roots. Nothing in here knows of mocks/heap or
 * mocks/native, so that what it says of a session's end is evidence against them.
 *
 * The rules of CPython that order what happens stand where they are applied (shadow.c,
 * shadow_rules.c), each with the fact that it comes from; all were measured on real interpreters.
 */
#ifndef LR_EXPLORE_SHADOW_H
#define LR_EXPLORE_SHADOW_H

#include "explore/plan.h"

enum {
    LR_SHADOW_NODES_MAX = 2 * LR_PLAN_STEPS_MAX,
    LR_SHADOW_EDGES_MAX = 4,
    LR_SHADOW_RECORDS_MAX = LR_PLAN_STEPS_MAX,
    LR_SHADOW_EVENTS_MAX = 4 * LR_PLAN_STEPS_MAX,
    LR_SHADOW_NONE = 0xff
};

/* A version of CPython, or C++: what is known of it besides. */
struct lr_shadow_facts {
    const char *version; /* NULL: C++ */
    bool leaks;      /* its enum keeps the exception of a value that it does not know: bpo-34536 */
    bool spares_all; /* one object that saves itself saves all that was found with it */
    unsigned int threshold; /* so many new containers before a collection */
};

struct lr_shadow_edge {
    uint8_t to;
    bool weak;
    const char *via; /* as a path names it; "" for a local, an item .. that has no name here */
};

/* An object of the program, with what only it holds together: an exception with its tracebacks and
 * frames is one. */
struct lr_shadow_node {
    bool alive;
    bool is_session;
    bool is_open; /* takes attributes */
    bool is_leak; /* nobody can name it */
    bool is_generator;
    bool revives;   /* its __del__ makes it a global again */
    bool saved;     /* .. and has */
    bool finalized; /* __del__ runs once */
    bool tells;     /* a weak reference with a callback */
    bool in_set;    /* of those that are collected */
    bool reached;
    bool doomed;
    bool going; /* on its way out */
    uint8_t generation;
    uint8_t made;
    uint8_t referent; /* of a weak reference */
    uint8_t closes;   /* the session of the `with` in which a generator waits */
    uint8_t held;     /* references for the time of a call */
    struct lr_shadow_edge edges[LR_SHADOW_EDGES_MAX];
    uint8_t edge_count;
};

enum lr_shadow_happening {
    LR_SHADOW_GOES,      /* a session's object: its __del__ runs */
    LR_SHADOW_CLOSES,    /* the end of a `with` closes a session */
    LR_SHADOW_TOLD,      /* a weak reference's callback */
    LR_SHADOW_FINALIZED, /* a finalizer's */
    LR_SHADOW_EXITED     /* a handler of atexit */
};

struct lr_shadow_event {
    uint8_t what;
    uint8_t number; /* of the node, of the finalizer or handler */
    uint8_t group;  /* within a group the order is anybody's guess: that of the collector's lists */
    bool maybe;     /* it depends on that order */
};

/* weakref.finalize, atexit.register */
struct lr_shadow_record {
    bool waits;
    uint8_t made; /* as the how manieth of all these and of objects */
    uint8_t target;
    uint8_t argument;
};

struct lr_shadow {
    const struct lr_shadow_facts *facts;
    bool windows; /* getaddrinfo answers a kind that the enum does not know */
    bool gc_off;
    bool ended;    /* the interpreter has exited */
    bool sweeping; /* finalizers and the clearing of garbage are under way */
    uint8_t node_count;
    uint8_t made; /* objects and finalizers */
    uint8_t vars[LR_PLAN_VARS];
    uint8_t last; /* sys.last_value and its like */
    uint8_t final_count, exit_count;
    uint8_t final_handler; /* handlers that were registered before that of finalizers; NONE */
    uint8_t group;
    uint8_t event_count;
    uint32_t low, high;     /* containers made since the last collection: between these */
    unsigned int counts[3]; /* collections of the generation below, since one of its own */
    struct lr_shadow_node nodes[LR_SHADOW_NODES_MAX];
    struct lr_shadow_record finals[LR_SHADOW_RECORDS_MAX];
    struct lr_shadow_record exits[LR_SHADOW_RECORDS_MAX];
    struct lr_shadow_event events[LR_SHADOW_EVENTS_MAX]; /* of the last step */
};

/* What a runtime of a plan's actor is, 1 to LR_PLAN_RUNTIMES. */
const struct lr_shadow_facts *lr_shadow_facts(unsigned int runtime);
void lr_shadow_init(struct lr_shadow *shadow, unsigned int runtime);

/* The program has got a session, which the variable |var| is bound to. Returns its node. */
uint8_t lr_shadow_session(struct lr_shadow *shadow, unsigned int var);
/* Carries a step out. False: it does nothing, as what it speaks of is not there. */
bool lr_shadow_step(struct lr_shadow *shadow, const struct lr_plan_step *step);
/* How many containers ALLOCATE makes; 0: none, as what came of it would be anybody's guess. */
uint32_t lr_shadow_amount(const struct lr_shadow *shadow, unsigned int row);

/* The generation that has to be collected for |node| to go; -1: something reaches it. */
int lr_shadow_generation(struct lr_shadow *shadow, unsigned int node);
/* How the only one that holds |node| refers to it; NULL: several do, or none that has a name. */
const char *lr_shadow_holder(const struct lr_shadow *shadow, unsigned int node);
/* True where |via| is how one of those that hold |node| refers to it. */
bool lr_shadow_is_held_by(struct lr_shadow *shadow, unsigned int node, const char *via);

/* ---- between shadow.c and shadow_rules.c ---- */

void lr_shadow_tell(struct lr_shadow *shadow, unsigned int what, uint8_t number);
/* A new object, which nothing refers to yet. */
struct lr_shadow_node *lr_shadow_make(struct lr_shadow *shadow, uint8_t *number);
void lr_shadow_refer(struct lr_shadow *shadow, uint8_t from, const char *via, uint8_t to);
/* A reference to |node| was taken away: where it was the last, it goes. */
void lr_shadow_dropped(struct lr_shadow *shadow, uint8_t node);
/* |*place| refers to |to| from here on. */
void lr_shadow_replace(struct lr_shadow *shadow, uint8_t *place, uint8_t to);
/* Marks what |node| reaches. */
void lr_shadow_mark_from(struct lr_shadow *shadow, uint8_t node);
void lr_shadow_collect(struct lr_shadow *shadow, unsigned int generation);
void lr_shadow_exit(struct lr_shadow *shadow);

#endif
