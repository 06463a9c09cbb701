/* SPDX-License-Identifier: Apache-2.0 */
/* What a program makes that can hold a session: containers, objects, closures, generators, weak
 * references, finalizers. */
#include <stdio.h>
#include <string.h>

#include "mocks/heap/run.h"
#include "scenario/words_runtime.h"

/* Appends the arguments from |first| on to |container|, which is given up where that fails. */
static void fill(lua_State *lua, struct lr_runtime *runtime, struct lr_object *container,
                 int first) {
    int top = lua_gettop(lua);
    for (int i = first; i <= top; i++) {
        struct lr_object *item = lr_value_object(lua, i);
        enum lr_status status = lr_heap_append(runtime->heap, container, item);
        if (status != LR_OK) {
            lr_heap_drop(runtime->heap, container);
        }
        lr_python_check(lua, status);
        lr_runtime_loose_drop(runtime, item);
    }
}

static void check_items(lua_State *lua, int first) {
    for (int i = first; i <= lua_gettop(lua); i++) {
        (void)lr_value_object(lua, i);
    }
}

/* py:list(a, b, ..) */
int lr_python_word_list(lua_State *lua) {
    struct lr_runtime *runtime = lr_check_python(lua, 1);
    struct lr_object *list;
    check_items(lua, 2);
    lr_python_check(lua, lr_heap_new_list(runtime->heap, &list));
    fill(lua, runtime, list, 2);
    return lr_give_object(lua, runtime, list, "items");
}

int lr_python_word_set(lua_State *lua) {
    struct lr_runtime *runtime = lr_check_python(lua, 1);
    struct lr_object *set;
    check_items(lua, 2);
    lr_python_check(lua, lr_heap_new_set(runtime->heap, &set));
    fill(lua, runtime, set, 2);
    return lr_give_object(lua, runtime, set, "members");
}

/* The fields of the table at |index|, each handed to |store|, in the order of their names. */
static void each_field(lua_State *lua, int index, struct lr_runtime *runtime,
                       struct lr_object *object,
                       enum lr_status (*store)(struct lr_heap *heap, struct lr_object *object,
                                               const char *name, struct lr_object *value)) {
    if (lua_isnoneornil(lua, index)) {
        return;
    }
    luaL_checktype(lua, index, LUA_TTABLE);
    lua_getglobal(lua, "pairs"); /* the sandbox's walks in order */
    lua_pushvalue(lua, index);
    lua_call(lua, 1, 3);
    int walk = lua_gettop(lua) - 2;
    for (;;) {
        lua_pushvalue(lua, walk);
        lua_pushvalue(lua, walk + 1);
        lua_pushvalue(lua, walk + 2);
        lua_call(lua, 2, 2);
        if (lua_isnil(lua, -2)) {
            lua_settop(lua, walk - 1);
            return;
        }
        struct lr_object *value = lr_value_object(lua, lua_gettop(lua));
        lr_python_check(lua, store(runtime->heap, object, luaL_checkstring(lua, -2), value));
        lr_runtime_loose_drop(runtime, value);
        lua_pop(lua, 1);
        lua_replace(lua, walk + 2);
    }
}

static enum lr_status store_name(struct lr_heap *heap, struct lr_object *object, const char *name,
                                 struct lr_object *value) {
    return lr_heap_set(heap, object, name, value);
}

/* py:dict { test = r } */
int lr_python_word_dict(lua_State *lua) {
    struct lr_runtime *runtime = lr_check_python(lua, 1);
    struct lr_object *dict;
    lua_settop(lua, 2);
    lr_python_check(lua, lr_heap_new_dict(runtime->heap, &dict));
    (void)lr_give_object(lua, runtime, dict, "table");
    each_field(lua, 2, runtime, dict, store_name);
    return 1;
}

int lr_python_word_tuple(lua_State *lua) {
    enum { ITEMS_MAX = 16 };
    struct lr_runtime *runtime = lr_check_python(lua, 1);
    struct lr_object *items[ITEMS_MAX];
    int count = lua_gettop(lua) - 1;
    luaL_argcheck(lua, count <= ITEMS_MAX, 2, "too many items");
    for (int i = 0; i < count; i++) {
        items[i] = lr_value_object(lua, i + 2);
    }
    struct lr_object *tuple;
    lr_python_check(lua, lr_heap_new_tuple(runtime->heap, items, (size_t)count, &tuple));
    for (int i = 0; i < count; i++) {
        lr_runtime_loose_drop(runtime, items[i]);
    }
    return lr_give_object(lua, runtime, tuple, "pair");
}

/* py:object("Measurer"[, { session = r }]) */
int lr_python_word_object(lua_State *lua) {
    struct lr_runtime *runtime = lr_check_python(lua, 1);
    const char *name = luaL_checkstring(lua, 2);
    struct lr_object *object;
    lua_settop(lua, 3);
    lr_python_check(lua, lr_heap_new_instance(runtime->heap, NULL, name, &object));
    (void)lr_give_object(lua, runtime, object, "o");
    each_field(lua, 3, runtime, object, store_name);
    return 1;
}

int lr_python_word_class(lua_State *lua) {
    struct lr_runtime *runtime = lr_check_python(lua, 1);
    const char *name = luaL_checkstring(lua, 2);
    struct lr_object *object;
    lua_settop(lua, 3);
    lr_python_check(lua, lr_heap_new_class(runtime->heap, lr_python_main(runtime), name, &object));
    (void)lr_give_object(lua, runtime, object, name);
    each_field(lua, 3, runtime, object, store_name);
    return 1;
}

/* A variable of an outer function: its cell is the closure's. */
static enum lr_status store_cell(struct lr_heap *heap, struct lr_object *function, const char *name,
                                 struct lr_object *value) {
    struct lr_object *cell;
    enum lr_status status = lr_heap_new_cell(heap, value, &cell);
    if (status == LR_OK) {
        status = lr_heap_close_over(heap, function, name, cell);
        lr_heap_drop(heap, cell);
    }
    return status;
}

static enum lr_status store_default(struct lr_heap *heap, struct lr_object *function,
                                    const char *name, struct lr_object *value) {
    return lr_heap_set_default(heap, function, name, value);
}

/* py:closure("on_done", { session = r }[, { default = d }]) */
int lr_python_word_closure(lua_State *lua) {
    struct lr_runtime *runtime = lr_check_python(lua, 1);
    const char *name = luaL_checkstring(lua, 2);
    struct lr_object *function;
    lua_settop(lua, 4);
    lr_python_check(lua,
                    lr_heap_new_function(runtime->heap, lr_python_main(runtime), name, &function));
    (void)lr_give_object(lua, runtime, function, name);
    each_field(lua, 3, runtime, function, store_cell);
    each_field(lua, 4, runtime, function, store_default);
    return 1;
}

/* py:method(object, "on_done"): bound. */
int lr_python_word_method(lua_State *lua) {
    struct lr_runtime *runtime = lr_check_python(lua, 1);
    struct lr_object_value *self = lr_check_object(lua, 2);
    const char *name = luaL_checkstring(lua, 3);
    struct lr_object *method;
    lr_python_check(lua, lr_heap_new_method(runtime->heap, self->object.object, name, &method));
    lr_runtime_loose_drop(runtime, self->object.object);
    return lr_give_object(lua, runtime, method, name);
}

/* py:generator("measurements"): not started; g:next(function(frame) .. end) runs it. */
int lr_python_word_generator(lua_State *lua) {
    struct lr_runtime *runtime = lr_check_python(lua, 1);
    const char *name = luaL_checkstring(lua, 2);
    struct lr_object *generator;
    lr_python_check(lua, lr_heap_new_generator(runtime->heap, name, &generator));
    return lr_give_object(lua, runtime, generator, "g");
}

int lr_python_word_thread_local(lua_State *lua) {
    struct lr_runtime *runtime = lr_check_python(lua, 1);
    struct lr_object *local;
    lr_python_check(lua, lr_heap_new_thread_local(runtime->heap, &local));
    return lr_give_object(lua, runtime, local, "local");
}

static struct lr_runtime_label *option_label(lua_State *lua, struct lr_runtime *runtime,
                                             int index) {
    struct lr_runtime_label *label = NULL;
    if (!lua_isnoneornil(lua, index)) {
        lr_python_check(lua, lr_runtime_label_new(runtime, luaL_checkstring(lua, index), &label));
    }
    return label;
}

/* py:weakref(r[, "gone"]): the text is told among the events when the callback runs. */
int lr_python_word_weakref(lua_State *lua) {
    struct lr_runtime *runtime = lr_check_python(lua, 1);
    struct lr_object_value *target = lr_check_object(lua, 2);
    struct lr_runtime_label *label = option_label(lua, runtime, 3);
    struct lr_object *weakref;
    lr_python_check(lua, lr_heap_new_weakref(runtime->heap, target->object.object,
                                             label == NULL ? NULL : lr_runtime_label_called, label,
                                             &weakref));
    return lr_give_object(lua, runtime, weakref, "ref");
}

/* py:finalize(o, "done"[, { argument = r, atexit = false }]): weakref.finalize; its registry holds
 * the argument. */
int lr_python_word_finalize(lua_State *lua) {
    static const char *const known[] = {"argument", "atexit", NULL};
    struct lr_runtime *runtime = lr_check_python(lua, 1);
    struct lr_object_value *target = lr_check_object(lua, 2);
    lr_words_check_options(lua, 4, "finalize", known);
    struct lr_heap_finalize options = {.atexit = lr_option_boolean(lua, 4, "atexit", true)};
    options.context = option_label(lua, runtime, 3);
    options.call = options.context == NULL ? NULL : lr_runtime_label_called;
    if (lua_istable(lua, 4) && lua_getfield(lua, 4, "argument") != LUA_TNIL) {
        options.argument = lr_value_object(lua, lua_gettop(lua));
    }
    struct lr_object *finalize;
    lr_python_check(
        lua, lr_heap_new_finalize(runtime->heap, target->object.object, &options, &finalize));
    lr_runtime_loose_drop(runtime, options.argument);
    return lr_give_object(lua, runtime, finalize, "finalizer");
}

/* py:atexit("bye"[, r]): the handler's argument is held until then. */
int lr_python_word_atexit(lua_State *lua) {
    struct lr_runtime *runtime = lr_check_python(lua, 1);
    struct lr_runtime_label *label;
    struct lr_object *argument = lua_isnoneornil(lua, 3) ? NULL : lr_value_object(lua, 3);
    lr_python_check(lua, lr_runtime_label_new(runtime, luaL_checkstring(lua, 2), &label));
    lr_python_check(lua, lr_heap_atexit(runtime->heap, lr_runtime_label_called, label, argument));
    lr_runtime_loose_drop(runtime, argument);
    return 0;
}
