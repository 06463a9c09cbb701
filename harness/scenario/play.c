/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/play.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "scenario/curtain.h"
#include "scenario/words_runtime.h"

enum { ACTORS_MAX = 256 }; /* of one case; a script that spawns more does so without an end */

struct lr_play *lr_play_of(lua_State *lua) {
    return lr_sandbox_owner(lua);
}

struct lr_actor *lr_play_actor(lua_State *lua) {
    struct lr_play *play = lr_play_of(lua);
    LR_LIST_EACH (node, &play->actors) {
        struct lr_actor *actor = LR_CONTAINER_OF(node, struct lr_actor, node);
        if (actor->lua == lua) {
            return actor;
        }
    }
    luaL_error(lua, "this word waits, and cannot be used in a coroutine of the script's own");
    return NULL;
}

int lr_play_wait(lua_State *lua, lr_ready_cb ready, void *context, lr_time until,
                 lua_KContext kcontext, lua_KFunction then) {
    struct lr_actor *actor = lr_play_actor(lua);
    actor->ready = ready;
    actor->context = context;
    actor->until = until;
    return lua_yieldk(lua, 0, kcontext, then);
}

int lr_play_poll(lua_State *lua, lr_ready_cb ready, void *context, lr_time until,
                 lua_KContext kcontext, lua_KFunction then) {
    lr_play_actor(lua)->polls = true;
    return lr_play_wait(lua, ready, context, until, kcontext, then);
}

struct lr_actor *lr_play_spawn(struct lr_play *play, lua_State *lua, int arguments) {
    size_t count = 0;
    LR_LIST_EACH (node, &play->actors) {
        count++;
    }
    struct lr_actor *actor =
        count < ACTORS_MAX ? LR_NEW(play->stage->alloc, struct lr_actor) : NULL;
    if (actor == NULL) {
        luaL_error(lua, count < ACTORS_MAX ? "no memory for an actor" : "over %d actors",
                   (int)ACTORS_MAX);
        return NULL;
    }
    actor->ended = true; /* until it is whole: what follows may raise an error */
    lr_list_append(&play->actors, &actor->node);
    actor->lua = lua_newthread(lua);
    actor->reference = luaL_ref(lua, LUA_REGISTRYINDEX);
    lua_xmove(lua, actor->lua, arguments + 1);
    actor->arguments = arguments;
    actor->ended = false;
    return actor;
}

static void end_actor(struct lr_play *play, struct lr_actor *actor, int status) {
    actor->ended = true;
    actor->ready = NULL;
    if (status != LUA_OK && play->failure[0] == '\0') {
        /* Nothing here may call back into Lua: an error would have nobody to go to. */
        bool is_text = lua_type(actor->lua, -1) == LUA_TSTRING;
        (void)lr_script_message(play->failure, sizeof play->failure,
                                is_text ? lua_tostring(actor->lua, -1)
                                        : "the script raised an error that is no text",
                                play->path);
        lr_words_suggest_global(play->sandbox.lua, play->failure, sizeof play->failure);
    }
}

static void resume(struct lr_play *play, struct lr_actor *actor) {
    int results;
    int arguments = actor->arguments;
    actor->arguments = 0;
    actor->ready = NULL;
    actor->until = LR_TIME_NEVER;
    actor->polls = false;
    int status = lua_resume(actor->lua, play->sandbox.lua, arguments, &results);
    if (status == LUA_YIELD) {
        lua_pop(actor->lua, results);
    } else {
        end_actor(play, actor, status);
    }
}

/* Resumes every actor whose wait is over, until none is; returns the next deadline. */
static lr_time run_ready(struct lr_play *play) {
    lr_time next = LR_TIME_NEVER;
    bool again = true;
    while (again && play->failure[0] == '\0') {
        again = false;
        next = LR_TIME_NEVER;
        LR_LIST_EACH (node, &play->actors) {
            struct lr_actor *actor = LR_CONTAINER_OF(node, struct lr_actor, node);
            if (actor->ended) {
                continue;
            }
            lr_time now = lr_world_now(play->stage->world);
            bool ready =
                actor->ready == NULL || now >= actor->until || actor->ready(actor->context);
            if (ready) {
                resume(play, actor);
                again = true;
            }
            next = actor->ended ? next : lr_time_min(next, actor->until);
            next = actor->polls ? lr_time_min(next, lr_time_add(now, LR_POLL_NS)) : next;
        }
    }
    return next;
}

/* The first actor is the case's own; it ends the play, whatever the others still wait for. */
static bool first_ended(const struct lr_play *play) {
    return LR_CONTAINER_OF(play->actors.next, struct lr_actor, node)->ended;
}

void lr_play_end_actors(struct lr_play *play) {
    (void)run_ready(play);
    LR_LIST_EACH (node, &play->actors) {
        if (!LR_CONTAINER_OF(node, struct lr_actor, node)->ended && play->unready[0] == '\0') {
            (void)snprintf(play->unready, sizeof play->unready,
                           "an actor was still at work when the case ended; join() it");
        }
    }
}

/* The play itself: script and world in turn until the first actor has ended, one has failed, or
 * time is up. */
static void perform(struct lr_play *play, lr_time limit_at, uint64_t limit_ns) {
    for (;;) {
        lr_time next = run_ready(play);
        if (first_ended(play) || play->failure[0] != '\0') {
            return;
        }
        if (lr_world_now(play->stage->world) >= limit_at) {
            char text[32];
            play->hung = true;
            (void)snprintf(play->unready, sizeof play->unready,
                           "the case's time limit of %s has passed",
                           lr_text_duration(text, sizeof text, limit_ns));
            return;
        }
        if (!lr_stage_turn(play->stage, lr_time_min(next, limit_at))) {
            play->interrupted = true;
            return;
        }
    }
}

static int register_words(lua_State *lua) {
    lr_words_world(lua);
    lr_words_party(lua);
    lr_words_client(lua);
    lr_words_program(lua);
    lr_words_account(lua);
    lr_words_fault(lua);
    lr_words_link(lua);
    lr_words_peer(lua);
    lr_words_runtime(lua);
    lr_words_object(lua);
    lr_words_native(lua);
    lr_words_expect(lua);
    return 0;
}

/* Pushes the world and starts the case's run function as the first actor. */
static int begin_case(lua_State *lua) {
    struct lr_play *play = lr_play_of(lua);
    int index = (int)luaL_checkinteger(lua, 1);
    int case_index = (int)luaL_checkinteger(lua, 2);
    lr_script_push_case(&play->sandbox, index, case_index);
    (void)lua_newuserdatauv(lua, 0, 0);
    luaL_setmetatable(lua, LR_WORLD_TYPE);
    lua_insert(lua, -2);
    (void)lr_play_spawn(play, lua, 2);
    return 0;
}

static void free_actors(struct lr_play *play) {
    LR_LIST_EACH (node, &play->actors) {
        struct lr_actor *actor = LR_CONTAINER_OF(node, struct lr_actor, node);
        lr_list_remove(node);
        LR_FREE(play->stage->alloc, actor);
    }
}

static enum lr_status load(struct lr_play *play, const char *path, int index, int case_index,
                           struct lr_error *error) {
    lua_State *lua = play->sandbox.lua;
    lr_sandbox_set_owner(lua, play);
    lua_pushcfunction(lua, register_words);
    int failed = lua_pcall(lua, 0, 0, 0);
    enum lr_status status =
        failed == LUA_OK ? lr_script_load(&play->sandbox, path, error) : LR_ENOMEM;
    if (status == LR_OK) {
        lua_pushcfunction(lua, begin_case);
        lua_pushinteger(lua, index);
        lua_pushinteger(lua, case_index);
        failed = lua_pcall(lua, 2, 0, 0);
    }
    if (failed != LUA_OK) {
        return lr_error_set(error, LR_ENOMEM, "%s: %s", path, lua_tostring(lua, -1));
    }
    return status;
}

struct limit_query {
    struct lr_sandbox *sandbox;
    int index;
    uint64_t limit_ns;
};

static void read_limit(lua_State *lua, void *context) {
    struct limit_query *query = context;
    (void)lua;
    query->limit_ns = lr_script_limit(query->sandbox, query->index);
}

/* What shows only when everybody has gone. */
static void judge_rest(struct lr_case_result *result) {
    if (result->outcome == LR_CASE_AS_EXPECTED &&
        result->findings.count + result->findings.lost > 0) {
        result->outcome = LR_CASE_UNEXPECTED;
        result->protocol_verdict = "failed";
    }
}

enum lr_status lr_play_case(const char *path, int index, int case_index,
                            const struct lr_stage_options *options, bool *interrupted,
                            struct lr_error *error) {
    struct lr_play play = {.result = options->result, .path = path};
    lr_list_init(&play.actors);
    lr_list_init(&play.marks);
    enum lr_status status = lr_stage_new(&play.stage, options, error);
    if (status != LR_OK) {
        return status;
    }
    lr_time began = lr_world_now(play.stage->world);
    status = lr_sandbox_init(&play.sandbox, options->alloc, options->seed);
    if (status == LR_OK) {
        status = load(&play, path, index, case_index, error);
    } else {
        lr_error_set(error, status, "no memory for a script");
    }
    struct limit_query query = {&play.sandbox, index, 0};
    if (status == LR_OK) {
        status = lr_sandbox_protect(&play.sandbox, read_limit, &query, error);
    }
    if (status == LR_OK) {
        perform(&play, lr_time_add(began, query.limit_ns), query.limit_ns);
        lr_curtain(&play);
        play.result->duration_ns = lr_world_now(play.stage->world) - began;
        play.result->digest = lr_stage_digest(play.stage);
    }
    /* The script goes first: what it still holds of sessions is let go of while their clients live.
     */
    lr_sandbox_deinit(&play.sandbox);
    free_actors(&play);
    lr_words_free_marks(&play);
    lr_stage_free(play.stage);
    if (status == LR_OK) {
        judge_rest(play.result);
    }
    *interrupted = play.interrupted;
    return status;
}
