/* SPDX-License-Identifier: Apache-2.0 */
/* Values between scripts and the wire: numbers, strings, nil, booleans, remote functions and
 * arrays. */
#ifndef LR_SCENARIO_VALUES_H
#define LR_SCENARIO_VALUES_H

#include "scenario/words.h"

enum { LR_CALL_ARGUMENTS_MAX = 64 };

/* Reads the values at |first| .. |last| of the stack into |values|; text is borrowed from Lua.
 * Raises an error for what the wire has no form for. Returns how many. */
size_t lr_values_from_lua(lua_State *lua, int first, int last, struct lr_value *values);
/* bytes("..") in a script marks a string to be sent as bytes. */
void lr_words_values(lua_State *lua);
/* Pushes what a result says, for the session at |session_index|; raises its error. Takes the
 * result's session over; the caller deinits the rest. Returns how many values were pushed. */
int lr_result_to_lua(lua_State *lua, struct lr_result *result, int session_index);

/* A remote function or array in a script. It keeps its session's userdata in its user value. */
struct lr_remote {
    struct lr_held_session *session;
    uint64_t handle;
    enum lr_result_kind kind;
    struct lr_tensor tensor; /* arrays */
};

#endif
