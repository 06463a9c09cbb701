/* SPDX-License-Identifier: Apache-2.0 */
/* A peer that plays one side of a recorded conversation: the client's or the server's part of a
 * capture of running TVM. It sends the recorded bytes frame by frame, each when what came before it
 * in the recording has come, with handles, matchkeys and ports swapped for those of the running
 * side. So real bytes meet our roles on every machine. It is a role like any: no socket, no clock.
 */
#ifndef LR_PEERS_RECORDED_H
#define LR_PEERS_RECORDED_H

#include "mocks/peers/capture.h"
#include "rpc/role.h"
#include "rpc/value.h"

struct lr_recorded;

enum lr_recorded_side {
    LR_RECORDED_CLIENT, /* of client-tracker and client-server links */
    LR_RECORDED_SERVER  /* of server-tracker links; clients come to it on client-server links */
};

struct lr_recorded_options {
    enum lr_recorded_side side;
    enum lr_dialect dialect;
    const char *host; /* servers listen here, on any port */
    const char *tracker_host;
    uint16_t tracker_port;
};

/* Parses |lines| (JSON lines of a capture; copied). LR_EPROTO with a sentence, also where nothing
 * in them is our side's to play; LR_ELIMIT: more connections than can be played; LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_recorded_new(struct lr_recorded **out, const struct lr_env *env,
                                            const struct lr_recorded_options *options,
                                            const void *lines, size_t size, struct lr_error *error);
void lr_recorded_free(struct lr_recorded *recorded);            /* NULL is fine */
struct lr_role *lr_recorded_role(struct lr_recorded *recorded); /* borrowed, for the world */
/* Begins to play. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_recorded_start(struct lr_recorded *recorded, lr_time now);

uint16_t lr_recorded_port(const struct lr_recorded *recorded); /* servers; 0 before it listens */
/* True when every step has been played. */
bool lr_recorded_finished(const struct lr_recorded *recorded);
/* Steps played, and in all. */
size_t lr_recorded_played(const struct lr_recorded *recorded);
size_t lr_recorded_steps(const struct lr_recorded *recorded);
/* When the last step of the peer's own that ends a data connection (FIN, RST) was played;
 * LR_TIME_NEVER: none yet. */
lr_time lr_recorded_ended_at(const struct lr_recorded *recorded);
/* Where the running side answered otherwise than the recorded one: a sentence on the first; NULL:
 * nowhere. */
const char *lr_recorded_difference(const struct lr_recorded *recorded);

#endif
