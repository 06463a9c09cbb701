/* SPDX-License-Identifier: Apache-2.0 */
#include "explore/client_slot.h"

#include "base/compiler.h"
#include "explore/owner.h"

void lr_slot_take(struct lr_playing *play, struct lr_act *act, struct lr_slot *slot,
                  struct lr_result *result, const struct lr_plan_step *step) {
    struct lr_session *session = result->session;
    result->session = NULL;
    *slot = (struct lr_slot){.session = session, .references = 1, .has_timeout = step->ms != 0};
    slot->account = lr_stage_account(act->party, session);
    const struct lr_account *account = lr_ledger_account(play->ledger, slot->account);
    slot->server = account == NULL ? 0 : (uint8_t)lr_playing_host_of(play, account->server);
}

static void drop_reference(struct lr_playing *play, struct lr_slot *slot, const char *why) {
    lr_session_unref(slot->session, lr_playing_now(play), why);
    if (--slot->references == 0) {
        slot->session = NULL;
    }
}

void lr_slot_do(struct lr_playing *play, struct lr_act *act, struct lr_slot *slot,
                unsigned int what) {
    if (slot->session == NULL) {
        return;
    }
    bool open = !lr_session_closed(slot->session);
    lr_time now = lr_playing_now(play);
    switch (what) {
    case LR_DO_REF:
        (void)lr_session_ref(slot->session, now, "plan");
        slot->references++;
        break;
    case LR_DO_UNREF:
        if (open && slot->references == 1) {
            lr_judge_note(play, slot->account, LR_CAUSE_LAST_REFERENCE);
        }
        drop_reference(play, slot, "plan");
        break;
    default:
        if (open) {
            lr_judge_note(play, slot->account,
                          what == LR_DO_CLOSE ? LR_CAUSE_CLOSE : LR_CAUSE_SCOPE);
        }
        lr_session_close(slot->session, now);
        if (what == LR_DO_SCOPE) {
            drop_reference(play, slot, "scope");
        }
        break;
    }
    lr_playing_drain(act->party);
}

void lr_slot_leave(struct lr_playing *play, struct lr_act *act, struct lr_slot *slot) {
    if (act->owner != NULL) { /* its name lets go, whoever else holds it */
        const struct lr_plan_step del = {.target = LR_PROGRAM_DEL,
                                         .x = (uint8_t)(slot - act->slots)};
        if (lr_owner_do(act->owner, &del) != LR_OK) {
            lr_error_set(&play->error, LR_ENOMEM, "no memory for a program");
        }
    }
    while (act->owner == NULL && slot->session != NULL) {
        lr_slot_do(play, act, slot, LR_DO_UNREF);
    }
    *slot = (struct lr_slot){.session = NULL};
}

void lr_act_let_go(struct lr_playing *play, struct lr_act *act) {
    lr_owner_free(act->owner);
    for (unsigned int i = 0; i < LR_COUNT_OF(act->slots); i++) {
        lr_slot_leave(play, act, &act->slots[i]);
    }
}
