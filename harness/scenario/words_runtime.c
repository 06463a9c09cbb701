/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a program that runs in the heap model: functions are called, exceptions raised and
 * caught, scopes entered, threads started. A function of the program is a Lua function that gets
 * its frame; its locals are the frame's fields. */
#include <stdio.h>
#include <string.h>

#include "mocks/heap/collector.h"
#include "mocks/heap/run.h"
#include "scenario/words_runtime.h"

/* A function under way, on the stack of the word that runs it. */
struct running {
    struct lr_runtime *runtime;
    uint64_t frame; /* its serial: no reference */
    bool guard;     /* a try of the outermost level */
};

struct lr_object *lr_python_main(const struct lr_runtime *runtime) {
    return lr_heap_module(runtime->heap, "__main__");
}

void lr_python_check(lua_State *lua, enum lr_status status) {
    if (status != LR_OK) {
        luaL_error(lua, "the heap model: %s", lr_status_text(status));
    }
}

void lr_python_enter(lua_State *lua, struct lr_runtime *runtime) {
    struct lr_object *thread = NULL;
    if (runtime->ended || runtime->client->ended) {
        luaL_error(lua, "%s has ended", runtime->client->name);
    }
    LR_LIST_EACH (node, &runtime->threads) {
        struct lr_runtime_thread *one = LR_CONTAINER_OF(node, struct lr_runtime_thread, node);
        thread = one->lua == lua ? one->thread : thread;
    }
    lr_heap_switch(runtime->heap, thread);
    lr_heap_set_now(runtime->heap, lr_world_now(runtime->client->stage->world));
}

struct lr_runtime *lr_check_python(lua_State *lua, int index) {
    struct lr_party *party = lr_check_party(lua, index);
    if (party->runtime == NULL || party->runtime->heap == NULL) {
        luaL_error(lua, "%s does not run in Python: w:client { runtime = cpython(\"3.8.8\") }",
                   party->name);
    }
    lr_python_enter(lua, party->runtime);
    return party->runtime;
}

/* The outermost frame of the main thread has no caller. */
bool lr_python_outermost(const struct lr_runtime *runtime) {
    return lr_heap_frame(runtime->heap) == runtime->outermost.object;
}

void lr_python_left(lua_State *lua, struct lr_runtime *runtime) {
    if (lr_heap_raised(runtime->heap) != NULL && lr_python_outermost(runtime) &&
        runtime->guards == 0) {
        lr_python_check(lua, lr_heap_uncaught(runtime->heap));
    }
}

int lr_python_raise(lua_State *lua, struct lr_runtime *runtime, const char *type, const char *text,
                    unsigned int frames) {
    lr_python_check(lua, lr_heap_raise_new(runtime->heap, type, text));
    for (unsigned int i = 0; i < frames; i++) {
        lr_runtime_loose_drop_frame(runtime);
        lr_python_check(lua, lr_heap_leave_raising(runtime->heap));
    }
    lr_python_left(lua, runtime);
    return luaL_error(lua, "%s: %s", type, text);
}

/* Pushes what the word needs behind a wait, above its |arguments| arguments. */
static struct running *push_running(lua_State *lua, struct lr_runtime *runtime) {
    struct running *running = lua_newuserdatauv(lua, sizeof *running, 0);
    *running = (struct running){.runtime = runtime,
                                .frame = lr_object_serial(lr_heap_frame(runtime->heap))};
    return running;
}

/* Back in the function's frame, in its thread. */
static void come_back(lua_State *lua, const struct running *running) {
    lr_python_enter(lua, running->runtime);
    if (lr_object_serial(lr_heap_frame(running->runtime->heap)) != running->frame) {
        luaL_error(lua, "two actors run functions in one thread of %s; use thread()",
                   running->runtime->client->name);
    }
}

static bool went_well(int status) {
    return status == LUA_OK || status == LUA_YIELD;
}

/* The function has failed: its exception leaves its frame, or, where the error is the script's own,
 * it just ends. The message is at the top. */
static int leave_failing(lua_State *lua, struct lr_runtime *runtime) {
    lr_runtime_loose_drop_frame(runtime);
    if (lr_heap_raised(runtime->heap) != NULL) {
        lr_python_check(lua, lr_heap_leave_raising(runtime->heap));
        lr_python_left(lua, runtime);
    } else {
        lr_heap_pop_frame(runtime->heap);
    }
    return lua_error(lua);
}

/* A function returns the values above |first|; of objects, the first alone. */
static int give_result(lua_State *lua, struct lr_runtime *runtime, int first) {
    struct lr_object_value *value = luaL_testudata(lua, first, LR_OBJECT_TYPE);
    struct lr_object *object = value == NULL ? NULL : lr_heap_hold(value->object.object);
    char stem[LR_RUNTIME_NAME_MAX];
    bool named = value != NULL && value->name[0] != '\0';
    (void)snprintf(stem, sizeof stem, "%s", named ? value->name : "r");
    lr_runtime_loose_drop_frame(runtime);
    lr_heap_pop_frame(runtime->heap);
    if (object == NULL) {
        return lua_gettop(lua) - first + 1;
    }
    return lr_give_object(lua, runtime, object, stem);
}

/* Stack: the client, the name, the running, and what the function returned. */
static int call_over(lua_State *lua, int status, lua_KContext kcontext) {
    struct running *running = lua_touserdata(lua, 3);
    (void)kcontext;
    if (running->runtime->ended || running->runtime->client->ended) {
        return went_well(status) ? 0 : lua_error(lua); /* it was the program's last function */
    }
    come_back(lua, running);
    if (!went_well(status)) {
        return leave_failing(lua, running->runtime);
    }
    return give_result(lua, running->runtime, 4);
}

/* py:call("check_remote", function(frame, ..) .. return frame.r end, ..) */
int lr_python_word_call(lua_State *lua) {
    struct lr_runtime *runtime = lr_check_python(lua, 1);
    const char *name = luaL_checkstring(lua, 2);
    luaL_checktype(lua, 3, LUA_TFUNCTION);
    lr_python_check(lua, lr_heap_push_frame(runtime->heap, name));
    (void)push_running(lua, runtime);
    lua_insert(lua, 3);
    (void)lr_push_names(lua, runtime, lr_heap_frame(runtime->heap));
    lua_insert(lua, 5);
    int arguments = lua_gettop(lua) - 4;
    return call_over(lua, lua_pcallk(lua, arguments, LUA_MULTRET, 0, 0, call_over), 0);
}

/* Stack: .., the running at 4, the handler at 3; the handler has returned. */
static int handler_over(lua_State *lua, int status, lua_KContext kcontext) {
    struct running *running = lua_touserdata(lua, 4);
    (void)kcontext;
    struct lr_runtime *runtime = running->runtime;
    runtime->guards -= running->guard ? 1 : 0;
    running->guard = false;
    come_back(lua, running);
    lr_heap_end_except(runtime->heap); /* however it is left: it unbinds the name */
    if (!went_well(status)) {
        lr_python_left(lua, runtime);
        return lua_error(lua);
    }
    return 0;
}

static int body_over(lua_State *lua, int status, lua_KContext kcontext) {
    struct running *running = lua_touserdata(lua, 4);
    (void)kcontext;
    struct lr_runtime *runtime = running->runtime;
    come_back(lua, running);
    if (went_well(status) || lr_heap_raised(runtime->heap) == NULL) {
        runtime->guards -= running->guard ? 1 : 0;
        return went_well(status) ? 0 : lua_error(lua);
    }
    const char *name = lua_tostring(lua, 2);
    lr_python_check(lua, lr_heap_catch(runtime->heap, name));
    lua_settop(lua, 4);
    lua_pushvalue(lua, 3);
    (void)lr_push_object(lua, runtime, lr_heap_handled(runtime->heap), lr_heap_frame(runtime->heap),
                         name);
    return handler_over(lua, lua_pcallk(lua, 1, 0, 0, 0, handler_over), 0);
}

/* py:try(function() .. end, "err", function(err) .. end): try, except Exception as err. */
int lr_python_word_try(lua_State *lua) {
    struct lr_runtime *runtime = lr_check_python(lua, 1);
    luaL_checktype(lua, 2, LUA_TFUNCTION);
    luaL_checkstring(lua, 3);
    luaL_checktype(lua, 4, LUA_TFUNCTION);
    lua_settop(lua, 4);
    lua_rotate(lua, 2, -1); /* the client, the name, the handler, the body */
    struct running *running = push_running(lua, runtime);
    lua_insert(lua, 4);
    running->guard = lr_python_outermost(runtime);
    runtime->guards += running->guard ? 1 : 0;
    return body_over(lua, lua_pcallk(lua, 0, 0, 0, 0, body_over), 0);
}

/* py:raise("ValueError", "no such device") */
int lr_python_word_raise(lua_State *lua) {
    struct lr_runtime *runtime = lr_check_python(lua, 1);
    return lr_python_raise(lua, runtime, luaL_checkstring(lua, 2), luaL_checkstring(lua, 3), 0);
}

static void scope_ends(struct lr_heap *heap, struct lr_object *exception, void *context) {
    (void)heap;
    (void)exception;
    lr_runtime_session_close(context, LR_CAUSE_SCOPE);
}

/* `with` of the object at 2, in the running frame. */
static struct lr_runtime *enter_with(lua_State *lua) {
    struct lr_runtime *runtime = lr_check_python(lua, 1);
    struct lr_object_value *value = lr_check_object(lua, 2);
    lr_python_check(lua,
                    lr_heap_enter_with(runtime->heap, value->object.object,
                                       value->session != NULL ? scope_ends : NULL, value->session));
    lr_runtime_loose_drop(runtime, value->object.object);
    return runtime;
}

/* Stack: the client, the object, the running. */
static int with_over(lua_State *lua, int status, lua_KContext kcontext) {
    struct running *running = lua_touserdata(lua, 3);
    (void)kcontext;
    come_back(lua, running);
    (void)lr_heap_leave_with(running->runtime->heap);
    return went_well(status) ? 0 : lua_error(lua);
}

/* py:with(session, function(s) .. end): the end of the block ends the session. */
int lr_python_word_with(lua_State *lua) {
    luaL_checktype(lua, 3, LUA_TFUNCTION);
    struct lr_runtime *runtime = enter_with(lua);
    lua_settop(lua, 3);
    (void)push_running(lua, runtime);
    lua_insert(lua, 3);
    lua_pushvalue(lua, 2);
    return with_over(lua, lua_pcallk(lua, 1, 0, 0, 0, with_over), 0);
}

/* py:enter_with(session): a block that the frame's own end leaves; of a generator, its close. */
int lr_python_word_enter_with(lua_State *lua) {
    (void)enter_with(lua);
    return 0;
}

/* Stack: the generator, the running. */
static int next_over(lua_State *lua, int status, lua_KContext kcontext) {
    struct running *running = lua_touserdata(lua, 2);
    (void)kcontext;
    come_back(lua, running);
    if (!went_well(status)) {
        return leave_failing(lua, running->runtime);
    }
    lr_runtime_loose_drop_frame(running->runtime);
    lr_heap_yield(running->runtime->heap);
    return 0;
}

/* generator:next(function(frame) .. end): runs in its frame up to its next yield. */
int lr_object_word_next(lua_State *lua) {
    struct lr_object_value *value = lr_check_object(lua, 1);
    luaL_checktype(lua, 2, LUA_TFUNCTION);
    luaL_argcheck(lua, lr_object_kind(value->object.object) == LR_OBJECT_GENERATOR, 1,
                  "it is no generator");
    lr_python_check(lua, lr_heap_resume(value->runtime->heap, value->object.object));
    lua_settop(lua, 2);
    (void)push_running(lua, value->runtime);
    lua_insert(lua, 2);
    (void)lr_push_names(lua, value->runtime, lr_heap_frame(value->runtime->heap));
    return next_over(lua, lua_pcallk(lua, 1, 0, 0, 0, next_over), 0);
}

static void end_thread(struct lr_runtime *runtime, struct lr_runtime_thread *thread) {
    lr_list_remove(&thread->node);
    lr_heap_end_thread(runtime->heap, thread->thread);
    LR_FREE(runtime->client->stage->alloc, thread);
}

/* Stack: the client, the name, the running, what the function returned. */
static int thread_over(lua_State *lua, int status, lua_KContext kcontext) {
    struct running *running = lua_touserdata(lua, 3);
    struct lr_runtime *runtime = running->runtime;
    (void)kcontext;
    if (runtime->ended || runtime->client->ended) {
        return 0; /* it went with its process */
    }
    come_back(lua, running);
    lr_runtime_loose_drop_frame(runtime);
    bool raised = lr_heap_raised(runtime->heap) != NULL;
    if (raised) {
        lr_python_check(lua, lr_heap_uncaught(runtime->heap));
    } else {
        lr_heap_pop_frame(runtime->heap);
    }
    LR_LIST_EACH (node, &runtime->threads) {
        struct lr_runtime_thread *thread = LR_CONTAINER_OF(node, struct lr_runtime_thread, node);
        if (thread->lua == lua) {
            end_thread(runtime, thread);
        }
    }
    return went_well(status) || raised ? 0 : lua_error(lua); /* Python prints it, and goes on */
}

/* The actor of a thread. Stack: the client, the name, the function. */
static int thread_main(lua_State *lua) {
    struct lr_runtime *runtime = lr_check_party(lua, 1)->runtime;
    struct lr_runtime_thread *thread =
        LR_NEW(runtime->client->stage->alloc, struct lr_runtime_thread);
    if (thread == NULL ||
        lr_heap_start_thread(runtime->heap, lua_tostring(lua, 2), &thread->thread) != LR_OK) {
        LR_FREE(runtime->client->stage->alloc, thread);
        return luaL_error(lua, "no memory for a thread");
    }
    thread->lua = lua;
    lr_list_append(&runtime->threads, &thread->node);
    lr_python_enter(lua, runtime);
    lr_python_check(lua, lr_heap_push_frame(runtime->heap, lua_tostring(lua, 2)));
    (void)push_running(lua, runtime);
    lua_insert(lua, 3);
    (void)lr_push_names(lua, runtime, lr_heap_frame(runtime->heap));
    return thread_over(lua, lua_pcallk(lua, 1, 0, 0, 0, thread_over), 0);
}

/* py:thread("worker", function(frame) .. end): an actor of its own; a task, as spawn() gives. */
int lr_python_word_thread(lua_State *lua) {
    (void)lr_check_python(lua, 1);
    luaL_checkstring(lua, 2);
    luaL_checktype(lua, 3, LUA_TFUNCTION);
    lua_settop(lua, 3);
    struct lr_actor **task = lua_newuserdatauv(lua, sizeof(void *), 0);
    luaL_setmetatable(lua, LR_TASK_TYPE);
    lua_insert(lua, 1);
    lua_pushcfunction(lua, thread_main);
    lua_insert(lua, 2);
    *task = lr_play_spawn(lr_play_of(lua), lua, 3);
    lua_settop(lua, 1);
    return 1;
}

/* py:exit(): the end of main, the interpreter's exit, the end of the process. */
int lr_python_word_exit(lua_State *lua) {
    struct lr_runtime *runtime = lr_check_python(lua, 1);
    struct lr_play *play = lr_play_of(lua);
    lr_heap_exit(runtime->heap);
    runtime->ended = true;
    bool left = false;
    LR_LIST_EACH (node, &runtime->held) {
        const struct lr_runtime_session *held =
            LR_CONTAINER_OF(node, struct lr_runtime_session, node);
        left = left || (held->session != NULL && !lr_session_closed(held->session));
    }
    lr_time now = lr_world_now(play->stage->world);
    lr_party_end(runtime->client, false);
    if (left) { /* what it did not release, the kernel ends with the process */
        lr_words_mark(play, LR_CAUSE_DEATH, now, now, "%s exits", runtime->client->name);
        lr_words_mark_of(play, 0, runtime->client);
    }
    return 0;
}
