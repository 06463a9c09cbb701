/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/player.h"

#include "base/assert.h"
#include "scenario/calibrate.h"

static struct lr_player_here *here_of(struct lr_player *player) {
    return LR_CONTAINER_OF(player, struct lr_player_here, player);
}

static enum lr_status calibrate(struct lr_player *player, struct lr_calibration *calibration,
                                struct lr_error *error) {
    return lr_calibrate(here_of(player)->means->alloc, LR_CALIBRATION_ROUNDS, calibration, error);
}

static enum lr_status begin(struct lr_player *player, const struct lr_order *order, size_t ticket,
                            struct lr_error *error) {
    struct lr_player_here *here = here_of(player);
    (void)error;
    LR_ASSERT(!here->busy);
    here->order = *order;
    here->ticket = ticket;
    here->busy = true;
    return LR_OK;
}

static bool next(struct lr_player *player, lr_time until, struct lr_played *played) {
    struct lr_player_here *here = here_of(player);
    struct lr_error error = {.code = LR_OK};
    bool interrupted = false;
    (void)until;
    LR_ASSERT(here->busy);
    here->busy = false;
    played->ticket = here->ticket;
    if (lr_order_play(&here->order, here->means, &played->result, &interrupted, &error) != LR_OK) {
        played->result = (struct lr_case_result){.alloc = NULL}; /* no memory even for that */
    }
    here->interrupted = here->interrupted || interrupted;
    return true;
}

static bool is_interrupted(const struct lr_player *player) {
    return LR_CONTAINER_OF(player, const struct lr_player_here, player)->interrupted;
}

void lr_player_here_init(struct lr_player_here *here, const struct lr_order_means *means) {
    *here = (struct lr_player_here){
        .player = {.calibrate = calibrate,
                   .begin = begin,
                   .next = next,
                   .interrupted = is_interrupted},
        .means = means,
    };
}
