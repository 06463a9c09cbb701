/* SPDX-License-Identifier: Apache-2.0 */
#include "explore/client_request.h"

#include <string.h>

/* A tracker that lacks memory tries again ten times a second. */
#define GRANTED_NS (250 * LR_MS)

/* What the tracker has seen of a request: it is put again when its server refuses or is gone. */
struct seen {
    unsigned int asked;            /* how often it was put .. */
    unsigned int tries;            /* .. less those that may be of one that was given up before */
    const struct lr_account *last; /* not of such a one: that has ended its link */
};

static struct seen look(const struct lr_playing *play, const struct lr_act *act) {
    struct seen seen = {.last = NULL};
    for (size_t i = lr_ledger_account_count(play->ledger); i > 0; i--) {
        const struct lr_account *account = lr_ledger_account(play->ledger, (uint32_t)i);
        if (account->requested_at != LR_TIME_NEVER && account->requested_at < act->began) {
            break;
        }
        if (account->request_link != 0 && strcmp(account->client, act->party->name) == 0) {
            bool goes_on = lr_ledger_link_open(play->ledger, account->request_link);
            seen.last = seen.last == NULL && goes_on ? account : seen.last;
            seen.asked++;
            seen.tries += account->requested_at > lr_time_add(act->began, play->slack_ns);
        }
    }
    return seen;
}

static struct lr_want want_of(const struct lr_act *act, enum lr_wanted what, uint32_t number) {
    return (struct lr_want){
        .what = (uint8_t)what, .actor = act->number, .step = act->step, .number = number};
}

/* Its time is that until the grant, and not that of what comes behind it. */
static void check_wait(struct lr_playing *play, const struct lr_act *act,
                       const struct lr_plan_step *step, const struct seen *seen) {
    lr_time until = lr_time_add(act->began, step->limit * LR_MS);
    if (play->quiet && seen->last != NULL && seen->last->granted_at != LR_TIME_NEVER &&
        lr_time_add(seen->last->granted_at, 2 * play->slack_ns) < until) {
        const struct lr_want want = want_of(act, LR_WANTED_PATIENCE, 0);
        lr_playing_miss(play, &want, LR_FINDING_PROTOCOL,
                        "%s gives a request up that was granted in its time", act->party->name);
    }
}

/* Nothing has met anybody but servers that ended. */
static bool servers_ended_alone(const struct lr_playing *play) {
    for (unsigned int i = 0; i < play->plan->fault_count; i++) {
        const struct lr_plan_fault *planned = &play->plan->faults[i];
        bool ends = planned->kind == LR_PLAN_KILL || planned->kind == LR_PLAN_STOP ||
                    planned->kind == LR_PLAN_RESTART;
        if (play->faults[i].fired && (!ends || planned->host == LR_HOST_TRACKER)) {
            return false;
        }
    }
    return true;
}

/* Each try has failed in a way that another server may make good, and there was time for more. */
static void check_tries(struct lr_playing *play, const struct lr_act *act,
                        const struct lr_plan_step *step, const struct lr_result *result,
                        const struct seen *seen) {
    enum lr_status code = result->error.code;
    bool may_go_better = code == LR_EREFUSED || code == LR_ERESET || code == LR_ECLOSED ||
                         code == LR_ETIMEOUT || code == LR_EIO;
    lr_time until = lr_time_add(act->began, step->limit * LR_MS);
    if (play->quiet && may_go_better && lr_playing_now(play) < until && seen->asked < step->tries) {
        const struct lr_want want = want_of(act, LR_WANTED_ALL_TRIES, step->tries);
        lr_playing_miss(play, &want, LR_FINDING_PROTOCOL,
                        "%s tries a request less often than it was to", act->party->name);
    }
}

/* Nothing else has gone wrong than that one allocation failed, or that links to the tracker were
 * reset: what was granted to one who cannot have read it is on offer at once. */
static bool may_lose_nothing(const struct lr_playing *play) {
    for (unsigned int i = 0; i < play->plan->fault_count; i++) {
        const struct lr_plan_fault *planned = &play->plan->faults[i];
        bool once = planned->kind == LR_PLAN_NO_MEMORY && planned->bytes != 0;
        bool reset = planned->kind == LR_PLAN_RST && planned->host == LR_HOST_TRACKER;
        if (play->faults[i].fired && !once && !reset &&
            !lr_plan_fault_row(planned->kind)->harmless) {
            return false;
        }
    }
    return true;
}

/* A tracker that had no memory for a grant tries it again. */
static void check_offers(struct lr_playing *play, const struct lr_act *act,
                         const struct lr_plan_step *step, const struct seen *seen) {
    struct lr_queue_account queue =
        lr_ledger_queue(play->ledger, lr_text_of(lr_plan_key(step->target)));
    uint32_t host = UINT32_C(1) << (LR_HOST_ACTORS + act->number);
    bool waits = seen->last != NULL && seen->last->granted_at == LR_TIME_NEVER &&
                 strcmp(seen->last->key, lr_plan_key(step->target)) == 0;
    lr_time since = waits && seen->last->requested_at > queue.changed_at ? seen->last->requested_at
                                                                         : queue.changed_at;
    if (waits && queue.free > 0 && may_lose_nothing(play) && (play->disturbed & host) == 0 &&
        lr_time_add(since, GRANTED_NS + 2 * play->slack_ns) < lr_playing_now(play)) {
        const struct lr_want want = want_of(act, LR_WANTED_PATIENCE, 0);
        lr_playing_miss(play, &want, LR_FINDING_PROTOCOL,
                        "%s gives a request up while there are places on offer", act->party->name);
    }
}

void lr_check_request(struct lr_playing *play, const struct lr_act *act,
                      const struct lr_plan_step *step, const struct lr_result *result) {
    struct seen seen = look(play, act);
    if (seen.tries > step->tries && servers_ended_alone(play)) {
        const struct lr_want want = want_of(act, LR_WANTED_TRIES, step->tries);
        lr_playing_miss(play, &want, LR_FINDING_PROTOCOL,
                        "%s tries a request more often than it was to", act->party->name);
    }
    check_tries(play, act, step, result, &seen);
    /* Where its server lied it is put again, or waits for that one in vain. */
    if (result->error.code == LR_ETIMEOUT && step->target != LR_PLAN_LIAR_KEY) {
        check_wait(play, act, step, &seen);
        check_offers(play, act, step, &seen);
    }
}
