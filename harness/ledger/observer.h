/* SPDX-License-Identifier: Apache-2.0 */
/* A passive decoder of one link: control or data plane, either dialect, however the bytes are cut.
 * It tells what crossed the link and judges nothing. Bodies beyond LR_OBSERVER_KEEP are followed,
 * not kept.
 *
 * A message that cannot be decoded is told (LR_SEEN_BROKEN) and the next one is tried, as the
 * lengths around it still hold; where they do not, the direction is lost: its bytes are counted by
 * the caller and decoded no more. Out of memory: the direction is lost, too, and |health| says why.
 */
#ifndef LR_LEDGER_OBSERVER_H
#define LR_LEDGER_OBSERVER_H

#include "base/time.h"
#include "ledger/ledger.h"
#include "rpc/framer.h"
#include "rpc/handshake.h"
#include "rpc/packet.h"
#include "rpc/tracker_msg.h"

enum {
    LR_OBSERVER_KEEP = 64 * 1024,           /* of a packet: more than any front that is looked at */
    LR_OBSERVER_KEEP_TEXT = 8 * 1024 * 1024 /* of a tracker's message: SUMMARY of 50,000 servers */
};

enum lr_seen_kind {
    LR_SEEN_MAGIC,    /* control, either direction: the opening word was right */
    LR_SEEN_QUESTION, /* control, to the tracker: |msg| */
    LR_SEEN_ANSWER,   /* control, from the tracker: |answer| to a question |to|, asked at |asked_at|
                       */
    LR_SEEN_HELLO,    /* data, to the server: |key| */
    LR_SEEN_REPLY,    /* data, from the server: |word|, one of the three answers */
    LR_SEEN_PACKET,   /* data, either direction: |packet|, in |dialect| where |dialect_known| */
    LR_SEEN_BROKEN    /* what came is not the protocol's: |problem| */
};

/* What was seen. Every pointer is borrowed until the callback returns. */
struct lr_seen {
    enum lr_seen_kind kind;
    enum lr_direction direction;
    lr_time at;       /* of its last byte */
    lr_time begun_at; /* of its first */
    uint32_t word;
    const struct lr_client_key *key;
    const struct lr_tracker_msg *msg;
    const struct lr_tracker_answer *answer;
    enum lr_tracker_code to;
    lr_time asked_at;
    const struct lr_packet *packet;
    uint64_t size; /* of the packet's body */
    const char *problem;
};

typedef void (*lr_seen_cb)(const struct lr_seen *seen, void *context);

enum lr_observer_stage {
    LR_OBSERVER_OPENING,  /* before the first word */
    LR_OBSERVER_KEY,      /* data plane: before the length-prefixed key */
    LR_OBSERVER_MESSAGES, /* after the opening: tracker messages or packets */
    LR_OBSERVER_REFUSED, /* data plane, from the server: after an answer that ends the connection */
    LR_OBSERVER_LOST     /* after bytes that cannot be followed */
};

struct lr_observer {
    struct lr_alloc *alloc;
    enum lr_plane plane;
    struct lr_framer framers[2]; /* by direction */
    enum lr_observer_stage stages[2];
    lr_time begun_at[2];     /* of the message that |direction| is within */
    struct lr_buf questions; /* control: what waits for its answer in order, not REQUESTs */
    size_t requests;         /* control: REQUESTs without an answer */
    enum lr_dialect dialect;
    bool dialect_known;
    enum lr_status health;
    lr_seen_cb seen;
    void *context;
};

void lr_observer_init(struct lr_observer *observer, struct lr_alloc *alloc, enum lr_plane plane,
                      lr_seen_cb seen, void *context);
/* Gives its memory back; may be called twice. */
void lr_observer_deinit(struct lr_observer *observer);
void lr_observer_feed(struct lr_observer *observer, lr_time at, enum lr_direction direction,
                      const uint8_t *bytes, size_t size);
/* True where |direction| is within a message: it must not end here. */
bool lr_observer_inside(const struct lr_observer *observer, enum lr_direction direction);

#endif
