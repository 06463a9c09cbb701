/* SPDX-License-Identifier: Apache-2.0 */
/* How an expectation is written down: what was expected, what was seen, where in the script. One
 * that does not hold ends the script there, as what follows would be noise. */
#ifndef LR_SCENARIO_EXPECT_H
#define LR_SCENARIO_EXPECT_H

#include "scenario/words.h"

struct lr_verdict {
    bool held;
    bool late;        /* failed by lateness alone */
    uint32_t session; /* 0: of none */
    const char *text; /* "session 1 released after close" */
    const char *expected;
    const char *seen;
};

/* Adds it to the play's result; raises an error where it does not hold. Returns 0, for `return`. */
int lr_expect_record(lua_State *lua, const struct lr_verdict *verdict);

/* The words about sessions (expect_session.c). Stack: the expectation, options. */
int lr_expect_word_released(lua_State *lua);
int lr_expect_word_held(lua_State *lua);
int lr_expect_word_played(lua_State *lua); /* words_recorded.c */

#endif
