/* SPDX-License-Identifier: Apache-2.0 */
/* Connections through a relay: live_relay.c has their life, live_pass.c what faults make of the
 * bytes that pass. */
#ifndef LR_WORLD_LIVE_RELAY_H
#define LR_WORLD_LIVE_RELAY_H

#include "world/live_socket.h"

struct lr_pair;

/* One side. Bytes that it reads go to the other. */
struct lr_relay_end {
    struct lr_socket socket; /* first */
    struct lr_pair *pair;
    bool gone; /* frozen, and its peer has ended */
    /* of live_pass.c */
    struct lr_buf waiting;  /* read, and not let onto the link yet */
    struct lr_list delayed; /* struct piece: on its way */
    size_t delayed_bytes;
    lr_time last_at;
    lr_time line_free_at;
    struct lr_timer timer;
    bool cut_waits;  /* a fault's FIN waits behind those */
    bool ended;      /* its peer's FIN does */
    bool fin_told;   /* the link knows of it .. */
    bool fin_passes; /* .. and has let it pass */
};

/* Bytes that ends[d] reads go in direction d, so ends[LR_TO_SERVICE] is the client's and
 * ends[LR_FROM_SERVICE] the service's. */
struct lr_pair {
    struct lr_live *live;
    struct lr_relay *relay; /* NULL: it has closed */
    struct lr_list node;
    struct lr_relay_end ends[2];
    unsigned int open; /* sockets that have not finished closing */
    bool connected;
    const char *end_reason;
    struct lr_watched *watched;
};

static inline enum lr_direction lr_relay_direction(const struct lr_relay_end *end) {
    return end == &end->pair->ends[LR_TO_SERVICE] ? LR_TO_SERVICE : LR_FROM_SERVICE;
}

/* ---- live_relay.c ---- */

void lr_relay_reset_both(struct lr_pair *pair, const char *reason);
void lr_relay_act(struct lr_watched *watched, enum lr_link_action action);
/* Sends |bytes| to the other side. */
void lr_relay_send(struct lr_relay_end *end, const uint8_t *bytes, size_t size);
/* The peer of |end| has ended, and all that it sent has passed. */
void lr_relay_finish(struct lr_relay_end *end);

/* ---- live_pass.c ---- */

void lr_pass_init(struct lr_relay_end *end);
void lr_pass_deinit(struct lr_relay_end *end);
/* Faults have a say, or something is held back already. */
static inline bool lr_pass_is_used(const struct lr_relay_end *end) {
    const struct lr_watched *watched = end->pair->watched;
    return (watched != NULL && lr_link_has_faults(&watched->link)) ||
           lr_buf_size(&end->waiting) > 0 || !lr_list_empty(&end->delayed);
}
static inline bool lr_pass_holds(const struct lr_relay_end *end) {
    return lr_buf_size(&end->waiting) > 0 || !lr_list_empty(&end->delayed);
}
static inline bool lr_pass_is_full(const struct lr_relay_end *end) {
    return lr_buf_size(&end->waiting) + end->delayed_bytes > LR_READ_SIZE;
}
/* |bytes| were read at |end|. */
void lr_pass_take(struct lr_relay_end *end, const uint8_t *bytes, size_t size);
/* How bytes pass has changed, or a fault has bytes of its own. */
void lr_pass_go_on(struct lr_relay_end *end);
/* The direction is cut: nothing that waits passes any more; what is on its way does, then FIN.
 * True: there is some. */
bool lr_pass_cut(struct lr_relay_end *end);
void lr_pass_alarm(struct lr_timer *timer); /* for the loop */

#endif
