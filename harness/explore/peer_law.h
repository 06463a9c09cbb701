/* SPDX-License-Identifier: Apache-2.0 */
/* What a raw peer's link has come to, as far as what was said tells: which lines make sense next,
 * and whether what must come of them is certain. Who plays a plan and who writes it down ask here.
 */
#ifndef LR_EXPLORE_PEER_LAW_H
#define LR_EXPLORE_PEER_LAW_H

#include "explore/plan.h"

/* What a service does at once. */
#define LR_LAW_AT_ONCE_NS (100 * LR_MS)

struct lr_law {
    bool open;
    bool hushed;  /* it reads no more */
    bool flooded; /* what was said before takes long to be answered */
    bool lawless; /* what was said last was cut, or out of order: nothing certain comes of it */
    uint8_t to;   /* host; LR_OPEN_GRANTED where that is not known */
    uint8_t needs_met; /* enum lr_line_needs */
};

/* |step| makes sense: there is a link, to a service of the line's kind. */
bool lr_law_suits(const struct lr_law *law, const struct lr_plan_step *step);
/* |step|'s line needs another one before it. */
bool lr_law_needs_more(const struct lr_law *law, const struct lr_plan_step *step);
/* The line that is to be said next for |step|'s. */
unsigned int lr_law_next(const struct lr_law *law, const struct lr_plan_step *step);
/* It is said, in part where |cut|: what must come of it. */
enum lr_line_then lr_law_say(struct lr_law *law, unsigned int line, bool cut);
/* What |line| is answered by: whom it is said to, and what was said before, may make it another
 * answer than usual. */
enum lr_line_said lr_law_answer(const struct lr_law *law, const struct lr_plan *plan,
                                unsigned int line);
/* Goes over a whole step as if everything was said. */
void lr_law_step(struct lr_law *law, const struct lr_plan_step *step);
/* What makes the lines of |step| their own. */
unsigned int lr_law_serial(unsigned int actor, unsigned int step);

#endif
