/* SPDX-License-Identifier: Apache-2.0 */
/* A client of ours at its steps, one operation after the other. What comes of each is compared with
 * what must come of it; it may fail only where something has met the session. */
#include "explore/playing.h"

#include <string.h>

#include "base/assert.h"
#include "explore/client_call.h"
#include "explore/client_check.h"
#include "explore/client_request.h"
#include "explore/client_slot.h"
#include "explore/owner.h"

/* An operation is over within this, whatever happens: the longest wait is for who is silent. */
#define OPERATION_NS (10 * LR_SECOND)

static const struct lr_plan_step *step_of(const struct lr_playing *play, const struct lr_act *act) {
    return &play->plan->actors[act->number].steps[act->step];
}

static void wait_for(struct lr_playing *play, struct lr_act *act, struct lr_slot *slot, lr_op op) {
    const struct lr_plan_patience *patience = &play->patience;
    act->state = LR_ACT_WAITING;
    act->at = slot;
    act->op = op;
    act->began = lr_playing_now(play);
    act->until = lr_time_add(act->began, patience->silence_ns + patience->stalled_ns +
                                             patience->handshake_ns + OPERATION_NS);
    lr_playing_drain(act->party);
}

static void next_step(struct lr_act *act) {
    act->step++;
    act->phase = 0;
    act->state = LR_ACT_READY;
    act->until = LR_TIME_NEVER;
}

/* |status| queued |op|: waits for it, or the step is over. */
static void queued(struct lr_playing *play, struct lr_act *act, struct lr_slot *slot,
                   enum lr_status status, lr_op op) {
    if (status == LR_OK) {
        play->out->operations += act->phase == 0;
        wait_for(play, act, slot, op);
    } else {
        lr_check_refusal(play, act, slot, status);
        next_step(act);
    }
}

static void begin_request(struct lr_playing *play, struct lr_act *act, struct lr_slot *slot,
                          const struct lr_plan_step *step) {
    struct lr_request_options options = lr_request_options_default;
    lr_op op = 0;
    options.session_timeout_ns = step->ms * LR_MS;
    options.priority = (int)step->priority;
    options.wait_ns = step->limit * LR_MS;
    options.tries = step->tries;
    enum lr_status status = lr_client_request(act->party->role.client, lr_playing_now(play),
                                              lr_text_of(lr_plan_key(step->target)), &options, &op);
    queued(play, act, slot, status, op);
    act->until = lr_time_add(act->until, options.wait_ns);
}

/* NULL: nobody lies here. */
static const struct lr_party *server_of(const struct lr_playing *play,
                                        const struct lr_plan_step *step) {
    for (unsigned int i = 0; step->target == LR_CONNECT_LIAR && i < play->plan->actor_count; i++) {
        if (play->plan->actors[i].kind == LR_ACTOR_LIAR) {
            return play->acts[i].party;
        }
    }
    return step->target == LR_CONNECT_LIAR ? NULL
                                           : play->seats[LR_HOST_SERVERS + step->target].party;
}

static void begin_connect(struct lr_playing *play, struct lr_act *act, struct lr_slot *slot,
                          const struct lr_plan_step *step) {
    const struct lr_party *server = server_of(play, step);
    lr_op op = 0;
    if (server == NULL) {
        next_step(act);
        return;
    }
    const char *key = step->target == LR_CONNECT_LIAR ? lr_plan_key(LR_PLAN_LIAR_KEY) : server->key;
    enum lr_status status =
        lr_client_connect(act->party->role.client, lr_playing_now(play), &server->service,
                          lr_text_of(key), step->ms * LR_MS, &op);
    queued(play, act, slot, status, op);
}

/* What the step asks of a session, phase by phase. LR_ENOTFOUND: nothing (more). */
static void begin_operation(struct lr_playing *play, struct lr_act *act, struct lr_slot *slot) {
    lr_op op = 0;
    enum lr_status status = lr_call_begin(play, act, slot, step_of(play, act), &op);
    if (status == LR_ENOTFOUND) {
        next_step(act);
    } else {
        queued(play, act, slot, status, op);
    }
}

static void check_memory(struct lr_playing *play, enum lr_status status) {
    if (status != LR_OK) {
        lr_error_set(&play->error, status, "a program: %s", lr_status_text(status));
    }
}

static void do_program(struct lr_playing *play, struct lr_act *act,
                       const struct lr_plan_step *step) {
    if (act->owner != NULL) {
        check_memory(play, lr_owner_do(act->owner, step));
    }
    next_step(act);
    if (step->target == LR_PROGRAM_EXIT && act->owner != NULL) {
        act->state = LR_ACT_OVER;
    }
}

static void do_step(struct lr_playing *play, struct lr_act *act) {
    const struct lr_plan_step *step = step_of(play, act);
    struct lr_slot *slot = &act->slots[step->slot];
    switch (step->what) {
    case LR_DO_REQUEST:
        lr_slot_leave(play, act, slot);
        begin_request(play, act, slot, step);
        break;
    case LR_DO_CONNECT:
        lr_slot_leave(play, act, slot);
        begin_connect(play, act, slot, step);
        break;
    case LR_DO_PASS:
        act->state = LR_ACT_PASSING;
        act->until = lr_time_add(lr_playing_now(play), step->ms * LR_MS);
        break;
    case LR_DO_SUMMARY: {
        lr_op op = 0;
        enum lr_status status =
            lr_client_summary(act->party->role.client, lr_playing_now(play), false, &op);
        queued(play, act, NULL, status, op);
        break;
    }
    case LR_DO_PROGRAM:
        do_program(play, act, step);
        break;
    case LR_DO_REF:
    case LR_DO_UNREF:
    case LR_DO_CLOSE:
    case LR_DO_SCOPE:
        play->out->operations += slot->session != NULL;
        lr_slot_do(play, act, slot, step->what);
        next_step(act);
        break;
    default:
        begin_operation(play, act, slot);
        break;
    }
}

static void begin_step(struct lr_playing *play, struct lr_act *act) {
    unsigned int step = act->step;
    LR_ASSERT(act->phase == 0);
    lr_meet_step(play, act, step, false);
    if (act->state != LR_ACT_OVER) { /* no fault has met the actor itself */
        do_step(play, act);
        lr_meet_step(play, act, step, true);
    }
}

/* The answers of calls that nobody waits for come in between, and are let go. */
static void take_result(struct lr_playing *play, struct lr_act *act, struct lr_result *result) {
    const struct lr_plan_step *step = step_of(play, act);
    if (act->state != LR_ACT_WAITING || result->op != act->op) {
        if (result->session != NULL) {
            lr_session_unref(result->session, lr_playing_now(play), "nobody waits");
        }
        return;
    }
    if (step->what == LR_DO_REQUEST) {
        lr_check_request(play, act, step, result);
    }
    bool go_on = lr_check_result(play, act, act->at, step, result);
    if (result->kind == LR_ANSWER_SESSION && result->session != NULL) {
        lr_slot_take(play, act, act->at, result, step);
        if (act->owner != NULL) {
            check_memory(play, lr_owner_take(act->owner, act->at));
        }
    }
    act->state = LR_ACT_READY;
    act->until = LR_TIME_NEVER;
    if (go_on) {
        act->phase++;
        begin_operation(play, act, act->at);
    } else {
        next_step(act);
    }
}

static void take_results(struct lr_playing *play, struct lr_act *act) {
    struct lr_result result;
    while (act->party->role.client != NULL &&
           lr_client_next_result(act->party->role.client, &result)) {
        take_result(play, act, &result);
        lr_result_deinit(&result);
    }
}

void lr_act_client(struct lr_playing *play, struct lr_act *act) {
    unsigned int count = play->plan->actors[act->number].count;
    do {
        take_results(play, act); /* what ended at once is there before the world has turned */
        if (act->state == LR_ACT_PASSING && lr_playing_now(play) >= act->until) {
            next_step(act);
        }
        if (act->state == LR_ACT_WAITING && lr_playing_now(play) >= act->until) {
            lr_check_never(play, act, step_of(play, act));
            act->state = LR_ACT_OVER;
        }
        if (act->state == LR_ACT_READY) {
            if (act->step == count) {
                act->state = LR_ACT_OVER;
                act->until = LR_TIME_NEVER;
            } else {
                begin_step(play, act);
            }
        } else {
            break;
        }
    } while (act->state != LR_ACT_OVER);
}
