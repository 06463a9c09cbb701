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

#include "ledger/ledger.h"

enum lr_fault_kind {
    LR_FAULT_FIN, /* the link ends with FIN towards both ends, as if each other end had closed */
    LR_FAULT_RST, /* with RST towards both ends */
    LR_FAULT_HALF_CLOSE, /* FIN in the fault's direction only; with LR_SIDE_BOTH, to the service */
    LR_FAULT_BLACK_HOLE  /* from here on nothing passes, either way, and nobody is told */
};

/* Which directions' bytes count for |after_bytes|. */
enum lr_fault_side { LR_SIDE_TO_SERVICE, LR_SIDE_FROM_SERVICE, LR_SIDE_BOTH };

enum { LR_FAULT_SERVICE_MAX = 64 };

/* One fault, with its receipt. Owned by who armed it; it must live until the link is closed or the
 * fault is disarmed. Zeroed before its first use. */
struct lr_fault {
    enum lr_fault_kind kind;
    enum lr_fault_side side;
    uint64_t
        after_bytes; /* fires when this many bytes of |side| have passed, counted from the link's
                        beginning; 0: at once when armed on a live link, at its opening otherwise */
    /* the receipt */
    bool armed; /* it was put on a link; stays true when that link has gone */
    unsigned int fired;
    lr_time fired_at;
    uint64_t fired_at_byte; /* of |side| */
    uint32_t fired_link;
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
enum lr_link_action { LR_LINK_PASS, LR_LINK_DROP, LR_LINK_FIN, LR_LINK_RST, LR_LINK_HALF_CLOSE };

/* How many bytes in |direction| pass before the next fault fires; at least 1, SIZE_MAX without
 * faults. */
size_t lr_link_room(const struct lr_link *link, enum lr_direction direction);
/* What happens to |size| > 0 bytes in |direction|: the first |*pass| go on (they are told to the
 * ledger), then |action| is done; what remains is dropped. LR_LINK_PASS: all of them. */
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
/* Takes it off its link, or from what waits for a link. Its receipt stays. */
void lr_fault_disarm(struct lr_fault *fault);

#endif
