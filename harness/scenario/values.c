/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/values.h"

#include <string.h>

#define BYTES_TYPE "bytes"

static int make_bytes(lua_State *lua) {
    luaL_checkstring(lua, 1);
    (void)lua_newuserdatauv(lua, 0, 1);
    luaL_setmetatable(lua, BYTES_TYPE);
    lua_pushvalue(lua, 1);
    (void)lua_setiuservalue(lua, -2, 1);
    return 1;
}

void lr_words_values(lua_State *lua) {
    static const luaL_Reg none[] = {{NULL, NULL}};
    lr_words_type(lua, BYTES_TYPE, none);
    lua_register(lua, "bytes", make_bytes);
}

static struct lr_text text_at(lua_State *lua, int index) {
    struct lr_text text;
    text.data = lua_tolstring(lua, index, &text.size);
    return text;
}

static struct lr_value from_userdata(lua_State *lua, int index) {
    const struct lr_remote *array = luaL_testudata(lua, index, LR_ARRAY_TYPE);
    if (array != NULL) {
        return lr_value_tensor(&array->tensor);
    }
    if (luaL_testudata(lua, index, BYTES_TYPE) != NULL) {
        (void)lua_getiuservalue(lua, index, 1);
        struct lr_text text = text_at(lua, -1);
        lua_pop(lua, 1); /* the userdata, an argument, holds on to it */
        return lr_value_bytes(text.data, text.size);
    }
    const struct lr_remote *function = luaL_testudata(lua, index, LR_FUNCTION_TYPE);
    if (function != NULL) {
        struct lr_value value = lr_value_handle(function->handle);
        value.kind = LR_VALUE_FUNCTION;
        return value;
    }
    luaL_error(lua, "argument %d cannot be sent to a server", index - 1);
    return lr_value_null();
}

static struct lr_value from_lua(lua_State *lua, int index) {
    switch (lua_type(lua, index)) {
    case LUA_TNIL:
        return lr_value_null();
    case LUA_TBOOLEAN: {
        struct lr_value value = lr_value_int(lua_toboolean(lua, index));
        value.kind = LR_VALUE_BOOL;
        return value;
    }
    case LUA_TNUMBER:
        return lua_isinteger(lua, index) ? lr_value_int(lua_tointeger(lua, index))
                                         : lr_value_float(lua_tonumber(lua, index));
    case LUA_TSTRING:
        return lr_value_str(text_at(lua, index));
    default:
        return from_userdata(lua, index);
    }
}

size_t lr_values_from_lua(lua_State *lua, int first, int last, struct lr_value *values) {
    luaL_argcheck(lua, last - first < LR_CALL_ARGUMENTS_MAX, last, "too many arguments");
    size_t count = 0;
    for (int i = first; i <= last; i++) {
        values[count++] = from_lua(lua, i);
    }
    return count;
}

static struct lr_remote *push_remote(lua_State *lua, const char *type, int session_index) {
    struct lr_remote *remote = lua_newuserdatauv(lua, sizeof *remote, 1);
    *remote = (struct lr_remote){.session = lr_check_session(lua, session_index)};
    luaL_setmetatable(lua, type);
    lua_pushvalue(lua, session_index);
    (void)lua_setiuservalue(lua, -2, 1); /* the session's userdata lives as long as this one */
    return remote;
}

static int push_value(lua_State *lua, const struct lr_result *result) {
    const struct lr_value *value = &result->value;
    switch (value->kind) {
    case LR_VALUE_NULL:
        lua_pushnil(lua);
        break;
    case LR_VALUE_BOOL:
        lua_pushboolean(lua, value->as.integer != 0);
        break;
    case LR_VALUE_INT:
    case LR_VALUE_UINT:
        lua_pushinteger(lua, value->as.integer);
        break;
    case LR_VALUE_FLOAT:
        lua_pushnumber(lua, value->as.number);
        break;
    case LR_VALUE_STR:
    case LR_VALUE_BYTES:
        lua_pushlstring(lua, (const char *)lr_buf_data(&result->bytes),
                        lr_buf_size(&result->bytes));
        break;
    case LR_VALUE_HANDLE:
    case LR_VALUE_MODULE:
    case LR_VALUE_FUNCTION:
    case LR_VALUE_OBJECT:
        lua_pushinteger(lua, (lua_Integer)value->as.handle);
        break;
    case LR_VALUE_DTYPE:
    case LR_VALUE_DEVICE:
    case LR_VALUE_TENSOR: {
        char text[160];
        lua_pushstring(lua, lr_value_describe(text, sizeof text, value));
        break;
    }
    }
    return 1;
}

static int push_summary(lua_State *lua, const struct lr_tracker_answer *summary) {
    lua_newtable(lua);
    for (size_t i = 0; i < lr_summary_queue_count(summary); i++) {
        struct lr_summary_queue queue;
        if (lr_summary_queue_at(summary, i, &queue) == LR_OK) {
            lua_createtable(lua, 0, 2);
            lua_pushinteger(lua, queue.free);
            lua_setfield(lua, -2, "free");
            lua_pushinteger(lua, queue.pending);
            lua_setfield(lua, -2, "pending");
            (void)lua_pushlstring(lua, queue.key.data, queue.key.size);
            lua_insert(lua, -2);
            lua_rawset(lua, -3);
        }
    }
    return 1;
}

int lr_result_to_lua(lua_State *lua, struct lr_result *result, int session_index) {
    struct lr_remote *remote;
    if (result->error.code != LR_OK) {
        return lr_words_raise(lua, &result->error);
    }
    switch (result->kind) {
    case LR_ANSWER_NONE:
    case LR_ANSWER_SESSION: /* words_client.c makes those itself */
        return 0;
    case LR_ANSWER_VALUE:
        return push_value(lua, result);
    case LR_ANSWER_FUNCTION:
    case LR_ANSWER_MODULE:
        if (result->value.as.handle == 0) {
            lua_pushnil(lua);
            return 1;
        }
        remote = push_remote(lua, LR_FUNCTION_TYPE, session_index);
        remote->handle = result->value.as.handle;
        remote->kind = result->kind == LR_ANSWER_MODULE ? LR_RESULT_MODULE : LR_RESULT_FUNCTION;
        return 1;
    case LR_ANSWER_ARRAY:
        remote = push_remote(lua, LR_ARRAY_TYPE, session_index);
        remote->handle = result->array_handle;
        remote->kind = LR_RESULT_ARRAY;
        remote->tensor = result->value.as.tensor;
        return 1;
    case LR_ANSWER_BYTES:
        lua_pushlstring(lua, (const char *)lr_buf_data(&result->bytes),
                        lr_buf_size(&result->bytes));
        return 1;
    case LR_ANSWER_SUMMARY:
        return push_summary(lua, &result->summary);
    }
    return 0;
}
