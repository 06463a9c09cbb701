/* SPDX-License-Identifier: Apache-2.0 */
/* The one table of faults: what each is called in scripts, what it is put on, where it exists, what
 * it does and whether it can be undone. Scripts, their errors and docs/scenarios.md follow it. */
#ifndef LR_WORLD_FAULT_H
#define LR_WORLD_FAULT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

enum lr_fault_kind {
    /* of links: they end */
    LR_FAULT_FIN,        /* with FIN towards both ends, as if each other end had closed */
    LR_FAULT_RST,        /* with RST towards both ends */
    LR_FAULT_HALF_CLOSE, /* FIN in the fault's direction only; with LR_SIDE_BOTH, to the service */
    LR_FAULT_BLACK_HOLE, /* from here on nothing passes, either way, and nobody is told */
    /* of links: what arrives is not what was sent */
    LR_FAULT_CORRUPT_BIT,
    LR_FAULT_CORRUPT_BYTE,
    LR_FAULT_CORRUPT_LENGTH, /* four or eight bytes that are, or stand where, a length is */
    LR_FAULT_TRUNCATE,       /* some bytes never arrive; what follows them does */
    LR_FAULT_GARBAGE,        /* bytes arrive that nobody sent */
    /* of links: it arrives otherwise, until the fault is undone */
    LR_FAULT_STALL,     /* nothing passes; what waits is kept */
    LR_FAULT_SPLIT,     /* byte by byte */
    LR_FAULT_COALESCE,  /* together with what is sent within some time */
    LR_FAULT_SLOW,      /* one byte, then nothing for some time, then one more */
    LR_FAULT_BANDWIDTH, /* so many bytes a second */
    LR_FAULT_LATENCY,   /* so much later */
    LR_FAULT_JITTER,    /* up to so much later, by chance; order is kept */
    /* of services: at their door */
    LR_FAULT_REFUSE,       /* connections are refused */
    LR_FAULT_FULL_BACKLOG, /* they are neither accepted nor refused */
    LR_FAULT_STORM,        /* all that are open are reset at once, so that all come back at once */
    /* of hosts */
    LR_FAULT_KILL,
    LR_FAULT_RESTART,
    LR_FAULT_FREEZE,
    LR_FAULT_LOSE,           /* off the net */
    LR_FAULT_POWER_OFF,      /* dead, and nobody was told */
    LR_FAULT_PARTITION,      /* cut off from some others */
    LR_FAULT_CLOCK_JUMP,     /* of the wall clock */
    LR_FAULT_NO_DESCRIPTORS, /* no socket more than there are */
    LR_FAULT_NO_MEMORY,      /* allocations fail */
    LR_FAULT_SHORT_READS,
    LR_FAULT_SHORT_WRITES,
    LR_FAULT_INTERRUPTS, /* EINTR: a call does nothing and is made again */
    LR_FAULT_KINDS
};

enum lr_fault_subject { LR_FAULT_OF_LINK, LR_FAULT_OF_SERVICE, LR_FAULT_OF_HOST };

/* Where a fault of links exists in the live world. In the simulated one all do. */
enum lr_fault_live {
    LR_FAULT_LIVE_NOT,     /* it does not: |not_live| says why */
    LR_FAULT_LIVE_HOSTS,   /* where each party is a host of its own (w:hosts()) */
    LR_FAULT_LIVE_RELAYED, /* on links that pass a relay of ours: foreign services, and ours that
                              were asked for with relay = true */
    LR_FAULT_LIVE
};

struct lr_fault_row {
    const char *name; /* in scripts */
    const char *told; /* in the timeline and in receipts */
    enum lr_fault_subject subject;
    enum lr_fault_live live;
    bool undoable;
    const char *does;     /* a line of the documentation */
    const char *takes;    /* options of its own, as documented; NULL: none */
    const char *not_live; /* a sentence, where it is not live; else NULL */
};

const struct lr_fault_row *lr_fault_row(enum lr_fault_kind kind);
/* The kind called |name|. False: none is. */
bool lr_fault_kind_of(struct lr_text name, enum lr_fault_kind *kind);

static inline bool lr_fault_ends_link(enum lr_fault_kind kind) {
    return kind <= LR_FAULT_BLACK_HOLE;
}
/* It changes bytes. */
static inline bool lr_fault_spoils(enum lr_fault_kind kind) {
    return kind >= LR_FAULT_CORRUPT_BIT && kind <= LR_FAULT_GARBAGE;
}
/* It changes how bytes arrive, and lasts. */
static inline bool lr_fault_shapes(enum lr_fault_kind kind) {
    return kind >= LR_FAULT_STALL && kind <= LR_FAULT_JITTER;
}

/* It is of both directions, whichever's bytes are counted. */
static inline bool lr_fault_shapes_both(enum lr_fault_kind kind) {
    return kind == LR_FAULT_SPLIT || (kind >= LR_FAULT_BANDWIDTH && kind <= LR_FAULT_JITTER);
}

#endif
