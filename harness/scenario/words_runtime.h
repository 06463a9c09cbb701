/* SPDX-License-Identifier: Apache-2.0 */
/* What the words of clients in the model of a language runtime share. A script's value of an object
 * is the harness's own eye on it: it counts as no reference. What a word makes belongs to the
 * running function until a name holds it; at the outermost level it becomes a global. */
#ifndef LR_SCENARIO_WORDS_RUNTIME_H
#define LR_SCENARIO_WORDS_RUNTIME_H

#include "scenario/runtime.h"
#include "scenario/words.h"

#define LR_RUNTIME_TYPE "runtime" /* which one: what cpython(..) and native() give */
#define LR_OBJECT_TYPE "object"   /* of the heap model */
#define LR_NAMES_TYPE "names"     /* a frame's locals, a module's globals */
#define LR_SHARED_TYPE "shared"   /* a native handle */

#define LR_TRACKER_CLASS "TrackerSession"

/* A script's value of an object. */
struct lr_object_value {
    struct lr_runtime *runtime;
    struct lr_heap_watch object;
    struct lr_heap_watch owner; /* whose |name| it was read from, or bound to; else NULL */
    char name[LR_RUNTIME_NAME_MAX];
    struct lr_runtime_session *session; /* NULL: it is none */
};

/* A thread of the model, and the actor that runs in it. */
struct lr_runtime_thread {
    const lua_State *lua;
    struct lr_object *thread;
    struct lr_list node;
};

/* The runtime of the client at |index|, its interpreter still there, its current thread the
 * actor's, its clock set. Raises an error otherwise. */
struct lr_runtime *lr_check_python(lua_State *lua, int index);
void lr_python_enter(lua_State *lua, struct lr_runtime *runtime);
/* Raises an error where |status| is one. */
void lr_python_check(lua_State *lua, enum lr_status status);
/* True where no function is running: names are the globals of __main__. */
bool lr_python_outermost(const struct lr_runtime *runtime);
/* The module __main__. */
struct lr_object *lr_python_main(const struct lr_runtime *runtime);

/* The object at |index| that is still there; raises an error otherwise. Enters its runtime. */
struct lr_object_value *lr_check_object(lua_State *lua, int index);
/* Pushes a value of |object| (borrowed), which |owner| binds to |name| (both may be NULL). Returns
 * 1. */
int lr_push_object(lua_State *lua, struct lr_runtime *runtime, struct lr_object *object,
                   struct lr_object *owner, const char *name);
/* Pushes a value of |object|, of which it takes one reference: to a global that begins with |stem|
 * at the outermost level, else the running function's. Returns 1. */
int lr_give_object(lua_State *lua, struct lr_runtime *runtime, struct lr_object *object,
                   const char *stem);
/* Likewise the program's object |name| of something remote, which holds its session. */
int lr_give_remote(lua_State *lua, struct lr_runtime_remote *remote, const char *name);
/* Pushes the names of |owner|: a frame, or a module. Returns 1. */
int lr_push_names(lua_State *lua, struct lr_runtime *runtime, struct lr_object *owner);
/* The object at |index| for a place that holds it; NULL where the value refers to nothing. */
struct lr_object *lr_value_object(lua_State *lua, int index);

/* `raise TYPE(TEXT)` in the running frame, which is left with |frames| - 1 of its callers, and the
 * script's error that goes with it. */
int lr_python_raise(lua_State *lua, struct lr_runtime *runtime, const char *type, const char *text,
                    unsigned int frames);
/* An exception is in flight and has left a frame: nobody catches it at the outermost level. */
void lr_python_left(lua_State *lua, struct lr_runtime *runtime);

/* The number of a session's account, where the value at |index| is a session of a model. */
bool lr_runtime_account(lua_State *lua, int index, uint32_t *account);
/* What ended the session at |index| itself, where it is one of a model and the program has ended
 * it: with many sessions, the last thing done was about another one. */
bool lr_runtime_mark(lua_State *lua, int index, struct lr_mark *mark);
struct lr_runtime_session *lr_check_runtime_session(lua_State *lua, int index);
/* Gives |party| the runtime that the options at |index| ask for. */
void lr_words_give_runtime(lua_State *lua, int index, struct lr_party *party);

/* Each registers its part. */
void lr_words_runtime(lua_State *lua);
void lr_words_object(lua_State *lua);
void lr_words_native(lua_State *lua);

/* Words of a client with a runtime. */
int lr_python_word_call(lua_State *lua); /* words_runtime.c */
int lr_python_word_try(lua_State *lua);
int lr_python_word_raise(lua_State *lua);
int lr_python_word_with(lua_State *lua);
int lr_python_word_enter_with(lua_State *lua);
int lr_python_word_thread(lua_State *lua);
int lr_python_word_exit(lua_State *lua);
int lr_python_word_del(lua_State *lua); /* words_heap.c */
int lr_python_word_refcount(lua_State *lua);
int lr_python_word_gc(lua_State *lua);
int lr_python_word_gc_disable(lua_State *lua);
int lr_python_word_gc_enable(lua_State *lua);
int lr_python_word_gc_threshold(lua_State *lua);
int lr_python_word_allocate(lua_State *lua);
int lr_python_word_events(lua_State *lua);
int lr_python_word_globals(lua_State *lua);
int lr_python_word_module(lua_State *lua);
int lr_python_word_list(lua_State *lua); /* words_holders.c */
int lr_python_word_dict(lua_State *lua);
int lr_python_word_set(lua_State *lua);
int lr_python_word_tuple(lua_State *lua);
int lr_python_word_object(lua_State *lua);
int lr_python_word_class(lua_State *lua);
int lr_python_word_closure(lua_State *lua);
int lr_python_word_method(lua_State *lua);
int lr_python_word_generator(lua_State *lua);
int lr_python_word_thread_local(lua_State *lua);
int lr_python_word_weakref(lua_State *lua);
int lr_python_word_finalize(lua_State *lua);
int lr_python_word_atexit(lua_State *lua);
int lr_python_word_connect_tracker(lua_State *lua); /* words_tracked.c */
int lr_native_word_share(lua_State *lua);           /* words_native.c */
int lr_native_word_node(lua_State *lua);
/* Words of an object. */
int lr_object_word_next(lua_State *lua);    /* words_runtime.c */
int lr_object_word_request(lua_State *lua); /* words_tracked.c */
int lr_object_word_close(lua_State *lua);
int lr_object_word_closed(lua_State *lua);
int lr_object_word_call(lua_State *lua);
int lr_object_word_get_function(lua_State *lua);
int lr_object_word_array(lua_State *lua);
int lr_object_word_device(lua_State *lua);
int lr_object_word_write(lua_State *lua);
int lr_object_word_read(lua_State *lua);
int lr_object_word_invoke(lua_State *lua);

/* Expectations (expect_runtime.c). */
int lr_expect_word_held_by(lua_State *lua);
int lr_expect_word_alive(lua_State *lua);
int lr_expect_word_gone(lua_State *lua);

#define LR_RUNTIME_METHODS                                                                         \
    {"call", lr_python_word_call}, {"try", lr_python_word_try}, {"raise", lr_python_word_raise},   \
        {"with", lr_python_word_with}, {"enter_with", lr_python_word_enter_with},                  \
        {"thread", lr_python_word_thread}, {"exit", lr_python_word_exit},                          \
        {"del", lr_python_word_del}, {"refcount", lr_python_word_refcount},                        \
        {"gc", lr_python_word_gc}, {"gc_disable", lr_python_word_gc_disable},                      \
        {"gc_enable", lr_python_word_gc_enable}, {"gc_threshold", lr_python_word_gc_threshold},    \
        {"allocate", lr_python_word_allocate}, {"events", lr_python_word_events},                  \
        {"globals", lr_python_word_globals}, {"module", lr_python_word_module},                    \
        {"list", lr_python_word_list}, {"dict", lr_python_word_dict}, {"set", lr_python_word_set}, \
        {"tuple", lr_python_word_tuple}, {"object", lr_python_word_object},                        \
        {"class", lr_python_word_class}, {"closure", lr_python_word_closure},                      \
        {"method", lr_python_word_method}, {"generator", lr_python_word_generator},                \
        {"thread_local", lr_python_word_thread_local}, {"weakref", lr_python_word_weakref},        \
        {"finalize", lr_python_word_finalize}, {"atexit", lr_python_word_atexit},                  \
        {"connect_tracker", lr_python_word_connect_tracker}, {"share", lr_native_word_share}, {    \
        "node", lr_native_word_node                                                                \
    }

#endif
