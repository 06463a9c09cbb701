/* SPDX-License-Identifier: Apache-2.0 */
/* The places for sessions and the matchkeys under which they are offered. */
#include <string.h>

#include "base/assert.h"
#include "rpc/server_internal.h"

enum lr_status lr_server_slots_init(struct lr_server *server) {
    unsigned int count = server->options.sessions_max;
    server->slots = lr_alloc_zeroed(server->role.env.alloc, count * sizeof server->slots[0]);
    if (server->slots == NULL) {
        return LR_ENOMEM;
    }
    for (unsigned int i = 0; i < count; i++) {
        server->slots[i].server = server;
        server->slots[i].index = i;
        server->slots[i].timer.kind = LR_SERVER_TIMER_SLOT;
    }
    return LR_OK;
}

static void drop_key(struct lr_server *server, char **matchkey) {
    lr_alloc_free_string(server->role.env.alloc, *matchkey);
    *matchkey = NULL;
}

void lr_server_slots_deinit(struct lr_server *server) {
    unsigned int count = server->options.sessions_max;
    if (server->slots == NULL) {
        return;
    }
    for (unsigned int i = 0; i < count; i++) {
        LR_ASSERT(server->slots[i].session == NULL);
        drop_key(server, &server->slots[i].matchkey);
        drop_key(server, &server->slots[i].replaced);
        lr_timers_disarm(&server->timers, &server->slots[i].timer);
    }
    lr_alloc_free(server->role.env.alloc, server->slots, count * sizeof server->slots[0]);
    server->slots = NULL;
}

bool lr_server_slot_key_right(const struct lr_server *server, struct lr_text matchkey) {
    return lr_text_equal(matchkey, lr_text_of(server->options.key));
}

struct lr_server_slot *lr_server_slot_match(struct lr_server *server, struct lr_text matchkey) {
    bool direct = server->options.tracker_host == NULL;
    for (unsigned int i = 0; i < server->options.sessions_max; i++) {
        struct lr_server_slot *slot = &server->slots[i];
        if (slot->session == NULL &&
            (direct ||
             (slot->matchkey != NULL && lr_text_equal(matchkey, lr_text_of(slot->matchkey))))) {
            return slot;
        }
    }
    return NULL;
}

void lr_server_slot_offer(struct lr_server_slot *slot, lr_time now) {
    struct lr_server *server = slot->server;
    LR_ASSERT(slot->session == NULL);
    lr_timers_disarm(&server->timers, &slot->timer);
    if (server->stopped || server->options.tracker_host == NULL) {
        return;
    }
    char *matchkey = lr_matchkey_new(server->role.env.alloc, lr_text_of(server->options.key),
                                     server->role.env.random);
    if (slot->known) { /* else whoever hears of the new one knows of the one before that */
        drop_key(server, &slot->replaced);
        slot->replaced = slot->matchkey;
    } else {
        drop_key(server, &slot->matchkey);
    }
    slot->matchkey = matchkey;
    slot->known = false;
    slot->put = false;
    slot->answered = false;
    slot->pending = false;
    if (matchkey == NULL) {
        lr_server_trace(server, now, LR_TRACE_FAILURE, 0, "out of memory for a matchkey");
        lr_timers_arm(&server->timers, &slot->timer, lr_time_add(now, LR_SERVER_AGAIN_NS));
        return;
    }
    lr_server_link_put(server, slot, now);
}

void lr_server_slot_timer(struct lr_server *server, struct lr_timer *timer, lr_time now) {
    struct lr_server_slot *slot = LR_CONTAINER_OF(timer, struct lr_server_slot, timer);
    if (slot->session != NULL) {
        return;
    }
    if (slot->matchkey != NULL) {
        lr_server_trace(server, now, LR_TRACE_PUT, 0,
                        "matchkey %s was granted and nobody came: replaced", slot->matchkey);
    }
    lr_server_slot_offer(slot, now);
}
