/* SPDX-License-Identifier: Apache-2.0 */
#include "explore/reach.h"

#include "base/assert.h"
#include "explore/playing.h"

const char *lr_reach_role_name(unsigned int role) {
    static const char *const names[LR_REACH_ROLES] = {"tracker", "server", "client"};
    LR_ASSERT(role < LR_REACH_ROLES);
    return names[role];
}

const char *lr_reach_state_name(unsigned int state) {
    static const char *const names[LR_REACH_STATES] = {
        [LR_AT_REST] = "at rest",
        [LR_AT_OFFER] = "on offer",
        [LR_AT_WAIT] = "request waiting",
        [LR_AT_GRANT] = "granted",
        [LR_AT_HANDSHAKE] = "in handshake",
        [LR_AT_INIT] = "before InitServer",
        [LR_AT_IDLE] = "idle",
        [LR_AT_CALL] = "in a call",
        [LR_AT_COPY] = "in a copy",
        [LR_AT_END] = "ending",
    };
    LR_ASSERT(state < LR_REACH_STATES);
    return names[state];
}

void lr_reach_add(struct lr_reach *into, const struct lr_reach *from) {
    const uint64_t *more = (const uint64_t *)from;
    uint64_t *counts = (uint64_t *)into;
    for (size_t i = 0; i < sizeof *into / sizeof *counts; i++) {
        counts[i] += more[i];
    }
}

uint64_t *lr_reach_at(struct lr_reach *reach, const struct lr_reach_tuple *tuple) {
    return &reach->counts[tuple->role][tuple->state][tuple->fault][tuple->cause];
}

bool lr_reach_next(struct lr_reach_tuple *tuple) {
    if (++tuple->cause < LR_CAUSE_COUNT) {
        return true;
    }
    tuple->cause = 0;
    if (++tuple->fault < LR_PLAN_FAULT_KINDS) {
        return true;
    }
    tuple->fault = 0;
    if (++tuple->state < LR_REACH_STATES) {
        return true;
    }
    tuple->state = 0;
    return ++tuple->role < LR_REACH_ROLES;
}

static void count(struct lr_playing *play, enum lr_reach_role role, enum lr_reach_state state,
                  unsigned int fault, enum lr_cause cause) {
    if (play->reach != NULL) {
        play->reach->counts[role][state][fault][cause]++;
    }
}

/* ---- the state of a session ---- */

static bool is_copy(unsigned int what) {
    return what == LR_DO_WRITE || what == LR_DO_READ || what == LR_DO_UPLOAD ||
           what == LR_DO_DOWNLOAD;
}

/* What the client of |account| waits for there. */
static enum lr_reach_state work_of(const struct lr_playing *play,
                                   const struct lr_account *account) {
    unsigned int client = lr_playing_host_of(play, account->client);
    if (client < LR_HOST_ACTORS || client >= LR_PLAYING_HOSTS) {
        return account->in_call ? LR_AT_CALL : LR_AT_IDLE;
    }
    const struct lr_act *act = &play->acts[client - LR_HOST_ACTORS];
    bool of_this = act->at != NULL && act->at->account == account->number;
    if (act->state == LR_ACT_WAITING && of_this) {
        return is_copy(play->plan->actors[act->number].steps[act->step].what) ? LR_AT_COPY
                                                                              : LR_AT_CALL;
    }
    for (unsigned int i = 0; i < LR_PLAN_SLOTS; i++) {
        if (act->slots[i].account == account->number && act->slots[i].busy) {
            return LR_AT_CALL;
        }
    }
    return account->in_call ? LR_AT_CALL : LR_AT_IDLE;
}

/* One side has ended it: that is seen on the wire, or its client has done it and the wire is to
 * show it yet. What the wire shows of this instant is the fault's own work. */
static bool is_ending(struct lr_playing *play, const struct lr_account *account) {
    lr_time said = lr_time_min(account->shutdown_at[LR_TO_SERVICE],
                               lr_time_min(account->fin_at[0], account->fin_at[1]));
    const struct lr_cause_note *note = lr_judge_note_of(play, account->number);
    return said < lr_playing_now(play) || (note != NULL && note->cause != LR_CAUSE_NONE);
}

static enum lr_reach_state state_of(struct lr_playing *play, const struct lr_account *account) {
    if (account->connected_at == LR_TIME_NEVER) {
        return account->granted_at == LR_TIME_NEVER ? LR_AT_WAIT : LR_AT_GRANT;
    }
    if (is_ending(play, account)) {
        return LR_AT_END;
    }
    if (account->accepted_at == LR_TIME_NEVER) {
        return LR_AT_HANDSHAKE;
    }
    return account->initialised_at == LR_TIME_NEVER ? LR_AT_INIT : work_of(play, account);
}

static enum lr_reach_state tracker_state(const struct lr_playing *play) {
    size_t free = 0;
    size_t pending = 0;
    for (unsigned int key = 0; key < LR_PLAN_KEYS; key++) {
        struct lr_queue_account queue = lr_ledger_queue(play->ledger, lr_text_of(lr_plan_key(key)));
        free += queue.free;
        pending += queue.pending;
    }
    if (pending > 0) {
        return LR_AT_WAIT;
    }
    for (uint32_t i = 1; i <= lr_ledger_account_count(play->ledger); i++) {
        const struct lr_account *account = lr_ledger_account(play->ledger, i);
        if (account->granted_at != LR_TIME_NEVER && account->connected_at == LR_TIME_NEVER &&
            account->requestable_at == LR_TIME_NEVER) {
            return LR_AT_GRANT;
        }
    }
    return free > 0 ? LR_AT_OFFER : LR_AT_REST;
}

/* ---- faults ---- */

/* What a session is to end for, where it is; none where it is to go on, or where that depends on
 * what was changed. */
static enum lr_cause cause_of(unsigned int kind, enum lr_reach_role role, bool inside) {
    switch (kind) {
    case LR_PLAN_FIN:
    case LR_PLAN_HALF_CLOSE:
        return inside ? LR_CAUSE_CUT : LR_CAUSE_FIN;
    case LR_PLAN_RST:
    case LR_PLAN_STORM:
        return LR_CAUSE_RST;
    case LR_PLAN_BLACK_HOLE:
    case LR_PLAN_LOSE:
    case LR_PLAN_POWER_OFF:
    case LR_PLAN_PARTITION:
        return LR_CAUSE_SILENCE;
    case LR_PLAN_KILL:
    case LR_PLAN_STOP:
    case LR_PLAN_RESTART:
        return role == LR_REACH_TRACKER  ? LR_CAUSE_TRACKER_LOSS
               : role == LR_REACH_SERVER ? LR_CAUSE_SERVER_LOSS
               : kind == LR_PLAN_KILL    ? LR_CAUSE_DEATH
                                         : LR_CAUSE_CLOSE;
    default:
        return LR_CAUSE_NONE;
    }
}

static enum lr_reach_state server_state(const struct lr_playing *play, unsigned int host) {
    unsigned int key = play->plan->servers[host - LR_HOST_SERVERS].key;
    struct lr_queue_account queue = lr_ledger_queue(play->ledger, lr_text_of(lr_plan_key(key)));
    return queue.free > 0 && !lr_cast_is_direct(play, host) ? LR_AT_OFFER : LR_AT_REST;
}

void lr_reach_link(struct lr_playing *play, unsigned int number, uint32_t link) {
    const struct lr_plan_fault *planned = &play->plan->faults[number];
    const struct lr_account *account = lr_ledger_account_of_link(play->ledger, link);
    if (play->reach == NULL) {
        return;
    }
    bool inside = account != NULL && (account->cut_inside_packet[LR_TO_SERVICE] ||
                                      account->cut_inside_packet[LR_FROM_SERVICE]);
    enum lr_cause cause = cause_of(planned->kind, LR_REACH_CLIENT, inside);
    unsigned int opener = lr_playing_host_of(play, lr_ledger_link_opener(play->ledger, link));
    if (planned->host != LR_HOST_TRACKER) {
        enum lr_reach_state state = account == NULL ? LR_AT_HANDSHAKE : state_of(play, account);
        count(play, LR_REACH_SERVER, state, planned->kind, cause);
        count(play, LR_REACH_CLIENT, state, planned->kind, cause);
        return;
    }
    cause = cause_of(planned->kind, LR_REACH_CLIENT, false);
    count(play, LR_REACH_TRACKER, tracker_state(play), planned->kind, cause);
    if (opener >= LR_HOST_SERVERS && opener < LR_HOST_ACTORS) {
        count(play, LR_REACH_SERVER, server_state(play, opener), planned->kind, cause);
    } else if (account != NULL) {
        count(play, LR_REACH_CLIENT, state_of(play, account), planned->kind, cause);
    } else {
        count(play, LR_REACH_CLIENT, LR_AT_REST, planned->kind, cause);
    }
}

/* Every session that the host has, or its rest. */
static void count_sessions(struct lr_playing *play, unsigned int host, unsigned int kind) {
    bool serves = host < LR_HOST_ACTORS;
    enum lr_reach_role role = serves ? LR_REACH_SERVER : LR_REACH_CLIENT;
    enum lr_cause cause = cause_of(kind, role, false);
    unsigned int found = 0;
    for (uint32_t i = 1; i <= lr_ledger_account_count(play->ledger); i++) {
        const struct lr_account *account = lr_ledger_account(play->ledger, i);
        const char *name = serves ? account->server : account->client;
        if (lr_playing_host_of(play, name) == host && account->released_at == LR_TIME_NEVER &&
            account->requestable_at == LR_TIME_NEVER) {
            count(play, role, state_of(play, account), kind, cause);
            found++;
        }
    }
    if (found == 0) {
        count(play, role, serves ? server_state(play, host) : LR_AT_REST, kind, cause);
    }
}

void lr_reach_host(struct lr_playing *play, unsigned int number) {
    const struct lr_plan_fault *planned = &play->plan->faults[number];
    if (play->reach == NULL) {
        return;
    }
    if (planned->host == LR_HOST_TRACKER) {
        count(play, LR_REACH_TRACKER, tracker_state(play), planned->kind,
              cause_of(planned->kind, LR_REACH_TRACKER, false));
    } else {
        count_sessions(play, planned->host, planned->kind);
    }
}

void lr_reach_end(struct lr_playing *play, uint32_t account, enum lr_cause cause) {
    const struct lr_account *found = lr_ledger_account(play->ledger, account);
    unsigned int client =
        found == NULL ? LR_PLAYING_HOSTS : lr_playing_host_of(play, found->client);
    bool by_fault = client < LR_PLAYING_HOSTS && (play->disturbed >> client & 1U) != 0;
    if (play->reach != NULL && found != NULL && !by_fault) {
        enum lr_reach_state state = state_of(play, found);
        count(play, LR_REACH_SERVER, state, LR_PLAN_NO_FAULT, cause);
        count(play, LR_REACH_CLIENT, state, LR_PLAN_NO_FAULT, cause);
    }
}
