/* SPDX-License-Identifier: Apache-2.0 */
#include "explore/client_check.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "explore/client_call.h"

#define HEARD_NS (100 * LR_MS) /* of the loss of a server */
#define TIMEOUT_SAID "RPCSessionTimeoutError"

static const char *const step_names[LR_DO_COUNT] = {
    [LR_DO_REQUEST] = "request",   [LR_DO_CONNECT] = "connect",
    [LR_DO_SUMMARY] = "summary",   [LR_DO_CALL] = "call",
    [LR_DO_WRITE] = "write",       [LR_DO_READ] = "read",
    [LR_DO_FREE] = "free",         [LR_DO_UPLOAD] = "upload",
    [LR_DO_DOWNLOAD] = "download", [LR_DO_KEEP] = "look-up",
    [LR_DO_USE] = "use",           [LR_DO_DROP] = "drop",
    [LR_DO_BUSY] = "busy call",    [LR_DO_STRAY] = "free of another session's handle",
};

/* A fault has met the session, its client or its server. */
static bool is_disturbed(struct lr_playing *play, const struct lr_act *act,
                         const struct lr_slot *slot) {
    const struct lr_cause_note *note = lr_judge_note_of(play, slot->account);
    uint32_t hosts = UINT32_C(1) << (LR_HOST_ACTORS + act->number) | UINT32_C(1) << slot->server;
    return slot->server == 0 || lr_playing_lies(play, slot->server) || note == NULL ||
           note->disturbed || (play->disturbed & hosts) != 0;
}

static bool is_spoilt(struct lr_playing *play, const struct lr_slot *slot) {
    const struct lr_cause_note *note = slot == NULL ? NULL : lr_judge_note_of(play, slot->account);
    return note != NULL && (note->spoilt || lr_playing_lies(play, slot->server));
}

/* Something has happened that may well make it fail. */
static bool is_excused(struct lr_playing *play, const struct lr_act *act,
                       const struct lr_slot *slot, const struct lr_plan_step *step) {
    switch (step->what) {
    case LR_DO_CONNECT:
        return true; /* its server may be somebody else's */
    case LR_DO_REQUEST:
        return !play->quiet || step->ms != 0 || step->target == LR_PLAN_LIAR_KEY;
    case LR_DO_SUMMARY:
        return !play->quiet;
    default:
        LR_ASSERT(slot != NULL); /* what is of no session is above */
        return slot->has_timeout || is_disturbed(play, act, slot);
    }
}

/* The failure that is the right answer. */
static bool is_wanted(const struct lr_slot *slot, const struct lr_plan_step *step,
                      unsigned int phase, const struct lr_result *result) {
    struct lr_text text = {(const char *)lr_buf_data(&result->bytes), lr_buf_size(&result->bytes)};
    if (step->what == LR_DO_REQUEST) {
        return result->error.code == LR_ETIMEOUT;
    }
    if (step->what == LR_DO_DROP) {
        LR_ASSERT(slot != NULL); /* it is of a session */
        return slot->function == 0 && result->error.code == LR_EREMOTE;
    }
    if (step->what == LR_DO_STRAY) {
        return result->error.code == LR_EREMOTE;
    }
    if (step->what != LR_DO_CALL || phase != 0) {
        return false;
    }
    switch (step->target) {
    case LR_CALL_EXCEPT:
        return result->error.code == LR_EREMOTE && text.data != NULL && text.size >= 4 &&
               memcmp(text.data + text.size - 4, "boom", 4) == 0;
    case LR_CALL_WRONG_COUNT:
        return result->error.code == LR_EREMOTE;
    case LR_CALL_UNKNOWN:
        return result->error.code == LR_ENOTFOUND || result->error.code == LR_EREMOTE;
    default:
        return false;
    }
}

/* What is said goes behind an answer that was begun before: where that takes longer than its server
 * waits for it to be read, it is lost. */
static bool is_behind_answer(const struct lr_playing *play, const struct lr_slot *slot) {
    const struct lr_plan *plan = play->plan;
    uint64_t bytes = slot->array_size > slot->file_size ? slot->array_size : slot->file_size;
    uint64_t narrow_ns = plan->link.bandwidth == 0 ? 0 : bytes * LR_SECOND / plan->link.bandwidth;
    return lr_plan_parts_ns(plan, bytes) + narrow_ns > lr_server_options_default.linger_ns;
}

static struct lr_want want_of_step(const struct lr_act *act, enum lr_wanted what) {
    return (struct lr_want){.what = (uint8_t)what, .actor = act->number, .step = act->step};
}

/* A session that its timeout has ended was told so in as many words. */
static void check_farewell(struct lr_playing *play, const struct lr_act *act,
                           const struct lr_slot *slot) {
    const struct lr_error *end = lr_session_end(slot->session);
    const struct lr_cause_note *note = lr_judge_note_of(play, slot->account);
    if (!slot->has_timeout || end == NULL || is_disturbed(play, act, slot) ||
        note->cause != LR_CAUSE_NONE) {
        return;
    }
    if (strstr(end->text, TIMEOUT_SAID) == NULL && !is_behind_answer(play, slot)) {
        const struct lr_want want = want_of_step(act, LR_WANTED_FAREWELL);
        lr_playing_miss(play, &want, LR_FINDING_PROTOCOL,
                        "%s is not told of its session's timeout: %s", act->party->name, end->text);
    }
}

static void check_error(struct lr_playing *play, const struct lr_act *act,
                        const struct lr_slot *slot, const struct lr_plan_step *step,
                        const struct lr_result *result) {
    if (slot != NULL && slot->session != NULL && lr_session_closed(slot->session)) {
        check_farewell(play, act, slot);
    }
    if (!is_wanted(slot, step, act->phase, result) && !is_excused(play, act, slot, step)) {
        const struct lr_want want = want_of_step(act, LR_WANTED_SUCCESS);
        lr_playing_miss(play, &want, LR_FINDING_PROTOCOL, "%s: %s fails without a cause: %s",
                        act->party->name, step_names[step->what], result->error.text);
    }
}

static bool is_marked(const struct lr_act *act, const struct lr_slot *slot,
                      const struct lr_result *result, uint32_t size) {
    char mark[LR_MARK_BYTES + 1];
    const uint8_t *bytes = lr_buf_data(&result->bytes);
    lr_call_mark(act, slot, mark);
    if (lr_buf_size(&result->bytes) != size) {
        return false;
    }
    for (uint32_t i = 0; i < size; i += LR_MARK_BYTES) {
        if (memcmp(bytes + i, mark, size - i < LR_MARK_BYTES ? size - i : LR_MARK_BYTES) != 0) {
            return false;
        }
    }
    return true;
}

static bool is_number(const struct lr_result *result, int64_t number) {
    return result->kind == LR_ANSWER_VALUE && result->value.kind == LR_VALUE_INT &&
           result->value.as.integer == number;
}

static bool is_text(const struct lr_result *result, const char *text) {
    return result->kind == LR_ANSWER_VALUE && lr_buf_size(&result->bytes) == strlen(text) &&
           memcmp(lr_buf_data(&result->bytes), text, strlen(text)) == 0;
}

/* The answer of a call that went well. */
static bool is_right_call(const struct lr_act *act, const struct lr_plan_step *step,
                          const struct lr_result *result) {
    char text[32];
    if (act->phase > 0) {
        return act->phase > 1 ||
               (step->target == LR_CALL_EVALUATE
                    ? lr_buf_size(&result->bytes) == 2 * sizeof(double) /* of two repeats */
                    : result->kind == LR_ANSWER_ARRAY);
    }
    switch (step->target) {
    case LR_CALL_ADDONE:
        return is_number(result, (int64_t)step->size + 1);
    case LR_CALL_STRCAT:
        (void)snprintf(text, sizeof text, "x:%u", (unsigned int)step->size);
        return is_text(result, text);
    case LR_CALL_EVALUATE:
    case LR_CALL_ARRAY:
        return result->kind == LR_ANSWER_FUNCTION && result->value.as.handle != 0;
    default:
        return false; /* it should have failed */
    }
}

static bool is_right(const struct lr_act *act, const struct lr_slot *slot,
                     const struct lr_plan_step *step, const struct lr_result *result) {
    LR_ASSERT(slot != NULL || step->what == LR_DO_SUMMARY);
    switch (step->what) {
    case LR_DO_CALL:
        return is_right_call(act, step, result);
    case LR_DO_READ:
        return is_marked(act, slot, result, slot->array_size);
    case LR_DO_DOWNLOAD:
        return is_marked(act, slot, result, slot->file_size);
    case LR_DO_USE:
        return is_number(result, (int64_t)step->size + 1);
    case LR_DO_DROP:
        return slot->function != 0; /* else it should have failed */
    case LR_DO_STRAY:
        return false; /* likewise */
    case LR_DO_KEEP:
    case LR_DO_BUSY:
        return result->kind == LR_ANSWER_FUNCTION && result->value.as.handle != 0;
    case LR_DO_REQUEST:
    case LR_DO_CONNECT:
        return result->session != NULL;
    default:
        return true;
    }
}

static void remember_stray(struct lr_stray *stray, const struct lr_slot *slot, uint64_t handle) {
    if (stray->account != slot->account) {
        stray->handle_before = stray->handle;
        stray->account_before = stray->account;
    }
    stray->handle = handle;
    stray->account = slot->account;
}

/* What the answer brought: a handle, an array. */
static void remember(struct lr_playing *play, struct lr_act *act, struct lr_slot *slot,
                     const struct lr_plan_step *step, const struct lr_result *result) {
    if (result->kind == LR_ANSWER_FUNCTION) {
        act->handle = result->value.as.handle;
        remember_stray(&play->seats[slot->server].stray, slot, act->handle);
    }
    switch (step->what) {
    case LR_DO_CALL:
        if (result->kind == LR_ANSWER_ARRAY) {
            act->array_handle = result->array_handle;
        }
        break;
    case LR_DO_WRITE:
        if (act->phase == 0) {
            slot->tensor = result->value.as.tensor;
            slot->has_array = true;
            slot->written = false;
        } else {
            slot->written = true;
        }
        break;
    case LR_DO_FREE:
        slot->has_array = false;
        slot->written = false;
        break;
    case LR_DO_UPLOAD:
        slot->uploaded = true;
        break;
    case LR_DO_BUSY:
        slot->evaluators++;
        break;
    case LR_DO_KEEP:
        slot->function = result->value.as.handle;
        break;
    case LR_DO_DROP:
        slot->dropped = slot->function != 0 ? slot->function : slot->dropped;
        slot->function = 0;
        break;
    default:
        break;
    }
}

bool lr_check_result(struct lr_playing *play, struct lr_act *act, struct lr_slot *slot,
                     const struct lr_plan_step *step, const struct lr_result *result) {
    if (slot != NULL) {
        slot->busy = false; /* answers come in order */
    }
    if (result->error.code != LR_OK) {
        check_error(play, act, slot, step, result);
        return false;
    }
    if (is_spoilt(play, slot)) {
        return false; /* nothing certain comes of it, but an end */
    }
    if (!is_right(act, slot, step, result)) {
        bool call = step->what == LR_DO_CALL && act->phase == 0;
        bool refused =
            (call && step->target >= LR_CALL_EXCEPT && step->target <= LR_CALL_UNKNOWN) ||
            step->what == LR_DO_DROP;
        const struct lr_want want =
            want_of_step(act, refused ? LR_WANTED_REFUSAL : LR_WANTED_SUCCESS);
        lr_playing_miss(play, &want, LR_FINDING_PROTOCOL, "%s: a wrong answer to %s",
                        act->party->name, step_names[step->what]);
        return false;
    }
    if (slot == NULL || step->what == LR_DO_REQUEST || step->what == LR_DO_CONNECT) {
        return false;
    }
    remember(play, act, slot, step, result);
    return true;
}

void lr_check_refusal(struct lr_playing *play, const struct lr_act *act, const struct lr_slot *slot,
                      enum lr_status status) {
    bool scarce = (play->disturbed & UINT32_C(1) << (LR_HOST_ACTORS + act->number)) != 0;
    if (status == LR_ENOMEM && scarce) {
        return; /* its own: a fault of this plan's */
    }
    if (status == LR_ENOMEM) {
        lr_error_set(&play->error, status, "no memory for an operation");
        return;
    }
    if (slot == NULL || slot->session == NULL || status != LR_ECLOSED ||
        !lr_session_closed(slot->session)) {
        const struct lr_want want = want_of_step(act, LR_WANTED_SUCCESS);
        lr_playing_miss(play, &want, LR_FINDING_PROTOCOL, "%s: an operation is refused: %s",
                        act->party->name, lr_status_text(status));
        return;
    }
    check_farewell(play, act, slot);
}

void lr_check_never(struct lr_playing *play, const struct lr_act *act,
                    const struct lr_plan_step *step) {
    struct lr_want want = want_of_step(act, LR_WANTED_END);
    want.ns = act->until - act->began;
    lr_playing_miss(play, &want, LR_FINDING_PROTOCOL, "%s waits for the end of a %s for ever",
                    act->party->name, step_names[step->what]);
}

void lr_check_heard(struct lr_playing *play, const struct lr_act *act) {
    for (unsigned int i = 0; i < LR_PLAN_SLOTS; i++) {
        const struct lr_slot *slot = &act->slots[i];
        const struct lr_account *account = lr_ledger_account(play->ledger, slot->account);
        if (slot->session == NULL || account == NULL || lr_session_closed(slot->session)) {
            continue;
        }
        lr_time ended = account->closed_at;
        for (unsigned int side = 0; side < LR_COUNT_OF(account->fin_at); side++) {
            ended = lr_time_min(ended, account->fin_at[side]);
            ended = lr_time_min(ended, account->reset_at[side]);
        }
        /* Behind a black hole nothing but its own keep-alive tells it. */
        uint64_t hidden_ns = is_disturbed(play, act, slot) ? play->patience.silence_ns : 0;
        if (lr_playing_now(play) > lr_time_add(ended, 2 * play->slack_ns + HEARD_NS + hidden_ns)) {
            const struct lr_want want = {.what = LR_WANTED_NOTICE,
                                         .actor = act->number,
                                         .number = i,
                                         .ns = lr_playing_now(play) - play->began};
            lr_playing_miss(play, &want, LR_FINDING_PROTOCOL,
                            "%s does not know that its session has ended", act->party->name);
        }
    }
}
