/* SPDX-License-Identifier: Apache-2.0 */
/* A Lua state for one case: no files, no processes, no bytecode, no addresses, a limit of memory
 * and of instructions, and nothing that differs from run to run: pairs walks in the order of keys.
 */
#ifndef LR_SCENARIO_SANDBOX_H
#define LR_SCENARIO_SANDBOX_H

#include <lua.h>

#include "base/alloc.h"
#include "base/prng.h"
#include "base/status.h"

enum {
    LR_SCRIPT_MEMORY_MAX =
        64 * 1024 * 1024, /* bytes; a scenario that needs more holds payloads in Lua */
    LR_SCRIPT_INSTRUCTIONS_MAX =
        100000000 /* a few seconds: a loop that never yields is a wrong script */
};

struct lr_sandbox {
    struct lr_counting_alloc memory;
    struct lr_prng random;
    uint64_t instructions;
    uint64_t instructions_max; /* LR_SCRIPT_INSTRUCTIONS_MAX after init */
    lua_State *lua;
};

/* |sandbox| stays where it is until lr_sandbox_deinit. LR_ENOMEM. */
LR_NODISCARD enum lr_status lr_sandbox_init(struct lr_sandbox *sandbox, struct lr_alloc *alloc,
                                            uint64_t seed);
void lr_sandbox_deinit(struct lr_sandbox *sandbox);

/* Runs |body| where Lua may raise errors: what touches a state from outside of a script has to, as
 * an error of memory raised elsewhere ends the process. LR_ENOMEM, or LR_EINVAL, with Lua's
 * message. */
LR_NODISCARD enum lr_status lr_sandbox_protect(struct lr_sandbox *sandbox,
                                               void (*body)(lua_State *lua, void *context),
                                               void *context, struct lr_error *error);
/* Pushes the value at |index| as text, as tostring() does in a script: of what Lua would show an
 * address of, the type alone. Returns it, borrowed from the stack. */
const char *lr_sandbox_text(lua_State *lua, int index);

/* What the words of the scripts find their way by: one pointer of the owner's for each state. */
void lr_sandbox_set_owner(lua_State *lua, void *owner);
void *lr_sandbox_owner(lua_State *lua);

#endif
