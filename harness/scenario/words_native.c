/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions behind reference-counted native handles, as a C++ client holds them: share() moves a
 * session of ours into one, copies and members count, and no collector ever looks. */
#include <stdio.h>
#include <string.h>

#include "scenario/words_runtime.h"

/* A script's variable that is a handle: LR_SHARED_TYPE begins with the session, NULL for a node. */
struct shared {
    struct lr_runtime_session *session;
    struct lr_runtime *runtime;
    char variable[LR_RUNTIME_NAME_MAX];
};

static struct lr_runtime *check_native(lua_State *lua) {
    struct lr_party *party = lr_check_party(lua, 1);
    if (party->runtime == NULL || party->runtime->native == NULL) {
        luaL_error(lua, "%s has no native handles: w:client { runtime = native() }", party->name);
    }
    if (party->ended) {
        luaL_error(lua, "%s has ended", party->name);
    }
    return party->runtime;
}

static struct shared *push_shared(lua_State *lua, struct lr_runtime *runtime, const char *stem) {
    struct shared *shared = lua_newuserdatauv(lua, sizeof *shared, 0);
    *shared = (struct shared){.runtime = runtime};
    (void)snprintf(shared->variable, sizeof shared->variable, "%s", stem);
    for (unsigned int i = 2; lr_native_find(runtime->native, shared->variable) != NULL; i++) {
        (void)snprintf(shared->variable, sizeof shared->variable, "%.48s%u", stem, i);
    }
    luaL_setmetatable(lua, LR_SHARED_TYPE);
    return shared;
}

static struct shared *check_shared(lua_State *lua, int index) {
    struct shared *shared = luaL_checkudata(lua, index, LR_SHARED_TYPE);
    if (shared->runtime->client->ended) {
        luaL_error(lua, "%s has ended", shared->runtime->client->name);
    }
    return shared;
}

static struct lr_native_object *target_of(lua_State *lua, const struct shared *shared) {
    struct lr_native_object *object = lr_native_find(shared->runtime->native, shared->variable);
    if (object == NULL) {
        luaL_error(lua, "that handle is empty");
    }
    return object;
}

static void session_gone(void *context) {
    lr_runtime_session_let_go(context, "use_count() is 0");
}

/* client:share(client:request("test")): a handle takes the session over. */
int lr_native_word_share(lua_State *lua) {
    struct lr_runtime *runtime = check_native(lua);
    struct lr_held_session *given = lr_check_session(lua, 2);
    luaL_argcheck(lua, given->session != NULL, 2, "the session is closed");
    luaL_argcheck(lua, given->client == runtime->client, 2, "it is another client's");
    struct shared *shared = push_shared(lua, runtime, luaL_optstring(lua, 3, "session"));
    struct lr_session *session = given->session;
    given->session = NULL;
    struct lr_runtime_session *held;
    lr_python_check(lua, lr_runtime_session_new(runtime, session, &held));
    lr_python_check(lua, lr_native_make(runtime->native, shared->variable, "session", session_gone,
                                        held, &held->native));
    shared->session = held;
    return 1;
}

/* client:node("Measurer"): a shared object of the program's own. */
int lr_native_word_node(lua_State *lua) {
    struct lr_runtime *runtime = check_native(lua);
    const char *name = luaL_checkstring(lua, 2);
    struct shared *shared = push_shared(lua, runtime, name);
    struct lr_native_object *object;
    lr_python_check(lua,
                    lr_native_make(runtime->native, shared->variable, name, NULL, NULL, &object));
    return 1;
}

static int shared_copy(lua_State *lua) {
    const struct shared *shared = check_shared(lua, 1);
    struct lr_native_object *object = target_of(lua, shared);
    struct shared *copy = push_shared(lua, shared->runtime, shared->variable);
    copy->session = shared->session;
    lr_python_check(lua, lr_native_copy(shared->runtime->native, copy->variable, object));
    return 1;
}

static int shared_reset(lua_State *lua) {
    const struct shared *shared = check_shared(lua, 1);
    struct lr_play *play = lr_play_of(lua);
    lr_time now = lr_world_now(play->stage->world);
    lr_words_mark(play, LR_CAUSE_LAST_REFERENCE, now, now, "%s: %s.reset()",
                  shared->runtime->client->name, shared->variable);
    if (lr_native_reset(shared->runtime->native, shared->variable) != LR_OK) {
        return luaL_error(lua, "that handle is empty");
    }
    return 0;
}

static int shared_use_count(lua_State *lua) {
    const struct shared *shared = check_shared(lua, 1);
    const struct lr_native_object *object =
        lr_native_find(shared->runtime->native, shared->variable);
    lua_pushinteger(lua, object == NULL ? 0 : (lua_Integer)lr_native_use_count(object));
    return 1;
}

static int set_member(lua_State *lua, bool weak) {
    const struct shared *owner = check_shared(lua, 1);
    const char *name = luaL_checkstring(lua, 2);
    struct lr_native_object *object =
        lua_isnil(lua, 3) ? NULL : target_of(lua, check_shared(lua, 3));
    lr_python_check(
        lua, lr_native_set(owner->runtime->native, target_of(lua, owner), name, object, weak));
    return 0;
}

static int shared_set(lua_State *lua) {
    return set_member(lua, false);
}

static int shared_set_weak(lua_State *lua) {
    return set_member(lua, true);
}

/* node:lock("session"): whether a weak member can still be had. */
static int shared_lock(lua_State *lua) {
    const struct shared *owner = check_shared(lua, 1);
    lua_pushboolean(lua, lr_native_lock(target_of(lua, owner), luaL_checkstring(lua, 2)) != NULL);
    return 1;
}

static int shared_close(lua_State *lua) {
    lr_runtime_session_close(lr_check_runtime_session(lua, 1), LR_CAUSE_CLOSE);
    return 0;
}

/* `local s <close> = client:share(..)`: the scope ends the session, whoever else holds it. */
static int shared_scope(lua_State *lua) {
    const struct shared *shared = luaL_checkudata(lua, 1, LR_SHARED_TYPE);
    if (shared->session != NULL) {
        lr_runtime_session_close(shared->session, LR_CAUSE_SCOPE);
    }
    return 0;
}

void lr_words_native(lua_State *lua) {
    static const luaL_Reg methods[] = {
        {"copy", shared_copy},   {"reset", shared_reset},       {"use_count", shared_use_count},
        {"set", shared_set},     {"set_weak", shared_set_weak}, {"lock", shared_lock},
        {"close", shared_close}, {"__close", shared_scope},     {NULL, NULL},
    };
    lr_words_type(lua, LR_SHARED_TYPE, methods);
}
