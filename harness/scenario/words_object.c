/* SPDX-License-Identifier: Apache-2.0 */
/* A script's values of the heap model's objects, and of its names: frame.r, globals.registry. */
#include <stdio.h>
#include <string.h>

#include "mocks/heap/collector.h"
#include "mocks/heap/run.h"
#include "scenario/words_runtime.h"

static struct lr_object_value *value_at(lua_State *lua, int index) {
    return luaL_checkudata(lua, index, LR_OBJECT_TYPE);
}

struct lr_object_value *lr_check_object(lua_State *lua, int index) {
    struct lr_object_value *value = value_at(lua, index);
    lr_python_enter(lua, value->runtime);
    if (value->object.object == NULL) {
        luaL_error(lua, "that object has gone");
    }
    return value;
}

int lr_push_object(lua_State *lua, struct lr_runtime *runtime, struct lr_object *object,
                   struct lr_object *owner, const char *name) {
    struct lr_object_value *value = lua_newuserdatauv(lua, sizeof *value, 0);
    *value = (struct lr_object_value){.runtime = runtime};
    (void)snprintf(value->name, sizeof value->name, "%s", name == NULL ? "" : name);
    value->session = lr_runtime_session_of(runtime, object);
    lr_heap_watch(&value->object, object);
    lr_heap_watch(&value->owner, owner);
    luaL_setmetatable(lua, LR_OBJECT_TYPE); /* from here on it is collected */
    return 1;
}

/* "r", "r2", "r3": the first that is no global yet. */
static void free_name(const struct lr_runtime *runtime, const char *stem, char *out, size_t size) {
    (void)snprintf(out, size, "%s", stem);
    for (unsigned int i = 2; lr_heap_has(lr_python_main(runtime), out); i++) {
        (void)snprintf(out, size, "%.48s%u", stem, i);
    }
}

int lr_give_object(lua_State *lua, struct lr_runtime *runtime, struct lr_object *object,
                   const char *stem) {
    if (!lr_python_outermost(runtime)) {
        (void)lr_push_object(lua, runtime, object, NULL, NULL);
        lr_python_check(lua, lr_runtime_loose_add(runtime, object));
        return 1;
    }
    char name[LR_RUNTIME_NAME_MAX];
    free_name(runtime, stem, name, sizeof name);
    struct lr_object *main_module = lr_python_main(runtime);
    enum lr_status status = lr_heap_set(runtime->heap, main_module, name, object);
    if (status == LR_OK) {
        (void)lr_push_object(lua, runtime, object, main_module, name);
    }
    lr_heap_drop(runtime->heap, object);
    lr_python_check(lua, status);
    return 1;
}

struct lr_object *lr_value_object(lua_State *lua, int index) {
    if (luaL_testudata(lua, index, LR_OBJECT_TYPE) != NULL) {
        return lr_check_object(lua, index)->object.object;
    }
    luaL_checkany(lua, index);
    if (lua_type(lua, index) == LUA_TUSERDATA || lua_type(lua, index) == LUA_TTABLE ||
        lua_type(lua, index) == LUA_TFUNCTION) {
        luaL_error(lua, "the program can hold its own objects, numbers and texts, and nil");
    }
    return NULL; /* a number or a text refers to nothing */
}

/* ---- names ---- */

struct names {
    struct lr_runtime *runtime;
    struct lr_heap_watch owner;
};

int lr_push_names(lua_State *lua, struct lr_runtime *runtime, struct lr_object *owner) {
    struct names *names = lua_newuserdatauv(lua, sizeof *names, 0);
    *names = (struct names){.runtime = runtime};
    lr_heap_watch(&names->owner, owner);
    luaL_setmetatable(lua, LR_NAMES_TYPE);
    return 1;
}

static struct names *check_names(lua_State *lua) {
    struct names *names = luaL_checkudata(lua, 1, LR_NAMES_TYPE);
    lr_python_enter(lua, names->runtime);
    if (names->owner.object == NULL) {
        luaL_error(lua, "that frame has gone");
    }
    return names;
}

static int names_index(lua_State *lua) {
    struct names *names = check_names(lua);
    const char *name = luaL_checkstring(lua, 2);
    struct lr_object *object = lr_heap_get(names->owner.object, name);
    if (object == NULL) {
        lua_pushnil(lua);
        return 1;
    }
    return lr_push_object(lua, names->runtime, object, names->owner.object, name);
}

static int names_newindex(lua_State *lua) {
    struct names *names = check_names(lua);
    const char *name = luaL_checkstring(lua, 2);
    struct lr_object *object = lr_value_object(lua, 3);
    lr_python_check(lua, lr_heap_set(names->runtime->heap, names->owner.object, name, object));
    lr_runtime_loose_drop(names->runtime, object);
    return 0;
}

static int names_collect(lua_State *lua) {
    struct names *names = luaL_checkudata(lua, 1, LR_NAMES_TYPE);
    lr_heap_unwatch(&names->owner);
    return 0;
}

/* ---- objects ---- */

static int object_collect(lua_State *lua) {
    struct lr_object_value *value = value_at(lua, 1);
    lr_heap_unwatch(&value->object);
    lr_heap_unwatch(&value->owner);
    return 0;
}

static int object_equal(lua_State *lua) {
    const struct lr_object_value *a = luaL_testudata(lua, 1, LR_OBJECT_TYPE);
    const struct lr_object_value *b = luaL_testudata(lua, 2, LR_OBJECT_TYPE);
    lua_pushboolean(lua, a != NULL && b != NULL && a->object.object != NULL &&
                             a->object.object == b->object.object);
    return 1;
}

static int object_text(lua_State *lua) {
    char text[LR_HOP_NAME_MAX];
    const struct lr_object_value *value = value_at(lua, 1);
    lua_pushstring(lua, value->object.object == NULL
                            ? "an object that has gone"
                            : lr_object_text(text, sizeof text, value->object.object));
    return 1;
}

static int object_refcount(lua_State *lua) {
    lua_pushinteger(lua, (lua_Integer)lr_heap_refcount(lr_check_object(lua, 1)->object.object));
    return 1;
}

static int object_alive(lua_State *lua) {
    const struct lr_object_value *value = value_at(lua, 1);
    bool alive = value->object.object != NULL;
    if (alive && lr_object_kind(value->object.object) == LR_OBJECT_FINALIZE) {
        alive = lr_heap_finalize_alive(value->object.object);
    }
    lua_pushboolean(lua, alive && !value->runtime->ended && !value->runtime->client->ended);
    return 1;
}

/* object:set("session", r): an attribute, a dict's key, a thread local's attribute. */
static int object_set(lua_State *lua) {
    struct lr_object_value *value = lr_check_object(lua, 1);
    const char *name = luaL_checkstring(lua, 2);
    struct lr_object *object = lr_value_object(lua, 3);
    lr_python_check(lua, lr_heap_set(value->runtime->heap, value->object.object, name, object));
    lr_runtime_loose_drop(value->runtime, object);
    return 0;
}

static int object_get(lua_State *lua) {
    struct lr_object_value *value = lr_check_object(lua, 1);
    const char *name = luaL_checkstring(lua, 2);
    struct lr_object *object = lr_heap_get(value->object.object, name);
    if (object == NULL) {
        lua_pushnil(lua);
        return 1;
    }
    return lr_push_object(lua, value->runtime, object, value->object.object, name);
}

static void mark_deletion(lua_State *lua, const struct lr_runtime *runtime, const char *name) {
    struct lr_play *play = lr_play_of(lua);
    lr_time now = lr_world_now(play->stage->world);
    lr_words_mark(play, LR_CAUSE_LAST_REFERENCE, now, now, "%s: del %s", runtime->client->name,
                  name);
}

/* object:unset("session"): del object.session. */
static int object_unset(lua_State *lua) {
    struct lr_object_value *value = lr_check_object(lua, 1);
    const char *name = luaL_checkstring(lua, 2);
    mark_deletion(lua, value->runtime, name);
    if (lr_heap_del(value->runtime->heap, value->object.object, name) != LR_OK) {
        return luaL_error(lua, "there is no \"%s\" in it", name);
    }
    return 0;
}

static int object_append(lua_State *lua) {
    struct lr_object_value *value = lr_check_object(lua, 1);
    struct lr_object *object = lr_value_object(lua, 2);
    lr_python_check(lua, lr_heap_append(value->runtime->heap, value->object.object, object));
    lr_runtime_loose_drop(value->runtime, object);
    return 0;
}

/* list:pop(): the last item goes from the list; nobody takes it. */
static int object_pop(lua_State *lua) {
    struct lr_object_value *value = lr_check_object(lua, 1);
    mark_deletion(lua, value->runtime, "list[-1]");
    lr_heap_drop(value->runtime->heap, lr_heap_pop(value->runtime->heap, value->object.object));
    return 0;
}

static int object_clear(lua_State *lua) {
    struct lr_object_value *value = lr_check_object(lua, 1);
    mark_deletion(lua, value->runtime, "items");
    lr_heap_empty(value->runtime->heap, value->object.object);
    return 0;
}

/* A weak reference's target, or nil. */
static int object_target(lua_State *lua) {
    struct lr_object_value *value = lr_check_object(lua, 1);
    struct lr_object *target = lr_heap_weakref_target(value->object.object);
    if (target == NULL) {
        lua_pushnil(lua);
        return 1;
    }
    return lr_push_object(lua, value->runtime, target, NULL, NULL);
}

static int object_detach(lua_State *lua) {
    struct lr_object_value *value = lr_check_object(lua, 1);
    lr_heap_finalize_detach(value->runtime->heap, value->object.object);
    return 0;
}

/* A generator: g.close() runs what stands in its finally and with; it returns. */
static int object_finish(lua_State *lua) {
    struct lr_object_value *value = lr_check_object(lua, 1);
    lr_heap_generator_close(value->runtime->heap, value->object.object);
    return 0;
}

static void revive(struct lr_heap *heap, struct lr_object *self,
                   const struct lr_heap_release *release, void *context) {
    struct lr_runtime_label *label = context;
    struct lr_object *module = lr_heap_module(heap, "__main__");
    (void)release;
    if (module == NULL || lr_heap_set(heap, module, label->text, self) != LR_OK) {
        return; /* without its module, at exit, or memory for a name it stays as it is: going */
    }
}

/* object:revives_as("saved"): its __del__ makes it a global again, once. */
static int object_revives_as(lua_State *lua) {
    struct lr_object_value *value = lr_check_object(lua, 1);
    struct lr_runtime_label *label;
    lr_python_check(lua, lr_runtime_label_new(value->runtime, luaL_checkstring(lua, 2), &label));
    lr_heap_set_del(value->object.object, revive, label);
    return 0;
}

int lr_python_word_del(lua_State *lua) {
    struct lr_runtime *runtime = lr_check_python(lua, 1);
    struct lr_object_value *value = value_at(lua, 2);
    if (value->owner.object == NULL) {
        if (value->object.object == NULL || value->name[0] != '\0') {
            return luaL_error(lua, "nothing holds it by a name any more");
        }
        lr_runtime_loose_drop(runtime, value->object.object);
        return 0;
    }
    mark_deletion(lua, runtime, value->name);
    if (lr_heap_del(runtime->heap, value->owner.object, value->name) != LR_OK) {
        return luaL_error(lua, "\"%s\" is not bound any more", value->name);
    }
    lr_heap_unwatch(&value->owner);
    return 0;
}

int lr_python_word_refcount(lua_State *lua) {
    (void)lr_check_python(lua, 1);
    lua_pushinteger(lua, (lua_Integer)lr_heap_refcount(lr_check_object(lua, 2)->object.object));
    return 1;
}

/* The session that the value at |index| is; NULL: none of a model. */
static struct lr_runtime_session *test_session(lua_State *lua, int index) {
    const struct lr_object_value *value = luaL_testudata(lua, index, LR_OBJECT_TYPE);
    struct lr_runtime_session **shared = luaL_testudata(lua, index, LR_SHARED_TYPE);
    if (value != NULL) {
        return value->session;
    }
    return shared != NULL ? *shared : NULL;
}

bool lr_runtime_account(lua_State *lua, int index, uint32_t *account) {
    const struct lr_runtime_session *held = test_session(lua, index);
    if (held == NULL) {
        return false;
    }
    *account = held->account;
    return true;
}

bool lr_runtime_mark(lua_State *lua, int index, struct lr_mark *mark) {
    const struct lr_runtime_session *held = test_session(lua, index);
    if (held == NULL || held->mark.cause == LR_CAUSE_NONE) {
        return false;
    }
    *mark = held->mark;
    return true;
}

struct lr_runtime_session *lr_check_runtime_session(lua_State *lua, int index) {
    struct lr_runtime_session *held = test_session(lua, index);
    if (held == NULL) {
        luaL_error(lua, "this is no session of a runtime");
    }
    return held;
}

void lr_words_object(lua_State *lua) {
    static const luaL_Reg methods[] = {
        {"refcount", object_refcount},
        {"alive", object_alive},
        {"set", object_set},
        {"get", object_get},
        {"unset", object_unset},
        {"append", object_append},
        {"pop", object_pop},
        {"clear", object_clear},
        {"target", object_target},
        {"detach", object_detach},
        {"finish", object_finish},
        {"revives_as", object_revives_as},
        {"next", lr_object_word_next},
        {"request", lr_object_word_request},
        {"close", lr_object_word_close},
        {"closed", lr_object_word_closed},
        {"call", lr_object_word_call},
        {"get_function", lr_object_word_get_function},
        {"array", lr_object_word_array},
        {"device", lr_object_word_device},
        {"write", lr_object_word_write},
        {"read", lr_object_word_read},
        {"__call", lr_object_word_invoke},
        {"__eq", object_equal},
        {"__tostring", object_text},
        {"__gc", object_collect},
        {NULL, NULL},
    };
    static const luaL_Reg names[] = {{"__gc", names_collect}, {NULL, NULL}};
    lr_words_type(lua, LR_OBJECT_TYPE, methods);
    lr_words_type(lua, LR_NAMES_TYPE, names);
    luaL_getmetatable(lua, LR_NAMES_TYPE);
    lua_pushcfunction(lua, names_index);
    lua_setfield(lua, -2, "__index");
    lua_pushcfunction(lua, names_newindex);
    lua_setfield(lua, -2, "__newindex");
    lua_pop(lua, 1);
}
