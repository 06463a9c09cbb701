/* SPDX-License-Identifier: Apache-2.0 */
/* Who plays the cases of a run: this process, one after the other (lr_player_here), or a crew of
 * workers (scenario/crew.h). The run hands out orders and is given results, in whatever order. */
#ifndef LR_SCENARIO_PLAYER_H
#define LR_SCENARIO_PLAYER_H

#include "scenario/order.h"

/* What has ended. */
struct lr_played {
    size_t ticket;
    struct lr_case_result result; /* whoever takes it frees it */
};

struct lr_player {
    /* Measures this machine; nothing else is under way. An error says why it could not be: then
     * the stated budgets hold. */
    enum lr_status (*calibrate)(struct lr_player *player, struct lr_calibration *calibration,
                                struct lr_error *error);
    /* Begins to play |order| (its texts are borrowed until its result comes) under |ticket|. An
     * error: the harness has failed, and nothing has begun. */
    enum lr_status (*begin)(struct lr_player *player, const struct lr_order *order, size_t ticket,
                            struct lr_error *error);
    /* Waits until one of those that have begun has ended, or |until|; then false. Each that has
     * begun ends. */
    bool (*next)(struct lr_player *player, lr_time until, struct lr_played *played);
    /* A signal wants the run to end: what has begun ends soon, nothing more is to begin. */
    bool (*interrupted)(const struct lr_player *player);
    /* For how long results have waited to be written down; NULL: time is not known. */
    lr_time (*now)(struct lr_player *player);
};

/* Plays in this process. Borrows |means|. */
struct lr_player_here {
    struct lr_player player;
    const struct lr_order_means *means;
    struct lr_order order;
    size_t ticket;
    bool busy;
    bool interrupted;
};
void lr_player_here_init(struct lr_player_here *here, const struct lr_order_means *means);

#endif
