/* SPDX-License-Identifier: Apache-2.0 */
/* What has to come of a lie, from the plan alone. Who plays it and who writes it down ask here. */
#include "explore/liar.h"
#include "explore/plan.h"
#include "world/sim.h"

#define AT_ONCE_NS (100 * LR_MS)
/* Of a call that is never answered: a client waits for as long as it likes, so the liar ends it. */
#define SILENT_NS LR_SECOND

/* For how long who asked waits for an answer that has not come, or is not whole. */
static uint64_t wait_ns(const struct lr_plan *plan, unsigned int asked) {
    const struct lr_plan_patience patience = lr_plan_patience(plan);
    bool opens = asked == LR_ASKED_HELLO || asked == LR_ASKED_INIT || asked == LR_ASKED_MAGIC ||
                 asked == LR_ASKED_INFO;
    return opens ? patience.handshake_ns : patience.stalled_ns;
}

/* In pieces that come one by one, what is asked between two answers makes the second one right. */
static bool is_told_apart(const struct lr_plan *plan, unsigned int lie, bool by_tracker) {
    return lie != LR_LIE_TWICE || by_tracker ||
           (plan->link.segments == LR_SIM_WHOLE && plan->link.bandwidth == 0);
}

struct lr_liar_terms lr_liar_terms(const struct lr_plan *plan, const struct lr_plan_step *lie,
                                   bool by_tracker) {
    uint64_t slack = 2 * lr_plan_slack_ns(plan);
    uint64_t wait = wait_ns(plan, lie->slot);
    bool calls = lie->slot == LR_ASKED_CALL || lie->slot == LR_ASKED_FREE;
    enum lr_lie_then then = lr_lie_row(lie->target)->then;
    if (then == LR_LIE_THEN_WHATEVER) {
        return (struct lr_liar_terms){.ends = false};
    }
    struct lr_liar_terms terms = {.ends = true, .resets = lie->target != LR_LIE_FIN};
    if (!is_told_apart(plan, lie->target, by_tracker)) {
        terms.pass_ns = SILENT_NS;
    } else if (lie->target == LR_LIE_SILENCE && calls) {
        terms.pass_ns = wait + SILENT_NS;
    } else if (then == LR_LIE_THEN_WAITED) {
        terms.within_ns = slack + wait + AT_ONCE_NS;
    } else if (then == LR_LIE_THEN_GONE) {
        terms.within_ns = slack + AT_ONCE_NS;
    }
    return terms;
}
