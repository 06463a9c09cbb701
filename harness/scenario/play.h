/* SPDX-License-Identifier: Apache-2.0 */
/* One case being played: its script, its stage, and the actors. An actor is a coroutine; a word
 * that has to wait yields, and the play goes on with the world until what it waits for has come.
 * One thread. */
#ifndef LR_SCENARIO_PLAY_H
#define LR_SCENARIO_PLAY_H

#include <lua.h>

#include "scenario/sandbox.h"
#include "scenario/script.h"
#include "scenario/stage.h"

struct lr_play;

/* True when what an actor waits for has come. Must not call into Lua. */
typedef bool (*lr_ready_cb)(void *context);

struct lr_actor {
    lua_State *lua;
    int reference; /* keeps the coroutine; LUA_NOREF when it has ended */
    lr_ready_cb ready;
    void *context;
    lr_time until;
    bool polls;    /* |ready| asks again and again, LR_POLL_NS apart */
    int arguments; /* for its first turn */
    bool ended;
    struct lr_list node;
};

/* After what a session has to be released: what the last word that ends sessions did, and when. */
struct lr_mark {
    enum lr_cause cause;
    lr_time from; /* not before this */
    lr_time at;   /* the budget counts from here */
    bool if_told; /* ends a session only where something is said to who reads no more */
    char text[LR_SESSION_TEXT_MAX];
};

struct lr_play {
    struct lr_stage *stage;
    struct lr_sandbox sandbox;
    struct lr_case_result *result;
    struct lr_list actors;
    struct lr_mark mark;             /* the last one */
    struct lr_list marks;            /* those of which it is known whose sessions they end */
    const char *path;                /* the script's */
    size_t unjudged;                 /* expectations that were begun and not judged yet */
    char missing[LR_ERROR_TEXT_MAX]; /* a prerequisite that is not there: the case is not run */
    bool forbidden;                  /* .. and cannot be: the machine does not allow it */
    char unready[LR_ERROR_TEXT_MAX]; /* a subject that did not start: the case is invalid */
    char failure[LR_ERROR_TEXT_MAX]; /* why the script ended before its end */
    bool failed;                     /* an expectation did not hold */
    bool hung;                       /* something was waited for as long as may be */
    bool unreleased; /* a session was not released, long after the script had done its part */
    bool interrupted;
};

struct lr_play *lr_play_of(lua_State *lua);
struct lr_actor *lr_play_actor(lua_State *lua);

/* Makes the calling C function wait: it yields until |ready| or |until|, then goes on in |then|,
 * with |kcontext|. |context| has to live until then: a userdata on the caller's stack does. Use it
 * as `return lr_play_wait(..)`. */
int lr_play_wait(lua_State *lua, lr_ready_cb ready, void *context, lr_time until,
                 lua_KContext kcontext, lua_KFunction then);
/* The same for a |ready| that asks somebody over and over: it is called every LR_POLL_NS at least,
 * and should ask no sooner. */
#define LR_POLL_NS (5 * LR_MS)
int lr_play_poll(lua_State *lua, lr_ready_cb ready, void *context, lr_time until,
                 lua_KContext kcontext, lua_KFunction then);
/* Starts a function as an actor: it lies on |lua|'s stack below its |arguments|; pops them all. */
struct lr_actor *lr_play_spawn(struct lr_play *play, lua_State *lua, int arguments);

/* Gives the actors that still wait a last turn, when the clients have ended. One that does not end
 * by it has not shown what it is there to show: the case is invalid. */
void lr_play_end_actors(struct lr_play *play);

/* Plays the case |case_index| of scenario |index| of the file |path| on a stage of its own, and
 * fills |result|. Interrupted by a signal: result says invalid, and |*interrupted|. An error: the
 * script cannot be loaded, or no memory. */
LR_NODISCARD enum lr_status lr_play_case(const char *path, int index, int case_index,
                                         const struct lr_stage_options *stage, bool *interrupted,
                                         struct lr_error *error);

#endif
