/* SPDX-License-Identifier: Apache-2.0 */
/* Why a session is still held: the path of references from a root to it, every hop named; which
 * hops are suspect; what would release it; and a fingerprint of the suspect part, by which the same
 * leak is known again in another run. Whoever knows the holders (a model of a language runtime)
 * fills in the hops; what follows from them is concluded here. */
#ifndef LR_LEDGER_RETENTION_H
#define LR_LEDGER_RETENTION_H

#include "base/alloc.h"
#include "ledger/ledger.h"

enum {
    LR_HOP_NAME_MAX = 96,
    LR_HOP_VIA_MAX = 48,
    LR_RETENTION_HOPS_MAX = 40, /* of a longer path, the middle is left out and counted */
    LR_RETENTION_WAYS_MAX = 4,
    LR_RETENTION_TEXT_MAX = 8192, /* enough for the whole text of most; longer ones are cut */
};

/* What is known of an object on the path. */
enum lr_hop_state {
    LR_HOP_IN_USE,  /* it is there by right: a module, a running frame, a thread's stack */
    LR_HOP_UNKNOWN, /* it may be: a container, a closure */
    LR_HOP_OVER,    /* its time has passed: a finished frame, a handled exception, garbage */
};

struct lr_hop {
    char via[LR_HOP_VIA_MAX];   /* how the hop before refers to it: "f_back", "local r"; "" for the
                                   first */
    char name[LR_HOP_NAME_MAX]; /* "frame check_remote", "traceback", "session" */
    enum lr_hop_state state;
    bool in_cycle; /* it is part of what holds itself */
    bool suspect;  /* by lr_retention_suspect, or lr_retention_conclude */
};

struct lr_retention {
    uint32_t session;           /* its account's number; 0: not seen on the wire */
    lr_time at;                 /* when it was looked at, since the case began */
    bool expected;              /* the scenario asked for this holder */
    char root[LR_HOP_NAME_MAX]; /* "module __main__", "uncollected cycle, generation 0" */
    struct lr_hop hops[LR_RETENTION_HOPS_MAX]; /* from the root on; the last one is the session */
    size_t hop_count;
    size_t hops_left_out;                              /* of the middle .. */
    size_t gap_at;                                     /* .. before the hop of this index, from 0 */
    char ways[LR_RETENTION_WAYS_MAX][LR_HOP_NAME_MAX]; /* what would release it: "gc.collect(0)" */
    size_t way_count;
    char advice[LR_HOP_NAME_MAX];
    uint64_t fingerprint;      /* of the suspect part, without addresses and numbers */
    struct lr_retention *next; /* in a result's list */
};

void lr_retention_init(struct lr_retention *retention, uint32_t session, lr_time at);
void lr_retention_set_root(struct lr_retention *retention, const char *format, ...) LR_PRINTF(2, 3);
/* Appends a hop; texts are copied, and cut where they are too long. */
void lr_retention_add(struct lr_retention *retention, const char *via, const char *name,
                      enum lr_hop_state state, bool in_cycle);
/* So many hops are missing behind what was added last. */
void lr_retention_leave_out(struct lr_retention *retention, size_t count);
/* The hop added last is suspect: whoever made the path knows better than the rule below. */
void lr_retention_suspect(struct lr_retention *retention);
/* Appends a way in which it would be released; more than LR_RETENTION_WAYS_MAX are passed over. */
void lr_retention_way(struct lr_retention *retention, const char *format, ...) LR_PRINTF(2, 3);
/* What the wire adds: the server's timeout, if it has one that has not passed. */
void lr_retention_way_of_server(struct lr_retention *retention, const struct lr_account *account,
                                lr_time now);
/* Marks the suspect hops where none is yet, computes the fingerprint, and gives the advice where
 * there is none. Suspect is the cycle where there is one; else what lies behind the last hop that
 * is in use, up to the first one whose time has passed: the reference that should have been cut is
 * among them. */
void lr_retention_conclude(struct lr_retention *retention);

/* True where each of |words| is met on the path, in this order: a root, a hop's name or the way it
 * is referred to, or whole names of them ("check_remote" and "frame check_remote", not "frame
 * check"). Otherwise the first that is not is told in |*missing|. */
bool lr_retention_matches(const struct lr_retention *retention, const char *const *words,
                          size_t count, const char **missing);

/* In one line: "uncollected cycle, generation 0: traceback -> frame __new__ -> .. -> local r".
 * Returns |out|. */
const char *lr_retention_line(char *out, size_t size, const struct lr_retention *retention);
/* The root and the suspect hops alone, in one line. Returns |out|. */
const char *lr_retention_suspects(char *out, size_t size, const struct lr_retention *retention);
/* In several, a hop a line with "~" before the suspect ones; lines end in "\n". Returns |out|. */
const char *lr_retention_text(char *out, size_t size, const struct lr_retention *retention);
/* "91ab4c5d6e7f8091": sixteen digits; |out| has room for 17 bytes. Returns |out|. */
const char *lr_retention_fingerprint(char *out, const struct lr_retention *retention);

#endif
