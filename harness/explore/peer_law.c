/* SPDX-License-Identifier: Apache-2.0 */
#include "explore/peer_law.h"

#include "rpc/server.h"

unsigned int lr_law_serial(unsigned int actor, unsigned int step) {
    return 100U + actor * (unsigned int)LR_PLAN_STEPS_MAX + step;
}

bool lr_law_suits(const struct lr_law *law, const struct lr_plan_step *step) {
    return law->open && (lr_line_row(step->target)->plane == LR_PLANE_CONTROL) == (law->to == 0);
}

bool lr_law_needs_more(const struct lr_law *law, const struct lr_plan_step *step) {
    return !law->lawless && law->needs_met < lr_line_row(step->target)->needs;
}

unsigned int lr_law_next(const struct lr_law *law, const struct lr_plan_step *step) {
    const struct lr_line_row *row = lr_line_row(step->target);
    if (!lr_law_needs_more(law, step)) {
        return step->target;
    }
    bool greets = row->needs == LR_NEEDS_INIT && law->needs_met < LR_NEEDS_HELLO;
    return lr_line_before(row->plane, greets ? LR_NEEDS_HELLO : row->needs);
}

enum lr_line_then lr_law_say(struct lr_law *law, unsigned int line, bool cut) {
    const struct lr_line_row *row = lr_line_row(line);
    enum lr_line_needs met = line == LR_LINE_MAGIC   ? LR_NEEDS_MAGIC
                             : line == LR_LINE_HELLO ? LR_NEEDS_HELLO
                             : line == LR_LINE_INIT  ? LR_NEEDS_INIT
                                                     : LR_NEEDS_NOTHING;
    bool late = row->needs == LR_NEEDS_NOTHING && law->needs_met != LR_NEEDS_NOTHING;
    bool in_part = line == LR_LINE_BLANK || line == LR_LINE_RPC_MAGIC;
    law->flooded |= lr_line_floods(line);
    law->lawless |= cut || late || in_part;
    if (!law->lawless && met > law->needs_met) {
        law->needs_met = (uint8_t)met;
    }
    return law->lawless || law->hushed ? LR_THEN_WHATEVER : row->then;
}

enum lr_line_said lr_law_answer(const struct lr_law *law, const struct lr_plan *plan,
                                unsigned int line) {
    enum lr_line_said usual = lr_line_row(line)->said;
    if (law->flooded) {
        return LR_SAID_ANYTHING; /* nobody knows where it begins */
    }
    if (law->to == 0 || law->to > plan->server_count) {
        return usual;
    }
    if (line == LR_LINE_INIT && law->needs_met == LR_NEEDS_INIT) {
        return LR_SAID_EXCEPTION; /* it is initialised already */
    }
    bool understood = plan->servers[law->to - LR_HOST_SERVERS].dialect == LR_SPEAK_FFI;
    return line == LR_LINE_LOOK_UP && !understood ? LR_SAID_PACKET : usual;
}

void lr_law_step(struct lr_law *law, const struct lr_plan_step *step) {
    switch (step->what) {
    case LR_DO_OPEN:
        *law = (struct lr_law){.open = true, .to = step->target};
        break;
    case LR_DO_SAY:
        while (lr_law_suits(law, step) && lr_law_needs_more(law, step)) {
            (void)lr_law_say(law, lr_law_next(law, step), false);
        }
        if (lr_law_suits(law, step)) {
            law->hushed |= step->slot != 0;
            (void)lr_law_say(law, step->target, step->ms != 0);
        }
        break;
    case LR_DO_HUSH:
        law->hushed = law->open;
        break;
    case LR_DO_FINISH:
        law->lawless |= law->open;
        break;
    case LR_DO_END:
    case LR_DO_RESET:
        law->open = false;
        break;
    default:
        break;
    }
}
