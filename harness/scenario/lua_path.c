/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/lua_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario/runtime.h"
#include "scenario/words.h"

enum { NODES_MIN = 256, FUNCTION_ROOM = 64 };
static const uint32_t NONE = UINT32_MAX;

/* An object that was met, or a running function; in the order of meeting, so nearest first. */
struct node {
    uint32_t from; /* NONE: a root */
    char via[LR_HOP_VIA_MAX];
    char name[LR_HOP_NAME_MAX];
};

/* The search keeps its tables and nodes on the stack of the function that asks. */
struct search {
    lua_State *lua;
    uint32_t account;
    int seen;    /* index of a table: object -> true */
    int objects; /* likewise: number of a node -> object */
    int room;    /* of the nodes' block */
    struct node *nodes;
    uint32_t count;
    uint32_t capacity;
    uint32_t found; /* NONE: not yet */
};

static void grow(struct search *search) {
    uint32_t capacity = search->capacity == 0 ? NODES_MIN : search->capacity * 2;
    struct node *nodes = lua_newuserdatauv(search->lua, capacity * sizeof *nodes, 0);
    if (search->count > 0) {
        memcpy(nodes, search->nodes, search->count * sizeof *nodes);
    }
    lua_replace(search->lua, search->room);
    search->nodes = nodes;
    search->capacity = capacity;
}

static uint32_t add_node(struct search *search, uint32_t from, const char *via, const char *name) {
    if (search->count == search->capacity) {
        grow(search);
    }
    struct node *node = &search->nodes[search->count];
    node->from = from;
    (void)snprintf(node->via, sizeof node->via, "%s", via);
    (void)snprintf(node->name, sizeof node->name, "%s", name);
    return search->count++;
}

/* What the object at the top is called. */
static const char *name_of(lua_State *lua, char *out, size_t size) {
    lua_Debug debug;
    const struct lr_held_session *held = luaL_testudata(lua, -1, LR_SESSION_TYPE);
    if (held != NULL) {
        (void)snprintf(out, size, "session %u", held->account);
    } else if (lua_isfunction(lua, -1)) {
        lua_pushvalue(lua, -1);
        bool known = lua_getinfo(lua, ">S", &debug) != 0 && debug.linedefined > 0;
        (void)snprintf(out, size, known ? "function of line %d" : "function", debug.linedefined);
    } else if (luaL_getmetafield(lua, -1, "__name") == LUA_TSTRING) {
        (void)snprintf(out, size, "%s", lua_tostring(lua, -1));
        lua_pop(lua, 1);
    } else {
        (void)snprintf(out, size, "%s",
                       lua_type(lua, -1) == LUA_TTHREAD ? "coroutine" : luaL_typename(lua, -1));
    }
    return out;
}

static bool is_object(int type) {
    return type == LUA_TTABLE || type == LUA_TFUNCTION || type == LUA_TUSERDATA ||
           type == LUA_TTHREAD;
}

static bool is_wanted(struct search *search) {
    const struct lr_held_session *held = luaL_testudata(search->lua, -1, LR_SESSION_TYPE);
    return held != NULL && held->session != NULL && held->account == search->account;
}

/* Takes the value at the top, which |from| refers to. An expectation is the question, no holder. */
static void meet(struct search *search, uint32_t from, const char *via) {
    lua_State *lua = search->lua;
    bool known = !is_object(lua_type(lua, -1)) || luaL_testudata(lua, -1, LR_EXPECT_TYPE) != NULL;
    if (!known) {
        lua_pushvalue(lua, -1);
        known = lua_rawget(lua, search->seen) != LUA_TNIL;
        lua_pop(lua, 1);
    }
    if (known || search->found != NONE) {
        lua_pop(lua, 1);
        return;
    }
    char name[LR_HOP_NAME_MAX];
    uint32_t number = add_node(search, from, via, name_of(lua, name, sizeof name));
    search->found = is_wanted(search) ? number : NONE;
    lua_pushvalue(lua, -1);
    lua_pushboolean(lua, true);
    lua_rawset(lua, search->seen);
    lua_rawseti(lua, search->objects, (lua_Integer)number);
}

/* ---- what refers to what ---- */

/* Whether the metatable at the top says that a table holds on to its keys, or values. */
static bool is_weak(lua_State *lua, char which) {
    lua_pushstring(lua, "__mode");
    bool weak = lua_rawget(lua, -2) == LUA_TSTRING && strchr(lua_tostring(lua, -1), which) != NULL;
    lua_pop(lua, 1);
    return weak;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The values under names, by name: the order of a table's own depends on where it lies in memory.
 */
static void follow_names(struct search *search, uint32_t from, int index) {
    lua_State *lua = search->lua;
    char via[LR_HOP_VIA_MAX];
    size_t count = 0;
    for (lua_pushnil(lua); lua_next(lua, index) != 0; lua_pop(lua, 1)) {
        count += lua_type(lua, -2) == LUA_TSTRING;
    }
    const char **names = lua_newuserdatauv(lua, (count + 1) * sizeof *names, 0);
    count = 0;
    for (lua_pushnil(lua); lua_next(lua, index) != 0; lua_pop(lua, 1)) {
        if (lua_type(lua, -2) == LUA_TSTRING) {
            names[count++] = lua_tostring(lua, -2); /* the table holds on to it */
        }
    }
    qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 0; i < count; i++) {
        lua_pushstring(lua, names[i]);
        (void)lua_rawget(lua, index);
        (void)snprintf(via, sizeof via, "key %s", names[i]);
        meet(search, from, via);
    }
    lua_pop(lua, 1);
}

/* The values that are in no row and have no name. The value of a weak key goes with it, as far as
 * is needed here. */
static void follow_others(struct search *search, uint32_t from, int index, bool weak_keys,
                          bool weak_values) {
    lua_State *lua = search->lua;
    lua_Integer length = (lua_Integer)lua_rawlen(lua, index);
    char via[LR_HOP_VIA_MAX];
    for (lua_pushnil(lua); lua_next(lua, index) != 0;) {
        int type = lua_type(lua, -2);
        lua_Integer number = lua_isinteger(lua, -2) ? lua_tointeger(lua, -2) : 0;
        bool done = type == LUA_TSTRING || (number >= 1 && number <= length);
        if (done || weak_values || (weak_keys && is_object(type))) {
            lua_pop(lua, 1);
        } else {
            (void)snprintf(via, sizeof via, lua_isinteger(lua, -2) ? "item %lld" : "under a key",
                           (long long)number);
            meet(search, from, via);
        }
        if (!weak_keys) {
            lua_pushvalue(lua, -1);
            meet(search, from, "a key");
        }
    }
}

static void follow_table(struct search *search, uint32_t from, int index) {
    lua_State *lua = search->lua;
    bool weak_keys = false;
    bool weak_values = false;
    char via[LR_HOP_VIA_MAX];
    if (lua_getmetatable(lua, index) != 0) {
        weak_keys = is_weak(lua, 'k');
        weak_values = is_weak(lua, 'v');
        meet(search, from, "metatable");
    }
    for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(lua, index) && !weak_values; i++) {
        (void)lua_rawgeti(lua, index, i);
        (void)snprintf(via, sizeof via, "item %lld", (long long)i);
        meet(search, from, via);
    }
    if (!weak_values) {
        follow_names(search, from, index);
    }
    follow_others(search, from, index, weak_keys, weak_values);
}

static void follow_function(struct search *search, uint32_t from, int index) {
    const char *name;
    char via[LR_HOP_VIA_MAX];
    for (int i = 1; (name = lua_getupvalue(search->lua, index, i)) != NULL; i++) {
        (void)snprintf(via, sizeof via, "upvalue %s", name);
        meet(search, from, via);
    }
}

static void follow_userdata(struct search *search, uint32_t from, int index) {
    lua_State *lua = search->lua;
    char via[LR_HOP_VIA_MAX];
    for (int i = 1; lua_getiuservalue(lua, index, i) != LUA_TNONE; i++) {
        bool session = luaL_testudata(lua, -1, LR_SESSION_TYPE) != NULL;
        (void)snprintf(via, sizeof via, session ? "its session" : "user value");
        meet(search, from, via);
    }
    lua_pop(lua, 1); /* the nil of the value that is not there */
    if (lua_getmetatable(lua, index) != 0) {
        meet(search, from, "metatable");
    }
}

static const char *frame_name(const lua_Debug *debug, char *out, size_t size) {
    if (debug->name != NULL) {
        (void)snprintf(out, size, "frame %s", debug->name);
    } else if (debug->linedefined > 0) {
        (void)snprintf(out, size, "frame of line %d", debug->linedefined);
    } else {
        (void)snprintf(out, size, "frame of a word");
    }
    return out;
}

static void follow_frame(struct search *search, uint32_t from, lua_State *thread,
                         lua_Debug *debug) {
    char via[LR_HOP_VIA_MAX];
    char name[LR_HOP_NAME_MAX];
    (void)lua_getinfo(thread, "nS", debug);
    uint32_t frame = add_node(search, from, "", frame_name(debug, name, sizeof name));
    lua_pushboolean(search->lua, false);
    lua_rawseti(search->lua, search->objects, (lua_Integer)frame);
    for (int way = 1; way >= -1; way -= 2) { /* locals and temporaries, then varargs */
        const char *local;
        for (int i = way; (local = lua_getlocal(thread, debug, i)) != NULL; i += way) {
            bool named = local[0] != '(';
            (void)snprintf(via, sizeof via,
                           named     ? "local %s"
                           : way < 0 ? "vararg"
                                     : "temporary",
                           local);
            lua_xmove(thread, search->lua, 1);
            meet(search, frame, via);
        }
    }
    if (lua_getinfo(thread, "f", debug) != 0) {
        lua_xmove(thread, search->lua, 1);
        meet(search, frame, "its function");
    }
}

static void follow_thread(struct search *search, uint32_t from, int index) {
    lua_State *thread = lua_tothread(search->lua, index);
    lua_Debug debug;
    luaL_checkstack(thread, FUNCTION_ROOM, "for a look at its variables");
    /* Of the running one the innermost function is the word that asks. */
    for (int level = thread == search->lua ? 1 : 0; lua_getstack(thread, level, &debug) != 0;
         level++) {
        follow_frame(search, from, thread, &debug);
    }
}

static void follow(struct search *search, uint32_t number) {
    int type = lua_rawgeti(search->lua, search->objects, (lua_Integer)number);
    int index = lua_gettop(search->lua);
    if (type == LUA_TTABLE) {
        follow_table(search, number, index);
    } else if (type == LUA_TFUNCTION) {
        follow_function(search, number, index);
    } else if (type == LUA_TUSERDATA) {
        follow_userdata(search, number, index);
    } else if (type == LUA_TTHREAD) {
        follow_thread(search, number, index);
    }
    lua_settop(search->lua, index - 1);
}

/* ---- the search ---- */

/* The actors first: what they are about to use tells more than what is everywhere. */
static void meet_roots(struct search *search) {
    lua_State *lua = search->lua;
    const struct lr_play *play = lr_play_of(lua);
    unsigned int number = 0;
    char name[LR_HOP_NAME_MAX];
    LR_LIST_EACH (node, &play->actors) {
        const struct lr_actor *actor = LR_CONTAINER_OF(node, struct lr_actor, node);
        (void)snprintf(name, sizeof name, number == 0 ? "the scenario's run" : "actor %u", number);
        number++;
        if (!actor->ended) {
            (void)lua_pushthread(actor->lua);
            lua_xmove(actor->lua, lua, actor->lua == lua ? 0 : 1);
            meet(search, NONE, name);
        }
    }
    lua_pushglobaltable(lua);
    meet(search, NONE, "globals");
    lua_pushvalue(lua, LUA_REGISTRYINDEX);
    meet(search, NONE, "registry");
}

static void add_hops(const struct search *search, uint32_t number, struct lr_retention *retention) {
    const struct node *node = &search->nodes[number];
    if (node->from == NONE) {
        lr_retention_set_root(retention, "%s", node->via);
        return;
    }
    bool in_use = strncmp(node->name, "frame ", 6) == 0;
    add_hops(search, node->from, retention);
    lr_retention_add(retention, node->via, node->name, in_use ? LR_HOP_IN_USE : LR_HOP_UNKNOWN,
                     false);
}

/* No way leads to it, nothing has ended it, and it is still there: its collector has not run. */
static bool waits_for_collector(const struct lr_play *play, const struct lr_account *account) {
    return lr_words_find_mark(play, account, LR_CAUSE_NONE) == NULL &&
           account->connected_at != LR_TIME_NEVER && account->released_at == LR_TIME_NEVER &&
           account->closed_at == LR_TIME_NEVER &&
           account->shutdown_at[LR_TO_SERVICE] == LR_TIME_NEVER &&
           account->fin_at[LR_TO_SERVICE] == LR_TIME_NEVER &&
           account->reset_at[LR_TO_SERVICE] == LR_TIME_NEVER;
}

bool lr_lua_holds(const struct lr_play *play, uint32_t number) {
    const struct lr_account *account = lr_ledger_account(play->stage->ledger, number);
    LR_LIST_EACH (node, &play->stage->parties) {
        const struct lr_party *party = LR_CONTAINER_OF(node, struct lr_party, node);
        if (account != NULL && party->kind == LR_PARTY_CLIENT &&
            strcmp(party->name, account->client) == 0) {
            return party->runtime == NULL || party->runtime->kind == LR_RUNTIME_LUA;
        }
    }
    return false;
}

bool lr_lua_path(lua_State *lua, uint32_t number, struct lr_retention *retention) {
    int top = lua_gettop(lua);
    const struct lr_stage *stage = lr_play_of(lua)->stage;
    const struct lr_account *account = lr_ledger_account(stage->ledger, number);
    lr_time now = lr_world_now(stage->world);
    luaL_checkstack(lua, FUNCTION_ROOM, "for what holds a session");
    lua_newtable(lua);
    lua_newtable(lua);
    lua_pushnil(lua);
    struct search search = {.lua = lua,
                            .account = number,
                            .seen = top + 1,
                            .objects = top + 2,
                            .room = top + 3,
                            .found = NONE};
    meet_roots(&search);
    for (uint32_t i = 0; i < search.count && search.found == NONE; i++) {
        follow(&search, i);
    }
    bool held = search.found != NONE || waits_for_collector(lr_play_of(lua), account);
    if (held) {
        lr_retention_init(retention, number, lr_stage_elapsed(stage, now));
        if (search.found != NONE) {
            add_hops(&search, search.found, retention);
            lr_retention_way(retention, "%s:gc(), once nothing refers to it", account->client);
        } else {
            lr_retention_set_root(retention, "uncollected garbage");
            lr_retention_add(retention, "", "session", LR_HOP_OVER, false);
            lr_retention_way(retention, "%s:gc()", account->client);
        }
        lr_retention_way_of_server(retention, account, now);
        lr_retention_conclude(retention);
    }
    lua_settop(lua, top);
    return held;
}
