/* SPDX-License-Identifier: Apache-2.0 */
/* What the words of all subjects share: types, options, errors, near misses. */
#include "scenario/words.h"

#include <stdio.h>
#include <string.h>

enum { WORD_MAX = 32, NEAR_ENOUGH = 3 };

/* Edits between two words, Levenshtein's; words beyond WORD_MAX are far. */
static size_t distance(const char *a, const char *b) {
    size_t row[WORD_MAX + 1];
    size_t a_size = strlen(a);
    size_t b_size = strlen(b);
    if (a_size > WORD_MAX || b_size > WORD_MAX) {
        return WORD_MAX;
    }
    for (size_t j = 0; j <= b_size; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            size_t shift = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = change < shift ? change : shift;
        }
    }
    return row[b_size];
}

void lr_words_consider(const char *word, const char *candidate, const char **best,
                       size_t *nearest) {
    size_t far = distance(word, candidate);
    if (far < *nearest) {
        *nearest = far;
        *best = candidate;
    }
}

static int raise_unknown(lua_State *lua, const char *what, const char *word, const char *best) {
    if (best != NULL) {
        return luaL_error(lua, "%s has no \"%s\"; did you mean \"%s\"?", what, word, best);
    }
    return luaL_error(lua, "%s has no \"%s\"", what, word);
}

/* __index of every type: the method, or an error that helps. Upvalues: the methods, the type's
 * name. */
static int index_method(lua_State *lua) {
    lua_pushvalue(lua, 2);
    if (lua_rawget(lua, lua_upvalueindex(1)) != LUA_TNIL) {
        return 1;
    }
    const char *word = luaL_tolstring(lua, 2, NULL);
    const char *best = NULL;
    size_t nearest = NEAR_ENOUGH;
    lua_pushnil(lua);
    while (lua_next(lua, lua_upvalueindex(1)) != 0) {
        lr_words_consider(word, lua_tostring(lua, -2), &best, &nearest);
        lua_pop(lua, 1);
    }
    return raise_unknown(lua, lua_tostring(lua, lua_upvalueindex(2)), word, best);
}

void lr_words_type(lua_State *lua, const char *type, const luaL_Reg *methods) {
    luaL_newmetatable(lua, type);
    lua_newtable(lua);
    for (const luaL_Reg *method = methods; method->name != NULL; method++) {
        lua_pushcfunction(lua, method->func);
        bool meta = strncmp(method->name, "__", 2) == 0;
        lua_setfield(lua, meta ? -3 : -2, method->name);
    }
    lua_pushstring(lua, type);
    lua_pushcclosure(lua, index_method, 2);
    lua_setfield(lua, -2, "__index");
    lua_pushstring(lua, type);
    lua_setfield(lua, -2, "__metatable"); /* hidden from scripts */
    lua_pop(lua, 1);
}

void lr_words_check_options(lua_State *lua, int index, const char *what, const char *const *known) {
    if (lua_isnoneornil(lua, index)) {
        return;
    }
    luaL_checktype(lua, index, LUA_TTABLE);
    lua_pushnil(lua);
    while (lua_next(lua, index) != 0) {
        lua_pop(lua, 1);
        if (lua_type(lua, -1) != LUA_TSTRING) {
            luaL_error(lua, "%s takes named options only", what);
        }
        const char *word = lua_tostring(lua, -1);
        const char *best = NULL;
        size_t nearest = NEAR_ENOUGH;
        bool found = false;
        for (size_t i = 0; known[i] != NULL && !found; i++) {
            found = strcmp(word, known[i]) == 0;
            lr_words_consider(word, known[i], &best, &nearest);
        }
        if (!found) {
            raise_unknown(lua, what, word, best);
        }
    }
}

void lr_words_suggest_global(lua_State *lua, char *message, size_t size) {
    static const char before[] = "(global '";
    char word[WORD_MAX + 1];
    const char *best = NULL;
    size_t nearest = NEAR_ENOUGH;
    const char *found = strstr(message, before);
    size_t length = found == NULL ? 0 : strcspn(found + sizeof before - 1, "'");
    if (length == 0 || length > WORD_MAX || lua_checkstack(lua, 4) == 0) {
        return;
    }
    (void)snprintf(word, sizeof word, "%.*s", (int)length, found + sizeof before - 1);
    lua_pushglobaltable(lua);
    lua_pushnil(lua);
    while (lua_next(lua, -2) != 0) { /* which makes nothing, so nothing is collected */
        if (lua_type(lua, -2) == LUA_TSTRING) {
            lr_words_consider(word, lua_tostring(lua, -2), &best, &nearest);
        }
        lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
    size_t used = strlen(message);
    if (best != NULL) {
        (void)snprintf(message + used, size - used, "; did you mean \"%s\"?", best);
    }
}

/* Pushes the option, or nothing. */
static bool push_option(lua_State *lua, int index, const char *name) {
    if (!lua_istable(lua, index)) {
        return false;
    }
    if (lua_getfield(lua, index, name) == LUA_TNIL) {
        lua_pop(lua, 1);
        return false;
    }
    return true;
}

const char *lr_option_string(lua_State *lua, int index, const char *name, const char *otherwise) {
    if (!push_option(lua, index, name)) {
        return otherwise;
    }
    if (lua_type(lua, -1) != LUA_TSTRING) {
        luaL_error(lua, "option \"%s\" must be a string", name);
    }
    const char *text = lua_tostring(lua, -1);
    lua_pop(lua, 1); /* the options table holds on to it */
    return text;
}

lua_Integer lr_option_integer(lua_State *lua, int index, const char *name, lua_Integer otherwise) {
    if (!push_option(lua, index, name)) {
        return otherwise;
    }
    int is_integer;
    lua_Integer value = lua_tointegerx(lua, -1, &is_integer);
    if (!is_integer) {
        luaL_error(lua, "option \"%s\" must be a whole number", name);
    }
    lua_pop(lua, 1);
    return value;
}

lua_Integer lr_option_count(lua_State *lua, int index, const char *name, lua_Integer otherwise,
                            lua_Integer min, lua_Integer max) {
    lua_Integer value = lr_option_integer(lua, index, name, otherwise);
    if (value < min || value > max) {
        luaL_error(lua, "option \"%s\" is %I; it is %I to %I", name, (LUAI_UACINT)value,
                   (LUAI_UACINT)min, (LUAI_UACINT)max);
    }
    return value;
}

bool lr_option_boolean(lua_State *lua, int index, const char *name, bool otherwise) {
    if (!push_option(lua, index, name)) {
        return otherwise;
    }
    bool value = lua_toboolean(lua, -1) != 0;
    lua_pop(lua, 1);
    return value;
}

uint64_t lr_option_duration(lua_State *lua, int index, const char *name, uint64_t otherwise) {
    if (!push_option(lua, index, name)) {
        return otherwise;
    }
    uint64_t value = lr_script_duration(lua, lua_gettop(lua));
    lua_pop(lua, 1);
    return value;
}

struct lr_party *lr_option_party(lua_State *lua, int index, const char *name) {
    if (!push_option(lua, index, name)) {
        return NULL;
    }
    struct lr_party *party = lr_check_party(lua, lua_gettop(lua));
    lua_pop(lua, 1);
    return party;
}

int lr_words_raise(lua_State *lua, const struct lr_error *error) {
    return luaL_error(lua, "%s", error->text);
}

const char *lr_words_where(lua_State *lua, char *out, size_t size) {
    lua_Debug debug;
    for (int level = 0; lua_getstack(lua, level, &debug); level++) {
        if (lua_getinfo(lua, "Sl", &debug) && debug.currentline > 0) {
            (void)snprintf(out, size, "%s:%d",
                           debug.source[0] == '@' ? debug.source + 1 : debug.short_src,
                           debug.currentline);
            return out;
        }
    }
    (void)snprintf(out, size, "script");
    return out;
}
