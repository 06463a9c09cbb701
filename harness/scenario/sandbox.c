/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/sandbox.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

enum { HOOK_EVERY = 10000 }; /* instructions between two looks at the budget */

static const char sandbox_key = 's';

void lr_sandbox_set_owner(lua_State *lua, void *owner) {
    memcpy(lua_getextraspace(lua), &owner, sizeof owner);
}

void *lr_sandbox_owner(lua_State *lua) {
    void *owner;
    memcpy(&owner, lua_getextraspace(lua), sizeof owner);
    return owner;
}

static struct lr_sandbox *sandbox_of(lua_State *lua) {
    (void)lua_rawgetp(lua, LUA_REGISTRYINDEX, &sandbox_key);
    struct lr_sandbox *sandbox = lua_touserdata(lua, -1);
    lua_pop(lua, 1);
    return sandbox;
}

/* Lua gives the type in |old_size| for a new block; ours counts it as a size of 0. */
static void *allocate(void *context, void *block, size_t old_size, size_t new_size) {
    struct lr_sandbox *sandbox = context;
    struct lr_alloc *alloc = &sandbox->memory.base;
    if (new_size == 0) {
        if (block != NULL) {
            lr_alloc_free(alloc, block, old_size);
        }
        return NULL;
    }
    return alloc->resize(alloc, block, block == NULL ? 0 : old_size, new_size);
}

static void count_instructions(lua_State *lua, lua_Debug *debug) {
    (void)debug;
    struct lr_sandbox *sandbox = sandbox_of(lua);
    sandbox->instructions += HOOK_EVERY;
    if (sandbox->instructions > sandbox->instructions_max) {
        /* At the next instruction, too: a pcall around this one does not help. */
        lua_sethook(lua, count_instructions, LUA_MASKCOUNT, 1);
        luaL_error(lua, "the script has run %d million instructions without an end",
                   (int)(sandbox->instructions_max / 1000000));
    }
}

static int draw_random(lua_State *lua) {
    struct lr_sandbox *sandbox = sandbox_of(lua);
    lua_Integer low = 1;
    lua_Integer high;
    if (lua_gettop(lua) == 0) {
        lua_pushnumber(lua, (lua_Number)(lr_prng_next(&sandbox->random) >> 11) * 0x1p-53);
        return 1;
    }
    if (lua_gettop(lua) >= 2) {
        low = luaL_checkinteger(lua, 1);
        high = luaL_checkinteger(lua, 2);
    } else {
        high = luaL_checkinteger(lua, 1);
    }
    luaL_argcheck(lua, low <= high, 1, "the interval is empty");
    uint64_t width = (uint64_t)high - (uint64_t)low + 1;
    uint64_t draw =
        width == 0 ? lr_prng_next(&sandbox->random) : lr_prng_below(&sandbox->random, width);
    uint64_t drawn = (uint64_t)low + draw;
    lua_pushinteger(lua, (lua_Integer)drawn);
    return 1;
}

static bool has_address(int type) {
    return type == LUA_TTABLE || type == LUA_TFUNCTION || type == LUA_TUSERDATA ||
           type == LUA_TLIGHTUSERDATA || type == LUA_TTHREAD;
}

const char *lr_sandbox_text(lua_State *lua, int index) {
    int type = lua_type(lua, index);
    index = lua_absindex(lua, index);
    if (!has_address(type)) {
        return luaL_tolstring(lua, index, NULL);
    }
    if (luaL_getmetafield(lua, index, "__tostring") != LUA_TNIL) {
        lua_pop(lua, 1);
        return luaL_tolstring(lua, index, NULL);
    }
    int name = luaL_getmetafield(lua, index, "__name");
    if (name != LUA_TSTRING) {
        lua_pop(lua, name == LUA_TNIL ? 0 : 1);
        (void)lua_pushstring(lua, lua_typename(lua, type));
    }
    return lua_tostring(lua, -1);
}

static int text_of(lua_State *lua) {
    luaL_checkany(lua, 1);
    (void)lr_sandbox_text(lua, 1);
    return 1;
}

/* string.format, its upvalue, without what shows addresses. */
static int format_text(lua_State *lua) {
    size_t size;
    const char *format = luaL_checklstring(lua, 1, &size);
    for (size_t i = 0; i < size; i++) {
        if (format[i] == '%') {
            for (i++; i < size && format[i] != '\0' && strchr("-+ #0123456789.", format[i]); i++) {}
            luaL_argcheck(lua, i >= size || format[i] != 'p', 1, "%p would show an address");
        }
    }
    for (int i = 2; i <= lua_gettop(lua); i++) {
        if (has_address(lua_type(lua, i))) {
            (void)lr_sandbox_text(lua, i);
            lua_replace(lua, i);
        }
    }
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_insert(lua, 1);
    lua_call(lua, lua_gettop(lua) - 1, 1);
    return 1;
}

/* Strings and numbers by their value; what has no order of its own keeps out of the way. */
static const char ordered_pairs[] =
    "local next, type, sort, rawget = next, type, table.sort, rawget\n"
    "local rank = { number = 1, string = 2, boolean = 3 }\n"
    "local function before(a, b)\n"
    "  local x, y = rank[type(a)] or 4, rank[type(b)] or 4\n"
    "  if x ~= y then return x < y end\n"
    "  if x <= 2 then return a < b end\n"
    "  if x == 3 then return not a and b end\n"
    "  return false\n"
    "end\n"
    "return function(t)\n"
    "  local keys = {}\n"
    "  for key in next, t do\n"
    "    if not rank[type(key)] then\n"
    "      error('pairs: a key of type ' .. type(key) .. ' has no order', 2)\n"
    "    end\n"
    "    keys[#keys + 1] = key\n"
    "  end\n"
    "  sort(keys, before)\n"
    "  local i = 0\n"
    "  return function()\n"
    "    i = i + 1\n"
    "    local key = keys[i]\n"
    "    if key ~= nil then return key, rawget(t, key) end\n"
    "  end\n"
    "end\n";

/* What a script gets of the standard library; the rest would let the world in, or addresses out. */
static const luaL_Reg libraries[] = {
    {LUA_GNAME, luaopen_base},       {LUA_STRLIBNAME, luaopen_string},
    {LUA_TABLIBNAME, luaopen_table}, {LUA_MATHLIBNAME, luaopen_math},
    {LUA_UTF8LIBNAME, luaopen_utf8}, {NULL, NULL},
};

static const char *const removed[] = {"dofile",  "load",       "loadfile",       "next",
                                      "require", "loadstring", "collectgarbage", "print"};

static int open_libraries(lua_State *lua) {
    lua_rawsetp(lua, LUA_REGISTRYINDEX, &sandbox_key); /* the argument */
    for (const luaL_Reg *library = libraries; library->func != NULL; library++) {
        luaL_requiref(lua, library->name, library->func, 1);
        lua_pop(lua, 1);
    }
    if (luaL_loadbufferx(lua, ordered_pairs, sizeof ordered_pairs - 1, "=pairs", "t") != LUA_OK) {
        return lua_error(lua);
    }
    lua_call(lua, 0, 1);
    lua_setglobal(lua, "pairs");
    for (size_t i = 0; i < LR_COUNT_OF(removed); i++) {
        lua_pushnil(lua);
        lua_setglobal(lua, removed[i]);
    }
    (void)lua_getglobal(lua, "math");
    lua_pushcfunction(lua, draw_random);
    lua_setfield(lua, -2, "random");
    lua_pushnil(lua);
    lua_setfield(lua, -2, "randomseed");
    (void)lua_getglobal(lua, "string");
    lua_pushnil(lua);
    lua_setfield(lua, -2, "dump");
    (void)lua_getfield(lua, -1, "format");
    lua_pushcclosure(lua, format_text, 1);
    lua_setfield(lua, -2, "format");
    lua_register(lua, "tostring", text_of);
    return 0;
}

enum lr_status lr_sandbox_init(struct lr_sandbox *sandbox, struct lr_alloc *alloc, uint64_t seed) {
    *sandbox = (struct lr_sandbox){.instructions_max = LR_SCRIPT_INSTRUCTIONS_MAX};
    lr_counting_alloc_init(&sandbox->memory, alloc);
    sandbox->memory.limit_bytes = LR_SCRIPT_MEMORY_MAX;
    lr_prng_init(&sandbox->random, seed);
    sandbox->random = lr_prng_fork(&sandbox->random, "script");
    sandbox->lua = lua_newstate(allocate, sandbox);
    if (sandbox->lua == NULL) {
        return LR_ENOMEM;
    }
    lr_sandbox_set_owner(sandbox->lua, NULL);
    lua_pushcfunction(sandbox->lua, open_libraries);
    lua_pushlightuserdata(sandbox->lua, sandbox);
    if (lua_pcall(sandbox->lua, 1, 0, 0) != LUA_OK) {
        lr_sandbox_deinit(sandbox);
        return LR_ENOMEM;
    }
    lua_sethook(sandbox->lua, count_instructions, LUA_MASKCOUNT, HOOK_EVERY);
    /* When garbage goes is the script's to say: what a collector of its own finds, and when, hangs
     * on how much this program allocates. At the limit of memory Lua collects all the same. */
    (void)lua_gc(sandbox->lua, LUA_GCSTOP);
    return LR_OK;
}

struct protected_body {
    void (*body)(lua_State *lua, void *context);
    void *context;
};

static int run_protected(lua_State *lua) {
    const struct protected_body *run = lua_touserdata(lua, 1);
    lua_settop(lua, 0);
    run->body(lua, run->context);
    return 0;
}

enum lr_status lr_sandbox_protect(struct lr_sandbox *sandbox,
                                  void (*body)(lua_State *lua, void *context), void *context,
                                  struct lr_error *error) {
    struct protected_body run = {body, context};
    lua_pushcfunction(sandbox->lua, run_protected);
    lua_pushlightuserdata(sandbox->lua, &run);
    int failed = lua_pcall(sandbox->lua, 1, 0, 0);
    if (failed == LUA_OK) {
        return LR_OK;
    }
    bool is_text = lua_type(sandbox->lua, -1) == LUA_TSTRING;
    enum lr_status status =
        lr_error_set(error, failed == LUA_ERRMEM ? LR_ENOMEM : LR_EINVAL, "%s",
                     is_text ? lua_tostring(sandbox->lua, -1) : "an error that is no text");
    lua_pop(sandbox->lua, 1);
    return status;
}

void lr_sandbox_deinit(struct lr_sandbox *sandbox) {
    if (sandbox->lua != NULL) {
        lua_close(sandbox->lua);
        sandbox->lua = NULL;
    }
}
