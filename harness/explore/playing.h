/* SPDX-License-Identifier: Apache-2.0 */
/* A plan that is being played: who sits where, what each actor is at, what has met them. Between
 * the files that play it. */
#ifndef LR_EXPLORE_PLAYING_H
#define LR_EXPLORE_PLAYING_H

#include "base/scarce.h"
#include "explore/liar.h"
#include "explore/peer_law.h"
#include "explore/run.h"
#include "scenario/stage.h"

/* Sessions that are remembered with the moment from which they should be over; a run has some
 * hundred at most. */
enum { LR_PLAYING_SESSIONS_MAX = 1024 };

/* What an actor's session is to it. */
struct lr_slot {
    struct lr_session *session;
    unsigned int references; /* that the actor holds, of these */
    uint32_t account;        /* in the ledger; 0: not known */
    uint8_t server;          /* its host: LR_HOST_SERVERS .. */
    bool has_timeout;
    bool busy;               /* a call was begun, and nobody waits for it: answers come behind it */
    uint64_t function;       /* kept; 0: none */
    uint64_t dropped;        /* one that was let go of; 0: none was */
    unsigned int evaluators; /* of calls that last, which nobody lets go of */
    bool has_array;
    bool written;
    uint32_t array_size;
    struct lr_tensor tensor;
    bool uploaded;
    uint32_t file_size;
};

/* The newest handle of a server's, and the newest one that another session had before. */
struct lr_stray {
    uint64_t handle, handle_before;
    uint32_t account, account_before;
};

/* A raw peer's newest link, and what the service has to do there. */
struct lr_said {
    struct lr_law law;
    uint8_t then;    /* enum lr_line_then, of the last line: by |then_due| */
    uint8_t awaited; /* likewise, of which the peer waits before it goes on */
    uint32_t number; /* in the ledger; 0: the service has not taken it yet */
    uint16_t port;   /* of the service; it may come again at another one */
    size_t link;     /* of the peer */
    uint64_t heard;  /* bytes that had come when it was said, to the ledger .. */
    size_t got;      /* .. and to the peer */
    uint8_t answer;  /* enum lr_line_said, of the last line */
    bool finished;   /* it has said FIN, and nothing was wrong before */
    uint8_t step;    /* at which the peer has said something last, or opened it, .. */
    lr_time at;      /* .. and when */
    lr_time then_due;
    lr_time due; /* by then the link is ended, as something takes too long; LR_TIME_NEVER */
};

struct lr_owner;

enum lr_act_state { LR_ACT_READY, LR_ACT_WAITING, LR_ACT_PASSING, LR_ACT_OVER };

struct lr_act {
    struct lr_party *party;
    struct lr_owner *owner; /* that holds its sessions; NULL: none */
    uint8_t number;         /* in the plan */
    uint8_t step;
    uint8_t phase; /* of the step, where it is made of several operations */
    enum lr_act_state state;
    bool heard; /* its host was handed something since */
    lr_op op;
    struct lr_slot *at;    /* whom the operation is of */
    lr_time began;         /* the operation */
    lr_time until;         /* passing: until then; waiting: then it has not ended when it should */
    uint64_t handle;       /* between phases: a function .. */
    uint64_t array_handle; /* .. and an array */
    struct lr_slot slots[LR_PLAN_SLOTS];
    struct lr_liar *liar; /* of play's; NULL: it is none */
    struct lr_said said;  /* peers; so is the rest */
    size_t asking;        /* the link at which it waits for a grant */
    char matchkey[LR_SESSION_TEXT_MAX];
    uint8_t granted; /* host; 0: none */
    lr_time granted_at;
};

/* Whoever sits at a host: a party, and its later ones where it was killed. */
struct lr_seat {
    struct lr_party *party;      /* NULL: nobody */
    char name[LR_PLAN_NAME_MAX]; /* of the first one */
    bool lost;
    lr_time lost_at;
    struct lr_stray stray; /* servers */
    size_t base_blocks;    /* of memory when all had come up, and nobody had anything to do */
};

enum { LR_PLAYING_HOSTS = LR_HOST_ACTORS + LR_PLAN_ACTORS_MAX };

struct lr_fault_state {
    struct lr_fault link; /* armed in the world; so is |host| */
    struct lr_host_fault host;
    struct lr_scarce_alloc scarce; /* NO_MEMORY: what its host is given */
    bool done;                     /* carried out; of a link: armed */
    bool fired;
    bool undone;
    lr_time at;      /* when it is due; LR_TIME_NEVER: not known yet */
    lr_time undo_at; /* LR_TIME_NEVER: not by itself */
};

/* Why a session should end, as the plan knows. */
struct lr_cause_note {
    enum lr_cause cause; /* its client's own doing */
    lr_time at;
    lr_time silent_at; /* nothing more was heard of it from here on; 0: it was */
    bool disturbed;    /* a fault has met its link, */
    bool spoilt;       /* .. and has changed what passes there */
};

struct lr_playing {
    const struct lr_plan *plan;
    struct lr_plan_patience patience;
    struct lr_alloc *alloc;
    struct lr_explored *out;
    struct lr_reach *reach;
    struct lr_stage *stage;
    struct lr_world *world;
    struct lr_sim *sim;
    struct lr_ledger *ledger;
    struct lr_case_result result;
    struct lr_error error; /* what hindered the playing */
    lr_time began;
    uint64_t slack_ns;  /* what the links add to a budget, one way and for what is under way */
    uint32_t disturbed; /* a bit for each host that a fault has met */
    uint32_t starved;   /* of those: hosts that lacked memory, and nothing else */
    uint32_t stopped;   /* of those: actors that have ended by themselves, and nothing else */
    uint32_t cut_off;   /* likewise, for a fault on its link to the tracker */
    uint8_t misled[LR_HOST_ACTORS]; /* servers: how often what a tracker told was changed */
    bool quiet;                     /* nothing has met anybody */
    struct lr_party *odd;           /* a server with an odd key; NULL: none, or it was refused */
    struct lr_seat seats[LR_PLAYING_HOSTS];
    struct lr_act acts[LR_PLAN_ACTORS_MAX];
    struct lr_liar liars[LR_PLAN_LIARS_MAX];
    unsigned int liar_count;
    struct lr_fault_state faults[LR_PLAN_FAULTS_MAX];
    unsigned int fault_count;           /* that were put on somebody */
    lr_time back_due[LR_PLAYING_HOSTS]; /* a server whose tracker has ended its link is back there
                                           by then; 0: nobody waits */
    struct lr_host_fault parted[LR_PLAYING_HOSTS];
    bool is_parted;
    lr_time faults_end;  /* the last one fired, or was undone, then */
    lr_time silence_end; /* by then who was not heard of is given up */
    struct lr_cause_note notes[LR_PLAYING_SESSIONS_MAX];
};

static inline lr_time lr_playing_now(const struct lr_playing *play) {
    return lr_world_now(play->world);
}

/* What everybody carries out after a call of a role's function. */
static inline void lr_playing_drain(const struct lr_party *party) {
    if (party->host != NULL) {
        lr_world_drain(party->host);
    }
}

/* ---- run.c ---- */
/* A finding of the exploration's own. */
void lr_playing_find(struct lr_playing *play, enum lr_finding_kind kind, const char *format, ...)
    LR_PRINTF(3, 4);
/* Likewise, of something that a scenario can ask for. */
void lr_playing_miss(struct lr_playing *play, const struct lr_want *want, enum lr_finding_kind kind,
                     const char *format, ...) LR_PRINTF(4, 5);
/* One turn: what is ready acts, then the world turns until |until| at most. False: it cannot go on
 * (play->error). */
bool lr_playing_turn(struct lr_playing *play, lr_time until);
/* The host of |name|; LR_PLAYING_HOSTS: nobody of the plan. */
unsigned int lr_playing_host_of(const struct lr_playing *play, const char *name);

/* ---- cast.c ---- */
/* Tracker, servers and actors come, each when the one before is ready. */
LR_NODISCARD enum lr_status lr_cast_all(struct lr_playing *play);
/* The service |host| comes once more. */
LR_NODISCARD enum lr_status lr_cast_again(struct lr_playing *play, unsigned int host);
/* One more client. */
LR_NODISCARD enum lr_status lr_cast_client(struct lr_playing *play, const char *name,
                                           struct lr_party **out);
bool lr_cast_is_direct(const struct lr_playing *play, unsigned int host);
void lr_cast_name(const struct lr_plan *plan, unsigned int host, char out[LR_PLAN_NAME_MAX]);

/* ---- client.c, peer.c: what an actor does until it has to wait ---- */
void lr_act_client(struct lr_playing *play, struct lr_act *act);
void lr_act_peer(struct lr_playing *play, struct lr_act *act);
/* Finds out which link of the ledger's is that of |act|'s peer, where it is there. */
void lr_act_peer_number(const struct lr_playing *play, struct lr_act *act);
void lr_act_let_go(struct lr_playing *play, struct lr_act *act);

/* ---- liar.c: a service that lies ---- */
void lr_act_liar(struct lr_playing *play, struct lr_act *act);
/* Something is still to come of what it has said. */
bool lr_act_liar_waits(const struct lr_act *act);
void lr_act_liar_end(struct lr_act *act);
/* |host| is one that lies: what it answers is not judged. */
static inline bool lr_playing_lies(const struct lr_playing *play, unsigned int host) {
    return host >= LR_HOST_ACTORS && host < LR_PLAYING_HOSTS &&
           play->acts[host - LR_HOST_ACTORS].liar != NULL;
}

/* ---- meet.c: faults ---- */
void lr_meet_begin(struct lr_playing *play);
/* Some are still to come by themselves. */
bool lr_meet_waits(const struct lr_playing *play);
/* A step begins, or has |begun|: what waits for it. */
void lr_meet_step(struct lr_playing *play, const struct lr_act *act, unsigned int step, bool begun);
/* What is due is done; returns when the next is due. */
lr_time lr_meet_due(struct lr_playing *play);
/* Faults stop: what was lost is found, who was killed comes again. */
LR_NODISCARD enum lr_status lr_meet_undo(struct lr_playing *play);
/* Something has met somebody; |silent|: who is not heard of is to be given up yet. */
void lr_meet_noted(struct lr_playing *play, bool silent);
/* Chance of the next fault's own. */
struct lr_prng lr_meet_random(struct lr_playing *play);

/* ---- meet_host.c ---- */
enum {
    LR_MEET_SCARCE_OF = 30, /* NO_MEMORY: one allocation in so many fails */
    LR_MEET_SHORT_BYTES = 3 /* SHORT_READS and _WRITES: so many at a time, one time in two */
};
/* The fault |number|, of a host or service, comes. False: whom it is of has gone. */
bool lr_meet_host(struct lr_playing *play, unsigned int number);
void lr_meet_host_undo(struct lr_playing *play, unsigned int number);

/* ---- judge.c ---- */
/* The session |account| has a cause to end from now on; the first one counts. */
void lr_judge_note(struct lr_playing *play, uint32_t account, enum lr_cause cause);
/* What is remembered of it; NULL: beyond LR_PLAYING_SESSIONS_MAX, or none. */
struct lr_cause_note *lr_judge_note_of(struct lr_playing *play, uint32_t account);
/* Compares every session's end with its cause's budget. */
void lr_judge_sessions(struct lr_playing *play);

/* ---- rest.c ---- */
/* When nothing is under way: what servers hold for clients is what these have not let go of. */
void lr_rest_look(struct lr_playing *play);

/* ---- recover.c ---- */
/* The phase in which everything has to become as if nothing had happened. */
LR_NODISCARD enum lr_status lr_recover(struct lr_playing *play);

#endif
