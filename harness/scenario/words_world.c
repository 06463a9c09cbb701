/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the world: who comes onto the stage, and time. Foreign services come in words_tvm.c.
 */
#include <stdio.h>
#include <string.h>

#include "scenario/words.h"
#include "scenario/words_of_world.h"
#include "scenario/words_runtime.h"

static const char *host_option(lua_State *lua) {
    const char *host = lr_option_string(lua, 2, "host", "127.0.0.1");
    luaL_argcheck(lua, strlen(host) < LR_HOST_MAX, 2, "the host's name is too long");
    return host;
}

/* The first free one of |ports| ports from |port| on is taken. */
static uint32_t port_end_option(lua_State *lua, uint16_t port) {
    return (uint32_t)port + (uint32_t)lr_option_count(lua, 2, "ports", 1, 1, 65535 - port + 1);
}

/* For how long a peer may be silent: two thirds of it before the first probe, as in 30 s and
 * 3 probes of 5 s. */
static struct lr_keepalive silence_option(lua_State *lua, struct lr_keepalive otherwise) {
    uint64_t usual = otherwise.idle_ns + otherwise.interval_ns * otherwise.probes;
    uint64_t silence = lr_option_duration(lua, 2, "silence", usual);
    if (silence == usual) {
        return otherwise;
    }
    return (struct lr_keepalive){
        .idle_ns = silence / 3 * 2, .interval_ns = silence / 9, .probes = 3};
}

/* With relay = true a service of ours has a relay before it in the live world, on which all faults
 * of links exist: it listens at another loopback address, as foreign ones do. In the simulated one
 * every link has them. */
static bool wants_relay(lua_State *lua) {
    return lr_option_boolean(lua, 2, "relay", false) && lr_play_of(lua)->stage->live != NULL;
}

#define RELAYED_HOST "127.0.0.2"

static int relayed(lua_State *lua, int status, lua_KContext plane) {
    (void)status;
    struct lr_party *party = lr_check_party(lua, -1);
    struct lr_address target = party->service;
    struct lr_error error = {.code = LR_OK};
    if (lr_live_relay(party->stage->live, party->name, (enum lr_plane)plane, "127.0.0.1",
                      target.port, &target, &party->relay, &error) != LR_OK) {
        return lr_words_raise(lua, &error);
    }
    lr_words_reached_at(lua, party, "127.0.0.1");
    return 1;
}

/* Waits for |party|, and puts a relay before it if that is wanted. */
static int wait_service(lua_State *lua, struct lr_party *party, enum lr_plane plane, bool relay) {
    return relay ? lr_wait_party_then(lua, party, (lua_KContext)plane, relayed)
                 : lr_wait_party(lua, party);
}

/* At its number a port stays ours while a relay there refuses; and the relay's is the same. */
static void choose_relayed(lua_State *lua, const char **host, uint16_t *port, uint32_t *port_end) {
    struct lr_world *world = lr_play_of(lua)->stage->world;
    *host = RELAYED_HOST;
    *port = *port != 0 ? *port : lr_world_free_port(world, "127.0.0.1");
    *port_end = (uint32_t)*port + 1;
}

static int world_tracker(lua_State *lua) {
    static const char *const known[] = {"name",      "host",    "port",   "stop_key",
                                        "handshake", "stalled", "unread", "silence",
                                        "ports",     "relay",   NULL};
    lr_words_check_options(lua, 2, "tracker", known);
    struct lr_tracker_options options = lr_tracker_options_default;
    options.host = host_option(lua);
    options.port = (uint16_t)lr_option_count(lua, 2, "port", 0, 0, 65535);
    options.port_end = port_end_option(lua, options.port);
    options.stop_key = lr_option_string(lua, 2, "stop_key", options.stop_key);
    options.handshake_ns = lr_option_duration(lua, 2, "handshake", options.handshake_ns);
    options.stalled_ns = lr_option_duration(lua, 2, "stalled", options.stalled_ns);
    options.unread_ns = lr_option_duration(lua, 2, "unread", options.unread_ns);
    options.keepalive = silence_option(lua, options.keepalive);
    struct lr_party *party;
    struct lr_error error = {.code = LR_OK};
    struct lr_play *play = lr_play_of(lua);
    const bool relay = wants_relay(lua);
    if (relay) {
        choose_relayed(lua, &options.host, &options.port, &options.port_end);
    }
    if (lr_stage_tracker(play->stage, lr_option_string(lua, 2, "name", NULL), &options, &party,
                         &error) != LR_OK) {
        return lr_words_raise(lua, &error);
    }
    return wait_service(lua, party, LR_PLANE_CONTROL, relay);
}

static enum lr_dialect_choice dialect_option(lua_State *lua) {
    static const char *const names[] = {"auto", "legacy", "ffi", NULL};
    const char *name = lr_option_string(lua, 2, "dialect", "auto");
    for (int i = 0; names[i] != NULL; i++) {
        if (strcmp(name, names[i]) == 0) {
            return (enum lr_dialect_choice)i;
        }
    }
    luaL_error(lua, "dialect = \"%s\": it is \"auto\", \"legacy\" or \"ffi\"", name);
    return LR_SPEAK_AUTO;
}

static uint64_t option_size(lua_State *lua, const char *name, uint64_t otherwise) {
    return (uint64_t)lr_option_count(lua, 2, name, (lua_Integer)otherwise, 0, LUA_MAXINTEGER);
}

static void read_server_options(lua_State *lua, struct lr_server_options *options) {
    static const char *const known[] = {"name",    "host",     "port",      "key",     "tracker",
                                        "dialect", "sessions", "handshake", "stalled", "unread",
                                        "unused",  "silence",  "memory",    "handles", "packet",
                                        "ports",   "relay",    NULL};
    lr_words_check_options(lua, 2, "server", known);
    *options = lr_server_options_default;
    options->host = host_option(lua);
    options->port = (uint16_t)lr_option_count(lua, 2, "port", 0, 0, 65535);
    options->port_end = port_end_option(lua, options->port);
    options->key = lr_option_string(lua, 2, "key", "");
    options->dialect = dialect_option(lua);
    options->sessions_max = (unsigned int)lr_option_count(lua, 2, "sessions", 1, 1, 65535);
    options->handshake_ns = lr_option_duration(lua, 2, "handshake", options->handshake_ns);
    options->stalled_ns = lr_option_duration(lua, 2, "stalled", options->stalled_ns);
    options->unread_ns = lr_option_duration(lua, 2, "unread", options->unread_ns);
    options->unused_ns = lr_option_duration(lua, 2, "unused", options->unused_ns);
    options->keepalive = silence_option(lua, options->keepalive);
    options->handles_max = (size_t)option_size(lua, "handles", options->handles_max);
    options->memory_bytes_max = (size_t)option_size(lua, "memory", options->memory_bytes_max);
    options->packet_bytes_max = option_size(lua, "packet", options->packet_bytes_max);
}

static int world_server(lua_State *lua) {
    struct lr_server_options options;
    read_server_options(lua, &options);
    struct lr_party *party;
    struct lr_error error = {.code = LR_OK};
    struct lr_play *play = lr_play_of(lua);
    const bool relay = wants_relay(lua);
    if (relay) {
        choose_relayed(lua, &options.host, &options.port, &options.port_end);
        options.custom_host = "127.0.0.1";
    }
    if (lr_stage_server(play->stage, lr_option_string(lua, 2, "name", NULL), &options,
                        lr_option_party(lua, 2, "tracker"), &party, &error) != LR_OK) {
        return lr_words_raise(lua, &error);
    }
    return wait_service(lua, party, LR_PLANE_DATA, relay);
}

static int world_client(lua_State *lua) {
    static const char *const known[] = {"name",   "tracker", "user",    "handshake", "stalled",
                                        "unread", "silence", "runtime", NULL};
    lr_words_check_options(lua, 2, "client", known);
    struct lr_client_options options = lr_client_options_default;
    options.user = lr_option_string(lua, 2, "user", options.user);
    options.handshake_ns = lr_option_duration(lua, 2, "handshake", options.handshake_ns);
    options.stalled_ns = lr_option_duration(lua, 2, "stalled", options.stalled_ns);
    options.unread_ns = lr_option_duration(lua, 2, "unread", options.unread_ns);
    options.keepalive = silence_option(lua, options.keepalive);
    struct lr_party *party;
    struct lr_error error = {.code = LR_OK};
    struct lr_play *play = lr_play_of(lua);
    if (lr_stage_client(play->stage, lr_option_string(lua, 2, "name", NULL), &options,
                        lr_option_party(lua, 2, "tracker"), &party, &error) != LR_OK) {
        return lr_words_raise(lua, &error);
    }
    lr_words_give_runtime(lua, 2, party);
    return lr_wait_party(lua, party);
}

static int passed(lua_State *lua, int status, lua_KContext kcontext) {
    (void)lua;
    (void)status;
    (void)kcontext;
    return 0;
}

static bool never(void *context) {
    (void)context;
    return false;
}

/* w:pass("2s"): lets time go by, as an idle session does; not a way to wait for something. */
static int world_pass(lua_State *lua) {
    uint64_t duration = lr_script_duration(lua, 2);
    lr_time until = lr_time_add(lr_world_now(lr_play_of(lua)->stage->world), duration);
    return lr_play_wait(lua, never, NULL, until, 0, passed);
}

struct awaiting {
    lua_State *lua;
    int function; /* its reference */
    bool failed;
    bool held;
};

/* The predicate runs on the state of the play, between two turns; it may not wait itself. */
static bool condition_holds(void *context) {
    struct awaiting *awaiting = context;
    lua_State *lua = lr_play_of(awaiting->lua)->sandbox.lua;
    (void)lua_rawgeti(lua, LUA_REGISTRYINDEX, awaiting->function);
    awaiting->failed = lua_pcall(lua, 0, 1, 0) != LUA_OK;
    awaiting->held = !awaiting->failed && lua_toboolean(lua, -1);
    if (awaiting->failed) {
        lua_xmove(lua, awaiting->lua, 1);
    } else {
        lua_pop(lua, 1);
    }
    return awaiting->failed || awaiting->held;
}

static int awaited(lua_State *lua, int status, lua_KContext kcontext) {
    (void)status;
    (void)kcontext;
    struct awaiting *awaiting = lua_touserdata(lua, 4);
    luaL_unref(lua, LUA_REGISTRYINDEX, awaiting->function);
    if (awaiting->failed) {
        return lua_error(lua);
    }
    if (!awaiting->held) {
        return luaL_error(lua, "what was awaited did not come");
    }
    return 0;
}

/* w:await(function() return .. end[, "5s"]): until the condition holds; an error where it does not
 * in time. */
static int world_await(lua_State *lua) {
    luaL_checktype(lua, 2, LUA_TFUNCTION);
    uint64_t within = lua_isnoneornil(lua, 3) ? 5 * LR_SECOND : lr_script_duration(lua, 3);
    lua_settop(lua, 3);
    struct awaiting *awaiting = lua_newuserdatauv(lua, sizeof *awaiting, 0);
    lua_pushvalue(lua, 2);
    *awaiting = (struct awaiting){.lua = lua, .function = luaL_ref(lua, LUA_REGISTRYINDEX)};
    lr_time until = lr_time_add(lr_world_now(lr_play_of(lua)->stage->world), within);
    return lr_play_wait(lua, condition_holds, awaiting, until, 0, awaited);
}

static int world_now(lua_State *lua) {
    struct lr_stage *stage = lr_play_of(lua)->stage;
    lua_pushinteger(lua, (lua_Integer)lr_stage_elapsed(stage, lr_world_now(stage->world)));
    return 1;
}

/* w:world(): "sim" or "live". */
static int world_world(lua_State *lua) {
    lua_pushstring(lua, lr_world_name(lr_play_of(lua)->stage->world));
    return 1;
}

static int world_spawn(lua_State *lua) {
    luaL_checktype(lua, 2, LUA_TFUNCTION);
    struct lr_actor **task = lua_newuserdatauv(lua, sizeof(void *), 0);
    luaL_setmetatable(lua, LR_TASK_TYPE);
    lua_pushvalue(lua, 2);
    *task = lr_play_spawn(lr_play_of(lua), lua, 0);
    return 1;
}

static bool actor_ended(void *context) {
    return ((struct lr_actor *)context)->ended;
}

/* task:join(): what its function returned. */
static int joined(lua_State *lua, int status, lua_KContext kcontext) {
    (void)status;
    (void)kcontext;
    struct lr_actor **task = luaL_checkudata(lua, 1, LR_TASK_TYPE);
    int results = lua_gettop((*task)->lua);
    luaL_checkstack(lua, results, "too many results");
    lua_xmove((*task)->lua, lua, results);
    return results;
}

static int task_join(lua_State *lua) {
    struct lr_actor **task = luaL_checkudata(lua, 1, LR_TASK_TYPE);
    if ((*task)->ended) {
        return joined(lua, LUA_OK, 0);
    }
    return lr_play_wait(lua, actor_ended, *task, LR_TIME_NEVER, 0, joined);
}

static int task_ended(lua_State *lua) {
    struct lr_actor **task = luaL_checkudata(lua, 1, LR_TASK_TYPE);
    lua_pushboolean(lua, (*task)->ended);
    return 1;
}

void lr_words_world(lua_State *lua) {
    static const luaL_Reg methods[] = {
        {"tracker", world_tracker},
        {"server", world_server},
        {"client", world_client},
        {"pass", world_pass},
        {"await", world_await},
        {"now", world_now},
        {"world", world_world},
        {"spawn", world_spawn},
        {"program", lr_world_word_program},
        {"tvm_tracker", lr_world_word_tvm_tracker},
        {"tvm_server", lr_world_word_tvm_server},
        {"tvm_client", lr_world_word_tvm_client},
        {"python_client", lr_world_word_python_client},
        {"session", lr_world_word_session},
        {"sessions", lr_world_word_sessions},
        {"fault", lr_world_word_fault},
        {"network", lr_world_word_network},
        {"hosts", lr_world_word_hosts},
        {"note", lr_world_word_note},
        {"tell", lr_world_word_tell},
        {"recorded", lr_world_word_recorded},
        {"link", lr_world_word_link},
        {"peer", lr_world_word_peer},
        {NULL, NULL},
    };
    static const luaL_Reg task_methods[] = {
        {"join", task_join},
        {"ended", task_ended},
        {NULL, NULL},
    };
    lr_words_type(lua, LR_WORLD_TYPE, methods);
    lr_words_type(lua, LR_TASK_TYPE, task_methods);
}
