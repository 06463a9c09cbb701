/* SPDX-License-Identifier: Apache-2.0 */
/* cpython("3.8.8") and the words of the interpreter as a whole: its collector, its modules, what
 * its callbacks told. */
#include <stdio.h>
#include <string.h>

#include "mocks/heap/collector.h"
#include "scenario/words_runtime.h"

/* The versions there are, for a wrong one. */
static void list_versions(char *out, size_t size) {
    size_t used = 0;
    for (size_t i = 0; lr_heap_profile_at(i) != NULL && used < size; i++) {
        int length = snprintf(out + used, size - used, "%s%s", i == 0 ? "" : ", ",
                              lr_heap_profile_at(i)->version);
        used += length > 0 ? (size_t)length : 0;
    }
}

/* cpython("3.8.8"[, { system = "linux" }]) */
static int make_cpython(lua_State *lua) {
    static const char *const known[] = {"system", NULL};
    const char *version = luaL_checkstring(lua, 1);
    lr_words_check_options(lua, 2, "cpython", known);
    const char *system = lr_option_string(lua, 2, "system", "windows");
    bool linux_system = strcmp(system, "linux") == 0;
    if (!linux_system && strcmp(system, "windows") != 0) {
        return luaL_error(lua,
                          "system = \"%s\": it is \"windows\" (getaddrinfo answers kind 0) or "
                          "\"linux\"",
                          system);
    }
    const struct lr_heap_profile *profile = lr_heap_profile_find(version);
    if (profile == NULL) {
        char versions[256];
        list_versions(versions, sizeof versions);
        return luaL_error(lua, "there is no cpython(\"%s\"); there are %s", version, versions);
    }
    struct lr_runtime_options *options = lua_newuserdatauv(lua, sizeof *options, 0);
    *options = (struct lr_runtime_options){
        .kind = LR_RUNTIME_PYTHON, .python = profile, .kind_known = linux_system};
    luaL_setmetatable(lua, LR_RUNTIME_TYPE);
    return 1;
}

static int make_other(lua_State *lua, enum lr_runtime_kind kind) {
    struct lr_runtime_options *options = lua_newuserdatauv(lua, sizeof *options, 0);
    *options = (struct lr_runtime_options){.kind = kind};
    luaL_setmetatable(lua, LR_RUNTIME_TYPE);
    return 1;
}

static int make_native(lua_State *lua) {
    return make_other(lua, LR_RUNTIME_NATIVE);
}

static int make_lua(lua_State *lua) {
    return make_other(lua, LR_RUNTIME_LUA);
}

void lr_words_give_runtime(lua_State *lua, int index, struct lr_party *party) {
    if (!lua_istable(lua, index) || lua_getfield(lua, index, "runtime") == LUA_TNIL) {
        return;
    }
    const struct lr_runtime_options *options = luaL_testudata(lua, -1, LR_RUNTIME_TYPE);
    if (options == NULL) {
        luaL_error(lua, "runtime = cpython(\"3.8.8\"), native() or lua()");
        return;
    }
    if (lr_runtime_new(lr_play_of(lua), party, options) != LR_OK) {
        luaL_error(lua, "no memory for a runtime");
    }
    lua_pop(lua, 1);
}

/* py:gc(0): gc.collect(0); 2 unless said. Returns what CPython's does. Of a client in Lua: its own
 * collector, whole. */
int lr_python_word_gc(lua_State *lua) {
    const struct lr_party *party = lr_check_party(lua, 1);
    if (party->runtime != NULL && party->runtime->kind == LR_RUNTIME_LUA) {
        (void)lua_gc(lua, LUA_GCCOLLECT);
        return 0;
    }
    struct lr_runtime *runtime = lr_check_python(lua, 1);
    lua_Integer generation = luaL_optinteger(lua, 2, LR_HEAP_GENERATIONS - 1);
    luaL_argcheck(lua, generation >= 0 && generation < LR_HEAP_GENERATIONS, 2,
                  "a generation is 0, 1 or 2");
    lua_pushinteger(lua, (lua_Integer)lr_heap_collect(runtime->heap, (int)generation));
    return 1;
}

int lr_python_word_gc_disable(lua_State *lua) {
    lr_heap_set_gc_enabled(lr_check_python(lua, 1)->heap, false);
    return 0;
}

int lr_python_word_gc_enable(lua_State *lua) {
    lr_heap_set_gc_enabled(lr_check_python(lua, 1)->heap, true);
    return 0;
}

/* py:gc_threshold(700, 10, 10) */
int lr_python_word_gc_threshold(lua_State *lua) {
    struct lr_runtime *runtime = lr_check_python(lua, 1);
    unsigned int threshold[LR_HEAP_GENERATIONS];
    for (int i = 0; i < LR_HEAP_GENERATIONS; i++) {
        lua_Integer value = luaL_checkinteger(lua, i + 2);
        luaL_argcheck(lua, value >= 0 && value <= 1000000, i + 2, "it is 0 to 1000000");
        threshold[i] = (unsigned int)value;
    }
    lr_heap_set_threshold(runtime->heap, threshold);
    return 0;
}

/* py:allocate(701): containers that the program makes meanwhile, and keeps. */
int lr_python_word_allocate(lua_State *lua) {
    struct lr_runtime *runtime = lr_check_python(lua, 1);
    lua_Integer count = luaL_checkinteger(lua, 2);
    luaL_argcheck(lua, count > 0 && count <= 1000000, 2, "it is 1 to 1000000");
    if (lr_heap_fill(runtime->heap, (size_t)count, false) < (size_t)count) {
        return luaL_error(lua, "no memory for so many objects");
    }
    return 0;
}

/* py:events(): what callbacks told and which sessions were released, in order. */
int lr_python_word_events(lua_State *lua) {
    const struct lr_party *party = lr_check_party(lua, 1);
    if (party->runtime == NULL) {
        return luaL_error(lua, "%s has no runtime", party->name);
    }
    lua_newtable(lua);
    lua_Integer index = 0;
    for (const struct lr_result_line *line = party->runtime->events.first; line != NULL;
         line = line->next) {
        lua_pushstring(lua, line->text);
        lua_rawseti(lua, -2, ++index);
    }
    return 1;
}

int lr_python_word_globals(lua_State *lua) {
    struct lr_runtime *runtime = lr_check_python(lua, 1);
    return lr_push_names(lua, runtime, lr_python_main(runtime));
}

/* py:module("registry"): its names; imported where it is not yet there. */
int lr_python_word_module(lua_State *lua) {
    struct lr_runtime *runtime = lr_check_python(lua, 1);
    const char *name = luaL_checkstring(lua, 2);
    struct lr_object *module = lr_heap_module(runtime->heap, name);
    if (module == NULL) {
        lr_python_check(lua, lr_heap_new_module(runtime->heap, name, &module));
        lr_heap_drop(runtime->heap, module); /* sys.modules holds it */
    }
    return lr_push_names(lua, runtime, module);
}

void lr_words_runtime(lua_State *lua) {
    static const luaL_Reg none[] = {{NULL, NULL}};
    lr_words_type(lua, LR_RUNTIME_TYPE, none);
    lua_register(lua, "cpython", make_cpython);
    lua_register(lua, "native", make_native);
    lua_register(lua, "lua", make_lua);
}
