/* SPDX-License-Identifier: Apache-2.0 */
/* What servers hold when nothing is under way and everybody is still there. What a session's end
 * sets free is no proof that anything was let go of before. */
#include "explore/playing.h"

struct held {
    size_t sessions, handles;
};

/* What clients have at |host|, as they know. */
static struct held held_by_clients(const struct lr_playing *play, unsigned int host) {
    struct held held = {.sessions = 0};
    for (unsigned int i = 0; i < play->plan->actor_count; i++) {
        for (unsigned int k = 0; k < LR_PLAN_SLOTS; k++) {
            const struct lr_slot *slot = &play->acts[i].slots[k];
            if (slot->session != NULL && slot->server == host &&
                !lr_session_closed(slot->session)) {
                held.sessions++;
                held.handles += slot->evaluators;
                held.handles += slot->function != 0 ? 1 : 0;
                held.handles += slot->has_array ? 1 : 0;
            }
        }
    }
    return held;
}

void lr_rest_look(struct lr_playing *play) {
    for (unsigned int i = LR_HOST_SERVERS; play->quiet && i <= play->plan->server_count; i++) {
        const struct lr_party *server = play->seats[i].party;
        struct lr_server_counts counts = lr_server_count(server->role.server);
        struct held held = held_by_clients(play, i);
        /* Others than clients of the plan hold what they like. */
        if (counts.sessions == held.sessions && counts.handles != held.handles) {
            lr_playing_find(play, LR_FINDING_LEFT, "%s has %zu handles of sessions that hold %zu",
                            server->name, counts.handles, held.handles);
        }
    }
}
