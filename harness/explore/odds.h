/* SPDX-License-Identifier: Apache-2.0 */
/* Every distribution of the exploration, in one place: how often what is drawn. docs/explore.md
 * shows the same table. */
#ifndef LR_EXPLORE_ODDS_H
#define LR_EXPLORE_ODDS_H

#include "base/prng.h"
#include "explore/plan.h"

/* What a run may be made of. Each run has a subset of these (swarm testing): a run with little in
 * it goes deeper into that than one in which everything disturbs everything. */
enum lr_feature {
    LR_FEATURE_DIRECT,   /* servers without a tracker */
    LR_FEATURE_SLOTS,    /* servers of several sessions */
    LR_FEATURE_SHARED,   /* servers that look for a free port in one range */
    LR_FEATURE_LEGACY,   /* servers of the older dialect */
    LR_FEATURE_CROWD,    /* more clients than servers can have */
    LR_FEATURE_TIMEOUTS, /* session timeouts */
    LR_FEATURE_PRIORITY, /* requests of several priorities */
    LR_FEATURE_CALLS,    /* calls of functions, right and wrong ones */
    LR_FEATURE_ARRAYS,   /* remote memory */
    LR_FEATURE_LARGE,    /* .. of over 4 MiB, now and then */
    LR_FEATURE_FILES,    /* uploads and downloads */
    LR_FEATURE_HOLDERS,  /* references and kept functions */
    LR_FEATURE_BUSY,     /* calls that last */
    LR_FEATURE_IDLE,     /* pauses long enough for timers */
    LR_FEATURE_PEERS,    /* raw peers */
    LR_FEATURE_FLOODS,   /* .. that ask for more than everybody has room for */
    LR_FEATURE_CUTS,     /* links cut, with FIN, RST or half */
    LR_FEATURE_DEATHS,   /* processes that are killed or stopped */
    LR_FEATURE_SILENCE,  /* black holes and hosts off the net */
    LR_FEATURE_SPOILT,   /* links on which other bytes arrive than were sent */
    LR_FEATURE_STALLS,   /* links and processes that stand still for a while */
    LR_FEATURE_SYSTEM,   /* short reads and writes, interrupts, jumps of the wall clock */
    LR_FEATURE_MEMORY,   /* allocations of roles that fail */
    LR_FEATURE_SLOW,     /* latency, jitter, a narrow link */
    LR_FEATURE_SEGMENTS, /* what is sent comes in pieces */
    LR_FEATURE_LIARS,    /* services that lie */
    LR_FEATURE_PROGRAMS, /* clients that are programs in CPython or C++ */
    LR_FEATURE_ODD,      /* a server with a key that is not usual */
    LR_FEATURE_COUNT
};

struct lr_feature_row {
    const char *name;
    uint32_t percent; /* of the runs that have it */
    const char *what;
};
const struct lr_feature_row *lr_feature_row(unsigned int feature);

/* One thing out of a table, each as often as its weight. */
struct lr_odds {
    uint32_t value;
    uint32_t weight; /* 0 ends a table */
    uint32_t needs;  /* a mask of features, any of which allows it; 0: always */
};
/* Draws from those that |features| allow; at least one row must be allowed. */
uint32_t lr_odds_draw(const struct lr_odds *odds, uint32_t features, struct lr_prng *random);

#define LR_HAS(feature) (UINT32_C(1) << (feature))

extern const struct lr_odds lr_odds_servers[];
extern const struct lr_odds lr_odds_clients[];
extern const struct lr_odds lr_odds_crowd[];
extern const struct lr_odds lr_odds_keys[];
extern const struct lr_odds lr_odds_slots[];
extern const struct lr_odds lr_odds_dialect[];
extern const struct lr_odds lr_odds_steps[];      /* of one actor: how many */
extern const struct lr_odds lr_odds_client_do[];  /* what a client does next */
extern const struct lr_odds lr_odds_program_do[]; /* of one that is a program */
extern const struct lr_odds lr_odds_python[];     /* its steps in CPython */
extern const struct lr_odds lr_odds_native[];     /* .. in C++ */
extern const struct lr_odds lr_odds_peer_do[];
extern const struct lr_odds lr_odds_call[];
extern const struct lr_odds lr_odds_tracker_line[];
extern const struct lr_odds lr_odds_server_line[];
extern const struct lr_odds lr_odds_said[]; /* percent of a line that is left out */
extern const struct lr_odds lr_odds_liar[]; /* as what it stands */
extern const struct lr_odds lr_odds_lies[]; /* how many it has */
extern const struct lr_odds lr_odds_asked[];
extern const struct lr_odds lr_odds_tracker_asked[];
extern const struct lr_odds lr_odds_lie[];
extern const struct lr_odds lr_odds_size[];
extern const struct lr_odds lr_odds_pause_ms[];
extern const struct lr_odds lr_odds_busy_ms[];
extern const struct lr_odds lr_odds_timeout_ms[];
extern const struct lr_odds lr_odds_limit_ms[];
extern const struct lr_odds lr_odds_tries[];
extern const struct lr_odds lr_odds_priority[];
extern const struct lr_odds lr_odds_faults[]; /* how many */
extern const struct lr_odds lr_odds_fault[];  /* which */
extern const struct lr_odds lr_odds_when[];
extern const struct lr_odds lr_odds_fault_bytes[];
enum lr_aim { LR_AIM_ANY, LR_AIM_OPEN, LR_AIM_COPY, LR_AIM_END };
extern const struct lr_odds lr_odds_aim[]; /* at which of an actor's steps */
extern const struct lr_odds lr_odds_fault_ms[];
extern const struct lr_odds lr_odds_undo_ms[];
extern const struct lr_odds lr_odds_lasts_ms[];
extern const struct lr_odds lr_odds_apart[];
extern const struct lr_odds lr_odds_allocation[];
extern const struct lr_odds lr_odds_latency_us[];
extern const struct lr_odds lr_odds_jitter_us[];
extern const struct lr_odds lr_odds_bandwidth[];
extern const struct lr_odds lr_odds_segments[];
extern const struct lr_odds lr_odds_hasty[];

#endif
