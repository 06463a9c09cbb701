/* SPDX-License-Identifier: Apache-2.0 */
/* Faults: when they come, which link they meet, and how they are undone. */
#include "explore/playing.h"

#include <stdio.h>

#include "explore/reach.h"

void lr_meet_noted(struct lr_playing *play, bool silent) {
    lr_time now = lr_playing_now(play);
    lr_time heard = lr_time_add(now, play->slack_ns + LR_RUN_ACTED_NS);
    play->quiet = false;
    play->faults_end = heard;
    if (silent) {
        play->silence_end = lr_time_add(heard, play->patience.silence_ns);
    }
}

static lr_time undo_time(const struct lr_playing *play, unsigned int number) {
    uint32_t undo_ms = play->plan->faults[number].undo_ms;
    return undo_ms == 0 ? LR_TIME_NEVER : lr_time_add(lr_playing_now(play), undo_ms * LR_MS);
}

/* Each has its own, as scenarios have it: by the order in which they are put. */
struct lr_prng lr_meet_random(struct lr_playing *play) {
    struct lr_prng whole;
    char name[24];
    lr_prng_init(&whole, play->plan->seed);
    (void)snprintf(name, sizeof name, "fault %u", play->fault_count++);
    return lr_prng_fork(&whole, name);
}

/* ---- faults of links ---- */

/* Nothing certain comes any more of what a raw peer says on a link that was broken. */
static void release_peer(struct lr_playing *play, uint32_t link) {
    for (unsigned int i = 0; i < play->plan->actor_count; i++) {
        struct lr_said *said = &play->acts[i].said;
        if (said->law.open) {
            lr_act_peer_number(play, &play->acts[i]);
        }
        if (said->law.open && said->number == link) {
            said->law.lawless = true;
            said->finished = false;
            said->then = LR_THEN_WHATEVER;
            said->then_due = LR_TIME_NEVER;
            said->due = LR_TIME_NEVER;
        }
    }
}

/* A server hears of an end, and comes again. */
static void await_server(struct lr_playing *play, const struct lr_plan_fault *planned,
                         unsigned int server) {
    bool ended = planned->kind == LR_PLAN_FIN || planned->kind == LR_PLAN_RST;
    play->back_due[server] =
        !ended ? 0
               : lr_time_add(lr_playing_now(play), lr_server_options_default.retry_max_ns +
                                                       LR_SECOND + 4 * play->slack_ns);
}

static bool is_back(const struct lr_playing *play, unsigned int server) {
    const struct lr_seat *tracker = &play->seats[LR_HOST_TRACKER];
    return lr_ledger_find_link(play->ledger, play->seats[server].party->name,
                               tracker->party->name) != 0;
}

/* Who is not there when it is due is found, where nothing else has met it; returns when the next
 * one is due. */
static lr_time look_for_servers(struct lr_playing *play) {
    lr_time next = LR_TIME_NEVER;
    for (unsigned int i = LR_HOST_SERVERS; i <= play->plan->server_count; i++) {
        uint32_t hosts = UINT32_C(1) << i | UINT32_C(1) << LR_HOST_TRACKER;
        lr_time due = play->back_due[i];
        if (due == 0 || lr_playing_now(play) < due) {
            next = due == 0 ? next : lr_time_min(next, due);
            continue;
        }
        play->back_due[i] = 0;
        if ((play->disturbed & hosts) == 0 && !is_back(play, i)) {
            const struct lr_want want = {
                .what = LR_WANTED_BACK, .number = i, .ns = lr_playing_now(play) - play->began};
            lr_playing_miss(play, &want, LR_FINDING_NOT_REQUESTABLE,
                            "%s does not come back to its tracker", play->seats[i].party->name);
        }
    }
    return next;
}

static void link_hit(struct lr_playing *play, unsigned int number) {
    const struct lr_plan_fault *planned = &play->plan->faults[number];
    struct lr_fault_state *state = &play->faults[number];
    uint32_t link = state->link.fired_link;
    const struct lr_account *account = lr_ledger_account_of_link(play->ledger, link);
    struct lr_cause_note *note = account == NULL ? NULL : lr_judge_note_of(play, account->number);
    unsigned int client = lr_playing_host_of(play, lr_ledger_link_opener(play->ledger, link));
    bool silent = planned->kind == LR_PLAN_BLACK_HOLE;
    state->fired = true;
    state->undo_at = undo_time(play, number);
    play->out->faults++;
    lr_meet_noted(play, silent);
    play->stage->disturbed |= !lr_fault_ends_link(state->link.kind);
    release_peer(play, link);
    if (planned->host == LR_HOST_TRACKER && client < LR_HOST_ACTORS) {
        play->cut_off |= UINT32_C(1) << client;
        if (lr_fault_spoils(state->link.kind)) {
            play->misled[client]++;
        }
        await_server(play, planned, client);
    }
    if (note != NULL && planned->host != LR_HOST_TRACKER) {
        note->disturbed = true;
        note->spoilt |= lr_fault_spoils(state->link.kind);
        if (silent && note->silent_at == 0) {
            note->silent_at = lr_playing_now(play);
        }
    }
    lr_reach_link(play, number, link);
}

static uint64_t passed(const struct lr_playing *play, uint32_t link, enum lr_fault_side side) {
    return lr_ledger_link_passed(play->ledger, link,
                                 side == LR_SIDE_FROM_SERVICE ? LR_FROM_SERVICE : LR_TO_SERVICE);
}

static void break_link(struct lr_playing *play, unsigned int number) {
    const struct lr_plan_fault *planned = &play->plan->faults[number];
    struct lr_fault_state *state = &play->faults[number];
    const char *service = play->seats[planned->host].party->name;
    state->link = (struct lr_fault){.kind = lr_plan_fault_row(planned->kind)->kind,
                                    .side = (enum lr_fault_side)planned->side,
                                    .after_bytes = planned->bytes};
    if (planned->when == LR_WHEN_BYTES) {
        state->link.random = lr_meet_random(play);
        lr_world_fault_next(play->world, service, &state->link);
        return;
    }
    const struct lr_party *from = play->seats[planned->from].party;
    uint32_t link = from == NULL ? 0 : lr_ledger_find_link(play->ledger, from->name, service);
    if (link != 0 && planned->bytes != 0) {
        state->link.after_bytes += passed(play, link, state->link.side);
    }
    if (link != 0) {
        state->link.random = lr_meet_random(play);
        (void)lr_world_fault(play->world, link, &state->link);
    }
}

/* ---- when ---- */

void lr_meet_begin(struct lr_playing *play) {
    play->quiet = true;
    for (unsigned int i = 0; i < play->plan->fault_count; i++) {
        const struct lr_plan_fault *planned = &play->plan->faults[i];
        struct lr_fault_state *state = &play->faults[i];
        *state = (struct lr_fault_state){.at = LR_TIME_NEVER, .undo_at = LR_TIME_NEVER};
        lr_list_init(&state->link.node);
        if (planned->kind == LR_PLAN_NO_FAULT) {
            state->done = true;
        } else if (planned->when == LR_WHEN_TIME) {
            state->at = lr_time_add(play->began, planned->ms * LR_MS);
        }
    }
}

static void carry_out(struct lr_playing *play, unsigned int number) {
    play->faults[number].done = true;
    if (lr_plan_is_of_link(play->plan->faults[number].kind)) {
        break_link(play, number);
    } else {
        if (lr_meet_host(play, number)) {
            play->faults[number].fired = true;
            play->faults[number].undo_at = undo_time(play, number);
            play->out->faults++;
        }
    }
}

static void take_back(struct lr_playing *play, unsigned int number) {
    struct lr_fault_state *state = &play->faults[number];
    if (state->undone) {
        return;
    }
    state->undone = true;
    if (!lr_plan_is_of_link(play->plan->faults[number].kind)) {
        lr_meet_host_undo(play, number);
    } else if (state->fired) {
        lr_world_undo(play->world, &state->link);
        lr_meet_noted(play, false);
    }
    lr_fault_disarm(&state->link);
}

bool lr_meet_waits(const struct lr_playing *play) {
    for (unsigned int i = 0; i < play->plan->fault_count; i++) {
        const struct lr_fault_state *state = &play->faults[i];
        if ((!state->done && state->at != LR_TIME_NEVER) ||
            (!state->undone && state->undo_at != LR_TIME_NEVER)) {
            return true;
        }
    }
    return false;
}

lr_time lr_meet_due(struct lr_playing *play) {
    lr_time next = look_for_servers(play);
    lr_time now = lr_playing_now(play);
    for (unsigned int i = 0; i < play->plan->fault_count; i++) {
        struct lr_fault_state *state = &play->faults[i];
        if (!state->done && now >= state->at) {
            carry_out(play, i);
        }
        if (state->link.fired > 0 && !state->fired) {
            link_hit(play, i);
        }
        if (now >= state->undo_at) {
            take_back(play, i);
        }
        next = state->done ? next : lr_time_min(next, state->at);
        next = state->undone ? next : lr_time_min(next, state->undo_at);
    }
    return next;
}

void lr_meet_step(struct lr_playing *play, const struct lr_act *act, unsigned int step,
                  bool begun) {
    bool due = false;
    for (unsigned int i = 0; i < play->plan->fault_count; i++) {
        const struct lr_plan_fault *planned = &play->plan->faults[i];
        struct lr_fault_state *state = &play->faults[i];
        bool on_step = planned->when != LR_WHEN_TIME && begun == (planned->when == LR_WHEN_BEGUN);
        if (!state->done && on_step && planned->actor == act->number && planned->step == step) {
            state->at = lr_time_add(lr_playing_now(play), planned->ms * LR_MS);
            due |= planned->ms == 0;
        }
    }
    if (due) {
        (void)lr_meet_due(play);
    }
}

enum lr_status lr_meet_undo(struct lr_playing *play) {
    enum lr_status status = LR_OK;
    for (unsigned int i = 0; i < play->plan->fault_count; i++) {
        play->faults[i].done = true;
        take_back(play, i);
    }
    for (unsigned int i = 0; i <= play->plan->server_count && status == LR_OK; i++) {
        if (play->seats[i].party->ended) {
            status = lr_cast_again(play, i);
        }
    }
    return status;
}
