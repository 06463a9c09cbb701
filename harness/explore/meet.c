/* SPDX-License-Identifier: Apache-2.0 */
/* Faults: when they come, whom they meet, and how they are undone. */
#include "explore/playing.h"

#include <string.h>

#include "explore/reach.h"

/* Beyond what keep-alive takes: everybody has acted on it. */
#define ACTED_NS (200 * LR_MS)

static const enum lr_fault_kind link_kinds[LR_PLAN_FAULT_KINDS] = {
    [LR_PLAN_FIN] = LR_FAULT_FIN,
    [LR_PLAN_RST] = LR_FAULT_RST,
    [LR_PLAN_HALF_CLOSE] = LR_FAULT_HALF_CLOSE,
    [LR_PLAN_BLACK_HOLE] = LR_FAULT_BLACK_HOLE,
};

static void note_end(struct lr_playing *play, bool silent) {
    lr_time now = lr_playing_now(play);
    lr_time heard = lr_time_add(now, play->slack_ns + ACTED_NS);
    play->quiet = false;
    play->out->faults++;
    play->faults_end = heard;
    if (silent) {
        play->silence_end = lr_time_add(heard, play->patience.silence_ns);
    }
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
            said->then = LR_THEN_WHATEVER;
            said->then_due = LR_TIME_NEVER;
            said->due = LR_TIME_NEVER;
        }
    }
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
    note_end(play, silent);
    release_peer(play, link);
    if (planned->host == LR_HOST_TRACKER && client < LR_HOST_ACTORS) {
        play->cut_off |= UINT32_C(1) << client;
    }
    if (note != NULL && planned->host != LR_HOST_TRACKER) {
        note->disturbed = true;
        if (silent && note->silent_at == 0) {
            note->silent_at = lr_playing_now(play);
        }
    }
    lr_reach_link(play, number, link);
}

static void break_link(struct lr_playing *play, unsigned int number) {
    const struct lr_plan_fault *planned = &play->plan->faults[number];
    struct lr_fault_state *state = &play->faults[number];
    const char *service = play->seats[planned->host].party->name;
    state->link = (struct lr_fault){.kind = link_kinds[planned->kind],
                                    .side = (enum lr_fault_side)planned->side,
                                    .after_bytes = planned->bytes};
    if (planned->when == LR_WHEN_BYTES) {
        lr_world_fault_next(play->world, service, &state->link);
        return;
    }
    const struct lr_party *from = play->seats[planned->from].party;
    uint32_t link = from == NULL ? 0 : lr_ledger_find_link(play->ledger, from->name, service);
    if (link != 0) {
        (void)lr_world_fault(play->world, link, &state->link);
    }
}

/* ---- faults of hosts ---- */

static void note_sessions(struct lr_playing *play, unsigned int host, enum lr_cause cause,
                          bool silent) {
    const char *name = play->seats[host].party->name;
    for (uint32_t i = 1; i <= lr_ledger_account_count(play->ledger); i++) {
        const struct lr_account *account = lr_ledger_account(play->ledger, i);
        struct lr_cause_note *note = lr_judge_note_of(play, i);
        bool own = strcmp(account->client, name) == 0;
        if (note == NULL || account->released_at != LR_TIME_NEVER ||
            (!own && strcmp(account->server, name) != 0)) {
            continue;
        }
        if (silent) {
            note->silent_at = note->silent_at == 0 ? lr_playing_now(play) : note->silent_at;
            note->disturbed = true;
        } else if (own) {
            lr_judge_note(play, i, cause);
        }
    }
}

static void end_host(struct lr_playing *play, unsigned int host, bool killed) {
    struct lr_seat *seat = &play->seats[host];
    note_sessions(play, host, killed ? LR_CAUSE_DEATH : LR_CAUSE_CLOSE, false);
    lr_ledger_note(play->ledger, lr_playing_now(play), 0, "plan: %s %s", seat->party->name,
                   killed ? "is killed" : "stops");
    lr_party_end(seat->party, !killed);
    if (host >= LR_HOST_ACTORS) {
        play->acts[host - LR_HOST_ACTORS].state = LR_ACT_OVER;
    }
}

static void lose_host(struct lr_playing *play, unsigned int number, unsigned int host) {
    struct lr_seat *seat = &play->seats[host];
    uint32_t undo_ms = play->plan->faults[number].undo_ms;
    note_sessions(play, host, LR_CAUSE_SILENCE, true);
    lr_sim_lose(seat->party->host);
    seat->lost = true;
    if (undo_ms != 0) {
        play->faults[number].undo_at = lr_time_add(lr_playing_now(play), undo_ms * LR_MS);
    }
}

static void hit_host(struct lr_playing *play, unsigned int number) {
    const struct lr_plan_fault *planned = &play->plan->faults[number];
    const struct lr_seat *seat = &play->seats[planned->host];
    if (seat->party == NULL || seat->party->ended || seat->lost) {
        return;
    }
    play->faults[number].fired = true;
    play->disturbed |= UINT32_C(1) << planned->host;
    note_end(play, planned->kind == LR_PLAN_LOSE);
    lr_reach_host(play, number);
    if (planned->kind == LR_PLAN_LOSE) {
        lose_host(play, number, planned->host);
    } else {
        end_host(play, planned->host, planned->kind == LR_PLAN_KILL);
    }
}

/* Who was heard of again in time has given nobody a reason to end. */
static void hear_again(struct lr_playing *play, const char *name) {
    for (uint32_t i = 1; i <= lr_ledger_account_count(play->ledger); i++) {
        const struct lr_account *account = lr_ledger_account(play->ledger, i);
        struct lr_cause_note *note = lr_judge_note_of(play, i);
        if (note != NULL && account->released_at == LR_TIME_NEVER &&
            lr_playing_now(play) < note->silent_at + play->patience.silence_ns &&
            (strcmp(account->client, name) == 0 || strcmp(account->server, name) == 0)) {
            note->silent_at = 0;
        }
    }
}

static void find_host(struct lr_playing *play, unsigned int host) {
    struct lr_seat *seat = &play->seats[host];
    if (seat->lost && !seat->party->ended) {
        lr_sim_find(seat->party->host);
        hear_again(play, seat->party->name);
    }
    seat->lost = false;
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
        hit_host(play, number);
    }
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
    lr_time next = LR_TIME_NEVER;
    lr_time now = lr_playing_now(play);
    for (unsigned int i = 0; i < play->plan->fault_count; i++) {
        struct lr_fault_state *state = &play->faults[i];
        if (!state->done && now >= state->at) {
            carry_out(play, i);
        }
        if (state->link.fired > 0 && !state->fired) {
            link_hit(play, i);
        }
        if (!state->undone && now >= state->undo_at) {
            state->undone = true;
            find_host(play, play->plan->faults[i].host);
        }
        next = state->done ? next : lr_time_min(next, state->at);
        next = state->undone ? next : lr_time_min(next, state->undo_at);
    }
    return next;
}

void lr_meet_step(struct lr_playing *play, const struct lr_act *act) {
    bool due = false;
    for (unsigned int i = 0; i < play->plan->fault_count; i++) {
        const struct lr_plan_fault *planned = &play->plan->faults[i];
        struct lr_fault_state *state = &play->faults[i];
        bool on_step = planned->when == LR_WHEN_STEP ||
                       (planned->when == LR_WHEN_BYTES && planned->kind != LR_PLAN_NO_FAULT);
        if (!state->done && on_step && planned->actor == act->number &&
            planned->step == act->step) {
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
        lr_fault_disarm(&play->faults[i].link);
        play->faults[i].done = true;
        play->faults[i].undone = true;
    }
    for (unsigned int i = 0; i < LR_PLAYING_HOSTS; i++) {
        find_host(play, i);
    }
    for (unsigned int i = 0; i <= play->plan->server_count && status == LR_OK; i++) {
        if (play->seats[i].party->ended) {
            status = lr_cast_again(play, i);
        }
    }
    return status;
}
