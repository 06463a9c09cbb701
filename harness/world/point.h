/* SPDX-License-Identifier: Apache-2.0 */
/* Named points of the protocol on a link: which message its bytes are in, so that a fault can be
 * put before, inside or behind one. No memory of its own, and no more than the first bytes of a
 * message are looked at: whether the rest is right is the ledger's to say.
 *
 * A message is what the observer of the ledger tells as one: "magic" (control, either way), a
 * tracker's question by its name ("PUT"), its "answer" or "grant"; "hello" and "reply" (data: the
 * opening word with the key behind it), then packets by theirs ("InitServer"). */
#ifndef LR_WORLD_POINT_H
#define LR_WORLD_POINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "ledger/ledger.h"

/* A kind of message; LR_POINT_NONE where none is meant. */
typedef uint8_t lr_point;

enum {
    LR_POINT_NONE,
    LR_POINT_MAGIC,
    LR_POINT_HELLO,
    LR_POINT_REPLY,
    LR_POINT_ANSWER,
    LR_POINT_GRANT,
    LR_POINT_TRACKER = 16, /* + lr_tracker_code, of a question */
    LR_POINT_PACKET = 32,  /* + lr_packet_code */
    LR_POINT_END = 64,
    LR_POINT_OTHER = 255 /* a message that has no name here */
};

/* The point called |name|, case and all; LR_POINT_NONE: there is none. */
lr_point lr_point_of(struct lr_text name);
/* "InitServer"; NULL for what is none. */
const char *lr_point_name(lr_point point);
/* In which direction it usually goes. */
enum lr_direction lr_point_direction(lr_point point);

enum { LR_SCAN_FRONT_MAX = 16 };

/* One direction of a link, followed from its beginning, or from where the ledger says it is. */
struct lr_scan {
    enum lr_plane plane;
    enum lr_direction direction;
    bool lost;       /* its bytes cannot be followed (any more) */
    bool opened;     /* the opening has passed */
    bool named;      /* the present message's name was told */
    uint64_t offset; /* bytes that were looked at, from the link's beginning */
    uint64_t begun;  /* where the present message begins */
    uint64_t size;   /* of it, with its length; 0: not known yet */
    size_t front_size;
    uint8_t front[LR_SCAN_FRONT_MAX];
};

/* A message whose name has just become known. */
struct lr_scan_found {
    lr_point point;
    uint64_t begin; /* from the link's beginning */
    uint64_t end;   /* behind its last byte */
};

/* Begins at byte |offset| of the link, which is 0, or as the ledger says of the link |number|. */
void lr_scan_init(struct lr_scan *scan, const struct lr_ledger *ledger, uint32_t number,
                  enum lr_plane plane, enum lr_direction direction, uint64_t offset);
/* Looks at |size| bytes that stand at byte |offset|; those that were seen before are passed over.
 * True: |*found|, and there may be more: call again with the same bytes. */
bool lr_scan_next(struct lr_scan *scan, uint64_t offset, const uint8_t *bytes, size_t size,
                  struct lr_scan_found *found);

#endif
