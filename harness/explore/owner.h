/* SPDX-License-Identifier: Apache-2.0 */
/* A client's program: its sessions are objects of a modelled CPython, or behind handles of C++, and
 * its steps are what programs do with such. What becomes of them is compared with what the shadow
 * says: who is there, what was called and in which order, who holds each session. */
#ifndef LR_EXPLORE_OWNER_H
#define LR_EXPLORE_OWNER_H

#include "explore/playing.h"
#include "explore/shadow.h"
#include "mocks/heap/heap.h"
#include "mocks/native/native.h"

struct lr_owner;

/* A callback of the program's own tells what it is of. */
struct lr_owner_label {
    struct lr_owner *owner;
    uint8_t what; /* enum lr_shadow_happening */
    uint8_t number;
};

struct lr_owner_thing {
    struct lr_heap_watch object;     /* Python; nobody where the program cannot name it */
    struct lr_native_object *native; /* NULL: it has gone */
    struct lr_session *session;      /* the object's reference; NULL: none, or it let go */
    uint32_t account;
    bool hidden; /* it cannot be watched */
};

struct lr_owner {
    struct lr_playing *play;
    struct lr_act *act;
    struct lr_shadow shadow;
    struct lr_heap *heap;     /* NULL: C++ */
    struct lr_native *native; /* NULL: Python */
    uint32_t amount;          /* of objects that the step makes */
    bool lost;                /* it was found wrong, and nothing is known of it from then on */
    uint8_t seen_count;
    uint8_t label_count;
    struct lr_shadow_event seen[LR_SHADOW_EVENTS_MAX]; /* in the last step */
    struct lr_owner_thing things[LR_SHADOW_NODES_MAX]; /* as the shadow numbers them */
    struct lr_owner_label labels[5 * LR_PLAN_STEPS_MAX];
};

/* Gives |act| one, as its actor's runtime says. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_owner_new(struct lr_playing *play, struct lr_act *act);
/* Frees it as a process is killed: sessions that it holds are given back, and nothing is judged.
 * NULL is fine. */
void lr_owner_free(struct lr_owner *owner);
/* |slot| has got a session: the program's name of that slot is bound to it. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_owner_take(struct lr_owner *owner, struct lr_slot *slot);
/* Carries a step out, and judges it. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_owner_do(struct lr_owner *owner, const struct lr_plan_step *step);
/* Every session that it holds has |cause| to end. */
void lr_owner_note(const struct lr_owner *owner, enum lr_cause cause);
/* What a step says in its program's words: "gc.collect(0)". Returns |out|. */
const char *lr_owner_words(char *out, size_t size, const struct lr_plan_step *step, bool native);

/* ---- between owner.c, owner_heap.c and owner_native.c ---- */

const char *lr_owner_var(unsigned int var);
/* The name under which the object |number| saves itself. Returns |out|. */
const char *lr_owner_saved(char *out, size_t size, unsigned int number);
/* A label that tells |what| of |number|; never more than there is room for. */
struct lr_owner_label *lr_owner_label(struct lr_owner *owner, unsigned int what,
                                      unsigned int number);
/* It has come to pass. */
void lr_owner_told(struct lr_owner *owner, unsigned int what, unsigned int number);
/* The object of |number| has let go of its session. */
void lr_owner_gone(struct lr_owner *owner, unsigned int number);
/* The end of a `with` closes the session of |number|. */
void lr_owner_close(struct lr_owner *owner, unsigned int number);
/* A step on the heap; |number|: the shadow's of the first new object. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_owner_heap_do(struct lr_owner *owner,
                                             const struct lr_plan_step *step, unsigned int number);
LR_NODISCARD enum lr_status lr_owner_heap_take(struct lr_owner *owner, unsigned int number,
                                               unsigned int var);
LR_NODISCARD enum lr_status
lr_owner_native_do(struct lr_owner *owner, const struct lr_plan_step *step, unsigned int number);
LR_NODISCARD enum lr_status lr_owner_native_take(struct lr_owner *owner, unsigned int number,
                                                 unsigned int var);

#endif
