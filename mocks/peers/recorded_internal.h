/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the recorded peer. */
#ifndef LR_PEERS_RECORDED_INTERNAL_H
#define LR_PEERS_RECORDED_INTERNAL_H

#include "mocks/peers/recorded.h"
#include "rpc/framer.h"

enum {
    LR_RECORDED_CONNS_MAX = 64,
    LR_RECORDED_SWAPS_MAX = 4096 /* handles of one recording */
};

enum lr_step_kind {
    LR_STEP_OPEN,  /* the connection: make it, or wait for it */
    LR_STEP_SEND,  /* a frame of ours */
    LR_STEP_AWAIT, /* a frame of theirs */
    LR_STEP_RAW,   /* bytes of ours that are no whole frame */
    LR_STEP_FIN,   /* our end */
    LR_STEP_RESET
};

/* One step, in the order of the recording across all connections. */
struct lr_step {
    enum lr_step_kind kind;
    size_t conn;              /* index of the recorded connection */
    enum lr_frame_kind frame; /* SEND, AWAIT */
    size_t at; /* its bytes in |bytes|: the body without a length; RAW: as they are */
    size_t size;
};

/* One direction's frames while steps are made. */
struct lr_recorded_stream {
    struct lr_framer framer;
    unsigned int frames;
    bool broken; /* does not follow the protocol: what comes is raw */
};

/* A recorded connection and the one that plays it. */
struct lr_recorded_conn {
    int64_t number; /* in the capture */
    enum lr_capture_link link;
    lr_conn conn; /* 0: not open */
    bool up;
    bool gone;
    struct lr_framer framer; /* what the running side sends */
    unsigned int frames;
};

struct lr_recorded {
    struct lr_role role;
    enum lr_recorded_side side;
    enum lr_dialect dialect;
    struct lr_address tracker;
    struct lr_address granted; /* where the last grant sent us */
    char host[LR_HOST_MAX];
    lr_conn listener;
    uint16_t port;
    struct lr_recorded_conn conns[LR_RECORDED_CONNS_MAX];
    size_t conn_count;
    struct lr_step *steps;
    size_t step_count;
    size_t step_room;
    size_t next; /* the step to be played */
    struct lr_buf bytes;
    uint64_t swaps[LR_RECORDED_SWAPS_MAX][2]; /* recorded handle, running handle */
    size_t swap_count;
    char matchkeys[2][256]; /* the last grant's: recorded, running */
    lr_time ended_at;
    char difference[LR_ERROR_TEXT_MAX];
};

/* Makes the steps of |capture| for our side (recorded_steps.c). */
LR_NODISCARD enum lr_status lr_recorded_make_steps(struct lr_recorded *recorded,
                                                   const struct lr_capture *capture,
                                                   struct lr_error *error);
/* Kind of the frame that follows |frames| frames of a direction. */
enum lr_frame_kind lr_recorded_frame_kind(enum lr_capture_link link, unsigned int frames);

/* Appends the step's frame to |out| as it is to be sent now (recorded_swap.c). */
LR_NODISCARD enum lr_status lr_recorded_swap_out(struct lr_recorded *recorded,
                                                 const struct lr_step *step, struct lr_buf *out);
/* Learns from the running side's |body| what to swap, beside the recorded one of |step|; notes a
 * difference. */
void lr_recorded_swap_in(struct lr_recorded *recorded, const struct lr_step *step,
                         const uint8_t *body, size_t size);

#endif
