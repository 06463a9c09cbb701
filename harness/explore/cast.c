/* SPDX-License-Identifier: Apache-2.0 */
/* Who is on the stage: the plan's hosts as roles of ours, each with the patience of the plan. */
#include "explore/playing.h"

#include <stdio.h>
#include <string.h>

#include "explore/owner.h"

#define READY_NS (30 * LR_SECOND)
/* TVM's ports; the servers of a shared range look for the first free one of them. */
enum { TRACKER_PORT = 9190, SHARED_PORT = 9090, SHARED_PORTS_END = 9199 };

void lr_cast_name(const struct lr_plan *plan, unsigned int host, char out[LR_PLAN_NAME_MAX]) {
    if (host == LR_HOST_TRACKER) {
        (void)snprintf(out, LR_PLAN_NAME_MAX, "tracker");
    } else if (host < LR_HOST_ACTORS) {
        (void)snprintf(out, LR_PLAN_NAME_MAX, "server%u", host);
    } else {
        unsigned int actor = host - LR_HOST_ACTORS;
        static const char *const names[] = {[LR_ACTOR_CLIENT] = "client",
                                            [LR_ACTOR_PEER] = "peer",
                                            [LR_ACTOR_LIAR] = "liar",
                                            [LR_ACTOR_LYING_TRACKER] = "liar"};
        (void)snprintf(out, LR_PLAN_NAME_MAX, "%s%u", names[plan->actors[actor].kind], actor + 1);
    }
}

bool lr_cast_is_direct(const struct lr_playing *play, unsigned int host) {
    return play->plan->servers[host - LR_HOST_SERVERS].direct;
}

/* As `silence` in a scenario. */
static struct lr_keepalive keepalive_of(const struct lr_playing *play, struct lr_keepalive usual) {
    uint64_t silence = play->patience.silence_ns;
    if (!play->plan->hasty) {
        return usual;
    }
    return (struct lr_keepalive){
        .idle_ns = silence / 3 * 2, .interval_ns = silence / 9, .probes = 3};
}

static enum lr_status wait_ready(struct lr_playing *play, struct lr_party *party) {
    bool ready = false;
    lr_time until = lr_time_add(lr_playing_now(play), READY_NS);
    enum lr_status status = lr_party_ready(party, &ready, &play->error);
    while (status == LR_OK && !ready && lr_playing_now(play) < until) {
        (void)lr_world_turn(play->world, until);
        status = lr_party_ready(party, &ready, &play->error);
    }
    if (status == LR_OK && !ready) {
        lr_playing_find(play, LR_FINDING_NOT_REQUESTABLE, "%s does not come up", party->name);
    }
    return status;
}

static enum lr_status make_tracker(struct lr_playing *play, const char *name,
                                   struct lr_party **out) {
    struct lr_tracker_options options = lr_tracker_options_default;
    options.host = "127.0.0.1";
    options.port = TRACKER_PORT;
    options.port_end = TRACKER_PORT + 1;
    options.handshake_ns = play->patience.handshake_ns;
    options.stalled_ns = play->patience.stalled_ns;
    options.unread_ns = play->patience.unread_ns;
    options.keepalive = keepalive_of(play, options.keepalive);
    return lr_stage_tracker(play->stage, name, &options, out, &play->error);
}

static void set_server_options(const struct lr_playing *play, const struct lr_plan_server *planned,
                               struct lr_server_options *out) {
    struct lr_server_options options = lr_server_options_default;
    options.port = planned->shared ? SHARED_PORT : 0;
    options.port_end = planned->shared ? SHARED_PORTS_END : 1;
    options.key = lr_plan_key(planned->key);
    options.dialect = (enum lr_dialect_choice)planned->dialect;
    options.sessions_max = planned->slots;
    options.handshake_ns = play->patience.handshake_ns;
    options.stalled_ns = play->patience.stalled_ns;
    options.unread_ns = play->patience.unread_ns;
    options.unused_ns = play->patience.unused_ns;
    options.keepalive = keepalive_of(play, options.keepalive);
    *out = options;
}

static enum lr_status make_server(struct lr_playing *play, unsigned int number, const char *name,
                                  struct lr_party **out) {
    const struct lr_plan_server *planned = &play->plan->servers[number];
    struct lr_server_options options;
    set_server_options(play, planned, &options);
    struct lr_party *tracker = planned->direct ? NULL : play->seats[LR_HOST_TRACKER].party;
    return lr_stage_server(play->stage, name, &options, tracker, out, &play->error);
}

/* A seat is taken when its party is up. */
static enum lr_status take_seat(struct lr_playing *play, unsigned int host, const char *name) {
    struct lr_seat *seat = &play->seats[host];
    struct lr_party *party = NULL;
    enum lr_status status = host == LR_HOST_TRACKER
                                ? make_tracker(play, name, &party)
                                : make_server(play, host - LR_HOST_SERVERS, name, &party);
    if (status == LR_OK) {
        seat->party = party;
        seat->lost = false;
        lr_cast_name(play->plan, host, seat->name);
        status = wait_ready(play, party);
    }
    return status;
}

enum lr_status lr_cast_client(struct lr_playing *play, const char *name, struct lr_party **out) {
    struct lr_client_options options = lr_client_options_default;
    options.handshake_ns = play->patience.handshake_ns;
    options.stalled_ns = play->patience.stalled_ns;
    options.unread_ns = play->patience.unread_ns;
    options.keepalive = keepalive_of(play, options.keepalive);
    return lr_stage_client(play->stage, name, &options, play->seats[LR_HOST_TRACKER].party, out,
                           &play->error);
}

/* The server that a lying tracker has is nobody's of the plan. */
static enum lr_status make_victim(struct lr_playing *play, struct lr_act *act) {
    static const struct lr_plan_server planned = {.key = LR_PLAN_VICTIM_KEY, .slots = 1};
    char name[LR_PLAN_NAME_MAX];
    struct lr_server_options options;
    (void)snprintf(name, sizeof name, "victim%u", act->number + 1U);
    set_server_options(play, &planned, &options);
    return lr_stage_server(play->stage, name, &options, act->party, &act->liar->victim,
                           &play->error);
}

static enum lr_status make_liar(struct lr_playing *play, struct lr_act *act, const char *name) {
    bool tracks = play->plan->actors[act->number].kind == LR_ACTOR_LYING_TRACKER;
    enum lr_status status =
        lr_stage_peer(play->stage, name, "127.0.0.1", tracks ? LR_PLANE_CONTROL : LR_PLANE_DATA,
                      &act->party, &play->error);
    if (status == LR_OK) {
        status = wait_ready(play, act->party);
    }
    act->liar = &play->liars[play->liar_count++];
    act->liar->asked_by = LR_TIME_NEVER;
    return status == LR_OK && tracks ? make_victim(play, act) : status;
}

static enum lr_status make_actor(struct lr_playing *play, unsigned int number) {
    char name[LR_PLAN_NAME_MAX];
    struct lr_act *act = &play->acts[number];
    lr_cast_name(play->plan, LR_HOST_ACTORS + number, name);
    act->number = (uint8_t)number;
    act->until = LR_TIME_NEVER;
    act->said.due = LR_TIME_NEVER;
    act->said.then_due = LR_TIME_NEVER;
    unsigned int kind = play->plan->actors[number].kind;
    enum lr_status status =
        kind == LR_ACTOR_CLIENT ? lr_cast_client(play, name, &act->party)
        : kind == LR_ACTOR_PEER
            ? lr_stage_peer(play->stage, name, NULL, LR_PLANE_DATA, &act->party, &play->error)
            : make_liar(play, act, name);
    if (status == LR_OK && play->plan->actors[number].runtime != 0) {
        status = lr_owner_new(play, act);
    }
    play->seats[LR_HOST_ACTORS + number].party = act->party;
    lr_cast_name(play->plan, LR_HOST_ACTORS + number, play->seats[LR_HOST_ACTORS + number].name);
    return status;
}

/* It may be refused; what is taken must be usable. */
static enum lr_status make_odd(struct lr_playing *play) {
    struct lr_server_options options;
    struct lr_error refused = {.code = LR_OK};
    set_server_options(play, &(struct lr_plan_server){.slots = 1}, &options);
    options.key = lr_plan_odd_key(play->plan->odd_key);
    enum lr_status status =
        lr_stage_server(play->stage, "odd", &options, NULL, &play->odd, &refused);
    if (status == LR_EINVAL) {
        return LR_OK;
    }
    return status == LR_OK ? wait_ready(play, play->odd) : status;
}

enum lr_status lr_cast_all(struct lr_playing *play) {
    char name[LR_PLAN_NAME_MAX];
    enum lr_status status = LR_OK;
    for (unsigned int i = 0; i <= play->plan->server_count && status == LR_OK; i++) {
        lr_cast_name(play->plan, i, name);
        status = take_seat(play, i, name);
    }
    for (unsigned int i = 0; i <= play->plan->server_count && status == LR_OK; i++) {
        play->seats[i].base_blocks = play->seats[i].party->memory.live_blocks;
    }
    for (unsigned int i = 0; i < play->plan->actor_count && status == LR_OK; i++) {
        status = make_actor(play, i);
    }
    return status == LR_OK && play->plan->odd_key != 0 ? make_odd(play) : status;
}

enum lr_status lr_cast_again(struct lr_playing *play, unsigned int host) {
    char name[LR_PLAN_NAME_MAX];
    char again[LR_PLAN_NAME_MAX + 8];
    lr_cast_name(play->plan, host, name);
    (void)snprintf(again, sizeof again, "%s-again", name);
    return take_seat(play, host, again);
}
