/* SPDX-License-Identifier: Apache-2.0 */
/* What holds a session of a client whose sessions live in Lua itself: the way from a root of the
 * script's state (an actor's stack, the globals, the registry) to the userdata that is a reference
 * to it, as its collector would walk it. */
#ifndef LR_SCENARIO_LUA_PATH_H
#define LR_SCENARIO_LUA_PATH_H

#include <lua.h>

#include "ledger/retention.h"

struct lr_play;

/* Whether the sessions of |account|'s client are Lua's: it is a client of ours in no model. */
bool lr_lua_holds(const struct lr_play *play, uint32_t account);
/* Fills |retention| for the session |account| of a client whose sessions are Lua's. False: nothing
 * holds it. To be called from a C function of the script's state; what that function has on its own
 * stack is no holder. It needs memory of Lua's, as any word may: the collector's next run may come
 * earlier. Raises an error where there is none. */
bool lr_lua_path(lua_State *lua, uint32_t account, struct lr_retention *retention);

#endif
