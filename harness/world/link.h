/* SPDX-License-Identifier: Apache-2.0 */
/* A link between two roles as a thing that can be watched and broken: it passes the bytes of both
 * directions to the ledger and says what a fault does to them. It owns no socket: a world (or the
 * relay) asks it about every run of bytes and then acts.
 *
 * The ledger stands at the service's end: what it is told of TO_SERVICE is what the service gets (a
 * FIN of a fault as well), what it is told of FROM_SERVICE is what the service itself does, even
 * where a fault keeps it from the client. So a release is a release of the service and never the
 * work of a fault. */
#ifndef LR_WORLD_LINK_H
#define LR_WORLD_LINK_H

#include "base/prng.h"
#include "ledger/ledger.h"
#include "world/fault.h"
#include "world/point.h"

/* Which directions' bytes count for |after_bytes|. */
enum lr_fault_side { LR_SIDE_TO_SERVICE, LR_SIDE_FROM_SERVICE, LR_SIDE_BOTH };

/* Where on a link a fault fires. */
enum lr_fault_where {
    LR_AT_BYTE, /* |after_bytes| */
    LR_BEFORE,  /* a message of the kind |point| */
    LR_INSIDE,  /* when |inside| bytes of it have passed */
    LR_AFTER
};

enum { LR_FAULT_SERVICE_MAX = 64 };

/* One fault, with its receipt: plain data. Owned by who armed it; it must live until the link is
 * closed or the fault is disarmed. Zeroed before its first use. */
struct lr_fault {
    enum lr_fault_kind kind; /* of links */
    enum lr_fault_side side; /* named points, and what changes bytes, are of one direction: both is
                                to the service */
    uint64_t
        after_bytes; /* fires when this many bytes of |side| have passed, counted from the link's
                        beginning; 0: at once when armed on a live link, at its opening otherwise */
    enum lr_fault_where where;
    lr_point point;
    unsigned int nth; /* the how manyeth such message from when it was armed; 0: the first */
    uint64_t inside;  /* 0: half of it */
    unsigned int chance_of[2]; /* fires {n, m}: n times in m, drawn for each such message, or for
                                  each byte from its place on; {0, 0}: always */
    struct lr_prng random;     /* where chance is needed; its own (lr_prng_fork) */
    uint64_t amount; /* bytes of TRUNCATE and GARBAGE, a second of BANDWIDTH; ns of LATENCY, JITTER,
                        and between two of SLOW and COALESCE */
    bool has_value;  /* |value| is the bit, byte or length that corrupts; else chance's */
    uint64_t value;
    unsigned int times; /* how often bytes are changed, at each such message; 0, 1: once */
    /* the receipt */
    bool armed; /* it was put on a link; stays true when that link has gone */
    unsigned int fired;
    lr_time fired_at;
    uint64_t fired_at_byte; /* of |side| */
    uint32_t fired_link;
    /* the link's */
    struct lr_link *link;
    struct lr_scan scan;
    bool placed;   /* |after_bytes| is where the point is */
    bool active;   /* it has fired and lasts */
    uint64_t left; /* bytes to be changed yet */
    /* the world's, while it shapes the link */
    bool applied;
    uint64_t replaced; /* what the link was like before */
    lr_time due_at[2]; /* when the next bytes may pass, by direction; 0: none wait */
    /* the world's */
    char service[LR_FAULT_SERVICE_MAX]; /* waits for the next link towards this service */
    struct lr_list node;
};

struct lr_link {
    struct lr_ledger *ledger; /* NULL: nobody watches */
    uint32_t number;          /* in the ledger */
    enum lr_plane plane;
    uint64_t passed[2]; /* bytes, by direction */
    bool black_hole;
    bool ended;            /* by a reset or closed: nothing more is told of it */
    bool cut[2];           /* by a fault: nothing more passes in this direction */
    bool fin_told[2];      /* the ledger knows that this direction has ended */
    struct lr_list faults; /* armed on this link */
    struct lr_list node;   /* the world's list of links */
    void *owner;           /* the world's */
};

/* Both are in no list yet. */
void lr_link_open(struct lr_link *link, struct lr_ledger *ledger, lr_time at, enum lr_plane plane,
                  const struct lr_endpoint *client, const struct lr_endpoint *service);

/* FIN and HALF_CLOSE: the directions that have ended are those of |cut|. */
enum lr_link_action {
    LR_LINK_PASS,
    LR_LINK_DROP,
    LR_LINK_FIN,
    LR_LINK_RST,
    LR_LINK_HALF_CLOSE,
    LR_LINK_SHAPE, /* how bytes pass has changed: lr_link_shaped_by says how they do now */
    LR_LINK_SPOIL  /* lr_link_due has bytes of its own, that need no others to come first */
};

/* Without faults none of what follows until lr_link_bytes need be asked. */
static inline bool lr_link_has_faults(const struct lr_link *link) {
    return !lr_list_empty(&link->faults);
}
/* Before |size| bytes in |direction| go on: looks where the named points in them are, and fires
 * what is due before the first of them. LR_LINK_PASS: nothing. */
enum lr_link_action lr_link_begin(struct lr_link *link, lr_time at, enum lr_direction direction,
                                  const uint8_t *bytes, size_t size);
/* How many bytes in |direction| pass before the next fault fires; at least 1, SIZE_MAX without
 * faults. */
size_t lr_link_room(const struct lr_link *link, enum lr_direction direction);
/* The fault that changes the next of |size| bytes in |direction|, or, also where there are none,
 * brings bytes of its own. NULL: none. */
struct lr_fault *lr_link_due(const struct lr_link *link, enum lr_direction direction, size_t size);
/* What |fault|, which is due, makes of |bytes|: |*made| bytes, at most |room| > 0, in |out|.
 * Returns how many of |bytes| they take the place of. Call until none is due. The ledger is told.
 */
size_t lr_link_spoil(struct lr_link *link, lr_time at, enum lr_direction direction,
                     struct lr_fault *fault, const uint8_t *bytes, size_t size, uint8_t *out,
                     size_t room, size_t *made);
/* What happens to |size| > 0 bytes in |direction|: the first |*pass| go on (they are told to the
 * ledger), then |action| is done. LR_LINK_PASS: where |*pass| is less than all, a fault that spoils
 * the next ones is due. After what ends the link the rest is dropped. */
enum lr_link_action lr_link_bytes(struct lr_link *link, lr_time at, enum lr_direction direction,
                                  const uint8_t *bytes, size_t size, size_t *pass);
/* FIN or RST of an end; false: the link swallows it (black hole, or a fault has ended it before).
 */
bool lr_link_fin(struct lr_link *link, lr_time at, enum lr_direction direction);
bool lr_link_reset(struct lr_link *link, lr_time at, enum lr_direction direction);
/* The world has let go of the link. Disarms what has not fired. |reason|: a literal or NULL. */
void lr_link_closed(struct lr_link *link, lr_time at, const char *reason);

/* Arms |fault| on a link. LR_LINK_PASS: it will fire later; otherwise do the action now. */
enum lr_link_action lr_link_arm(struct lr_link *link, lr_time at, struct lr_fault *fault);
/* Takes it off its link, or from what waits for a link. Its receipt stays; what it does to a link
 * that it has shaped goes on: undo it. */
void lr_fault_disarm(struct lr_fault *fault);
/* Takes back what lasts, where it can be taken back, and disarms it. LR_LINK_SHAPE: do that to
 * |link|, which it was on. */
enum lr_link_action lr_link_undo(lr_time at, struct lr_fault *fault, struct lr_link **link);

/* ---- for worlds: the shape of a direction ---- */

/* How many bytes in |direction| pass before the next fault that shapes it: what is behind them must
 * not be taken yet. SIZE_MAX: no such fault. */
size_t lr_link_stop(const struct lr_link *link, enum lr_direction direction);

static inline bool lr_fault_side_has(enum lr_fault_side side, enum lr_direction direction) {
    return side == LR_SIDE_BOTH || (side == LR_SIDE_TO_SERVICE) == (direction == LR_TO_SERVICE);
}
/* The newest fault of |kind| that shapes |direction| now, or NULL. */
struct lr_fault *lr_link_shaped_by(const struct lr_link *link, enum lr_fault_kind kind,
                                   enum lr_direction direction);

#endif
