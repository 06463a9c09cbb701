/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/script.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "scenario/words.h"

enum { FILE_BYTES_MAX = 1024 * 1024, DEFAULT_LIMIT_SECONDS = 60 };

static const char scenarios_key = 'd';

static bool is_scalar(lua_State *lua, int index) {
    int type = lua_type(lua, index);
    return type == LUA_TSTRING || type == LUA_TNUMBER || type == LUA_TBOOLEAN;
}

/* The values of one axis, at the top of the stack: each names cases, so no two may read the same.
 */
static lua_Integer check_axis(lua_State *lua, const char *name) {
    lua_Integer count = lua_istable(lua, -1) ? (lua_Integer)lua_rawlen(lua, -1) : 0;
    if (count == 0 || count > LR_MATRIX_CASES_MAX) {
        luaL_error(lua, "matrix: %s = { values }, at least one and at most %d", name,
                   LR_MATRIX_CASES_MAX);
    }
    lua_newtable(lua);
    for (lua_Integer i = 1; i <= count; i++) {
        (void)lua_rawgeti(lua, -2, i);
        if (!is_scalar(lua, -1)) {
            luaL_error(lua, "matrix: value %d of %s is no text, number or boolean", (int)i, name);
        }
        const char *label = luaL_tolstring(lua, -1, NULL);
        if (lua_getfield(lua, -3, label) != LUA_TNIL) {
            luaL_error(lua, "matrix: %s has the value %s twice", name, label);
        }
        lua_pushboolean(lua, 1);
        lua_setfield(lua, -5, label);
        lua_pop(lua, 3);
    }
    lua_pop(lua, 1);
    return count;
}

static void check_matrix(lua_State *lua, int table) {
    int type = lua_getfield(lua, table, "matrix");
    int axes = 0;
    lua_Integer cases = 1;
    if (type != LUA_TNIL && type != LUA_TTABLE) {
        luaL_error(lua, "matrix = { name = { values } }");
    }
    if (type == LUA_TTABLE) {
        lua_pushnil(lua);
        while (lua_next(lua, -2) != 0) {
            if (lua_type(lua, -2) != LUA_TSTRING) {
                luaL_error(lua, "matrix = { name = { values } }");
            }
            cases *= check_axis(lua, lua_tostring(lua, -2));
            if (++axes > LR_MATRIX_AXES_MAX || cases > LR_MATRIX_CASES_MAX) {
                luaL_error(lua, "matrix: more than %d names or %d cases", LR_MATRIX_AXES_MAX,
                           LR_MATRIX_CASES_MAX);
            }
            lua_pop(lua, 1);
        }
    }
    lua_pop(lua, 1);
}

static void check_worlds(lua_State *lua, int table) {
    int type = lua_getfield(lua, table, "worlds");
    lua_Integer count = type == LUA_TTABLE ? (lua_Integer)lua_rawlen(lua, -1) : 0;
    if (type != LUA_TNIL && count == 0) {
        luaL_error(lua, "worlds = { \"live\" }, at least one");
    }
    for (lua_Integer i = 1; i <= count; i++) {
        (void)lua_rawgeti(lua, -1, i);
        const char *name = lua_tostring(lua, -1);
        if (name == NULL || (strcmp(name, "live") != 0 && strcmp(name, "sim") != 0)) {
            luaL_error(lua, "worlds: there is no world \"%s\"; it is \"live\" or \"sim\"",
                       name != NULL ? name : luaL_typename(lua, -1));
        }
        lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
}

/* All that is wrong with a description is told when it is read: what would be passed over later
 * would be a scenario that is believed to run and does not. */
static void check_description(lua_State *lua, int table) {
    static const char *const known[] = {"from", "matrix", "worlds", "limit", "run", NULL};
    lr_words_check_options(lua, table, "scenario", known);
    if (lua_getfield(lua, table, "run") != LUA_TFUNCTION) {
        luaL_error(lua, "a scenario needs run = function(w, case) .. end");
    }
    (void)lr_option_string(lua, table, "from", NULL);
    if (lr_option_duration(lua, table, "limit", LR_SECOND) == 0) {
        luaL_error(lua, "limit: a case needs some time");
    }
    lua_pop(lua, 1);
    check_matrix(lua, table);
    check_worlds(lua, table);
}

/* scenario "title" { .. }: the inner call, with the title as upvalue 1 and the line as upvalue 2.
 */
static int describe(lua_State *lua) {
    luaL_checktype(lua, 1, LUA_TTABLE);
    check_description(lua, 1);
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_setfield(lua, 1, "title");
    lua_pushvalue(lua, lua_upvalueindex(2));
    lua_setfield(lua, 1, "line");
    (void)lua_rawgetp(lua, LUA_REGISTRYINDEX, &scenarios_key);
    lua_Integer count = luaL_len(lua, -1);
    luaL_argcheck(lua, count < LR_SCENARIOS_MAX, 1, "too many scenarios in one file");
    lua_pushvalue(lua, 1);
    lua_seti(lua, -2, count + 1);
    return 0;
}

static int word_scenario(lua_State *lua) {
    lua_Debug where;
    luaL_argcheck(lua, luaL_checkstring(lua, 1)[0] != '\0', 1, "a scenario needs a title");
    (void)lua_rawgetp(lua, LUA_REGISTRYINDEX, &scenarios_key);
    (void)lua_getfield(lua, -1, "titles");
    lua_pushinteger(lua, lua_tointeger(lua, -1) + 1);
    lua_setfield(lua, -3, "titles");
    lua_pushvalue(lua, 1);
    lua_pushinteger(
        lua, lua_getstack(lua, 1, &where) && lua_getinfo(lua, "l", &where) ? where.currentline : 0);
    lua_pushcclosure(lua, describe, 2);
    return 1;
}

static enum lr_status read_file(const char *path, char **text, size_t *size, struct lr_alloc *alloc,
                                struct lr_error *error) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return lr_error_set(error, LR_ENOTFOUND, "%s: cannot be opened", path);
    }
    *text = lr_alloc_bytes(alloc, FILE_BYTES_MAX);
    if (*text == NULL) {
        (void)fclose(file);
        return lr_error_set(error, LR_ENOMEM, "%s: no memory to read it", path);
    }
    *size = fread(*text, 1, FILE_BYTES_MAX, file);
    bool whole = *size < FILE_BYTES_MAX && !ferror(file);
    (void)fclose(file);
    if (!whole) {
        lr_alloc_free(alloc, *text, FILE_BYTES_MAX);
        return lr_error_set(error, LR_EINVAL, "%s: cannot be read, or is over %d bytes", path,
                            FILE_BYTES_MAX);
    }
    return LR_OK;
}

const char *lr_script_message(char *out, size_t size, const char *message, const char *path) {
    char cut[LUA_IDSIZE];
    size_t length = strlen(path);
    const size_t kept = sizeof cut - sizeof "...";
    const char *found = NULL;
    if (length >= sizeof cut) { /* the form that Lua gives to a name that is too long for it */
        (void)snprintf(cut, sizeof cut, "...%s", path + length - kept);
        found = strstr(message, cut);
    }
    if (found == NULL) {
        (void)snprintf(out, size, "%s", message);
    } else {
        (void)snprintf(out, size, "%.*s%s%s", (int)(found - message), message, path,
                       found + strlen(cut));
    }
    return out;
}

static void prepare(lua_State *lua, void *context) {
    (void)context;
    lua_newtable(lua);
    lua_rawsetp(lua, LUA_REGISTRYINDEX, &scenarios_key);
    lua_register(lua, "scenario", word_scenario);
}

/* Counts what was said and not described: `scenario "title"` with nothing behind it is no scenario.
 */
static void check_titles(lua_State *lua, void *context) {
    (void)lua_rawgetp(lua, LUA_REGISTRYINDEX, &scenarios_key);
    (void)lua_getfield(lua, -1, "titles");
    lua_Integer described = (lua_Integer)lua_rawlen(lua, -2);
    if (described == 0 || described != lua_tointeger(lua, -1)) {
        luaL_error(lua, "%s: %s", (const char *)context,
                   described == 0 ? "describes no scenario" : "a scenario has a title only");
    }
}

/* Lua's error, at the top of the stack, with the whole name of the file. */
static enum lr_status take_message(lua_State *lua, int failed, const char *path,
                                   struct lr_error *error) {
    char text[LR_ERROR_TEXT_MAX * 2];
    const char *message = lua_type(lua, -1) == LUA_TSTRING ? lua_tostring(lua, -1) : NULL;
    if (message != NULL) {
        (void)lr_script_message(text, sizeof text, message, path);
        lr_words_suggest_global(lua, text, sizeof text);
    }
    enum lr_status status = lr_error_set(error, failed == LUA_ERRMEM ? LR_ENOMEM : LR_EINVAL, "%s",
                                         message == NULL ? "an error that is no text" : text);
    lua_pop(lua, 1);
    return status;
}

enum lr_status lr_script_load(struct lr_sandbox *sandbox, const char *path,
                              struct lr_error *error) {
    struct lr_alloc *alloc = sandbox->memory.parent;
    char *text = NULL;
    size_t size = 0;
    char chunk[LR_SCRIPT_PATH_MAX + 1];
    if (snprintf(chunk, sizeof chunk, "@%s", path) >= (int)sizeof chunk) {
        return lr_error_set(error, LR_EINVAL, "the name of a script has over %d bytes",
                            LR_SCRIPT_PATH_MAX - 1);
    }
    enum lr_status status = lr_sandbox_protect(sandbox, prepare, NULL, error);
    if (status == LR_OK) {
        status = read_file(path, &text, &size, alloc, error);
    }
    if (status != LR_OK) {
        return status;
    }
    lua_State *lua = sandbox->lua;
    int failed = luaL_loadbufferx(lua, text, size, chunk, "t");
    lr_alloc_free(alloc, text, FILE_BYTES_MAX);
    if (failed == LUA_OK) {
        failed = lua_pcall(lua, 0, 0, 0);
    }
    if (failed != LUA_OK) {
        return take_message(lua, failed, path, error);
    }
    return lr_sandbox_protect(sandbox, check_titles, chunk + 1, error);
}

int lr_script_count(struct lr_sandbox *sandbox) {
    lua_State *lua = sandbox->lua;
    (void)lua_rawgetp(lua, LUA_REGISTRYINDEX, &scenarios_key);
    int count = (int)lua_rawlen(lua, -1);
    lua_pop(lua, 1);
    return count;
}

/* Pushes the field |name| of the scenario at |index|; returns its type. */
static int push_field(lua_State *lua, int index, const char *name) {
    (void)lua_rawgetp(lua, LUA_REGISTRYINDEX, &scenarios_key);
    (void)lua_rawgeti(lua, -1, index + 1);
    int type = lua_getfield(lua, -1, name);
    lua_replace(lua, -3);
    lua_pop(lua, 1);
    return type;
}

const char *lr_script_title(struct lr_sandbox *sandbox, int index) {
    push_field(sandbox->lua, index, "title");
    const char *title = lua_tostring(sandbox->lua, -1); /* the registry holds on to it */
    lua_pop(sandbox->lua, 1);
    return title;
}

int lr_script_line(struct lr_sandbox *sandbox, int index) {
    push_field(sandbox->lua, index, "line");
    int line = (int)lua_tointeger(sandbox->lua, -1);
    lua_pop(sandbox->lua, 1);
    return line;
}

int lr_script_last_line(struct lr_sandbox *sandbox, int index) {
    lua_Debug about = {.lastlinedefined = 0};
    push_field(sandbox->lua, index, "run");
    return lua_getinfo(sandbox->lua, ">S", &about) ? about.lastlinedefined : 0;
}

const char *lr_script_from(struct lr_sandbox *sandbox, int index) {
    push_field(sandbox->lua, index, "from");
    const char *from = lua_tostring(sandbox->lua, -1); /* the registry holds on to it */
    lua_pop(sandbox->lua, 1);
    return from;
}

uint64_t lr_script_limit(struct lr_sandbox *sandbox, int index) {
    lua_State *lua = sandbox->lua;
    uint64_t limit = DEFAULT_LIMIT_SECONDS * LR_SECOND;
    if (push_field(lua, index, "limit") != LUA_TNIL) {
        limit = lr_script_duration(lua, lua_gettop(lua));
    }
    lua_pop(lua, 1);
    return limit;
}

bool lr_script_in_world(struct lr_sandbox *sandbox, int index, const char *world) {
    lua_State *lua = sandbox->lua;
    bool found = push_field(lua, index, "worlds") != LUA_TTABLE;
    lua_Integer count = found ? 0 : luaL_len(lua, -1);
    for (lua_Integer i = 1; i <= count && !found; i++) {
        (void)lua_geti(lua, -1, i);
        const char *name = lua_tostring(lua, -1);
        found = name != NULL && strcmp(name, world) == 0;
        lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
    return found;
}

struct axis {
    const char *name;
    int count;
};

static void sort_axes(struct axis *axes, int count) {
    for (int i = 1; i < count; i++) {
        for (int j = i; j > 0 && strcmp(axes[j].name, axes[j - 1].name) < 0; j--) {
            struct axis swap = axes[j];
            axes[j] = axes[j - 1];
            axes[j - 1] = swap;
        }
    }
}

/* The axes of a matrix, by name; leaves the matrix (or nil) on the stack. Names live as long as it.
 */
static int read_axes(lua_State *lua, int index, struct axis *axes) {
    int count = 0;
    if (push_field(lua, index, "matrix") != LUA_TTABLE) {
        return 0;
    }
    lua_pushnil(lua);
    while (lua_next(lua, -2) != 0) {
        if (lua_type(lua, -2) == LUA_TSTRING && lua_istable(lua, -1) &&
            count < LR_MATRIX_AXES_MAX) {
            axes[count++] = (struct axis){lua_tostring(lua, -2), (int)lua_rawlen(lua, -1)};
        }
        lua_pop(lua, 1);
    }
    sort_axes(axes, count);
    return count;
}

int lr_script_case_count(struct lr_sandbox *sandbox, int index) {
    struct axis axes[LR_MATRIX_AXES_MAX];
    int count = read_axes(sandbox->lua, index, axes);
    int cases = 1;
    for (int i = 0; i < count && cases <= LR_MATRIX_CASES_MAX; i++) {
        cases *= axes[i].count;
    }
    lua_pop(sandbox->lua, 1);
    return cases > LR_MATRIX_CASES_MAX ? LR_MATRIX_CASES_MAX : cases;
}

/* Pushes the table of a case's values; the axes come with it for a label. */
static int push_values(lua_State *lua, int index, int case_index, struct axis *axes) {
    int count = read_axes(lua, index, axes);
    lua_createtable(lua, 0, count);
    for (int i = count - 1; i >= 0; i--) { /* the last axis turns fastest */
        (void)lua_getfield(lua, -2, axes[i].name);
        (void)lua_geti(lua, -1, case_index % axes[i].count + 1);
        case_index /= axes[i].count;
        lua_setfield(lua, -3, axes[i].name);
        lua_pop(lua, 1);
    }
    lua_remove(lua, -2);
    return count;
}

const char *lr_script_case_label(struct lr_sandbox *sandbox, int index, int case_index, char *out,
                                 size_t size) {
    lua_State *lua = sandbox->lua;
    struct axis axes[LR_MATRIX_AXES_MAX];
    int count = push_values(lua, index, case_index, axes);
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < count && used < size; i++) {
        (void)lua_getfield(lua, -1, axes[i].name);
        int written = snprintf(out + used, size - used, "%s%s=%s", i == 0 ? "[" : ",", axes[i].name,
                               luaL_tolstring(lua, -1, NULL));
        used += written > 0 ? (size_t)written : 0;
        lua_pop(lua, 2);
    }
    if (count > 0 && used + 1 < size) {
        out[used] = ']';
        out[used + 1] = '\0';
    }
    lua_pop(lua, 1);
    return out;
}

void lr_script_push_case(struct lr_sandbox *sandbox, int index, int case_index) {
    struct axis axes[LR_MATRIX_AXES_MAX];
    push_field(sandbox->lua, index, "run");
    (void)push_values(sandbox->lua, index, case_index, axes);
}

uint64_t lr_script_duration(lua_State *lua, int index) {
    uint64_t ns = 0;
    if (lua_type(lua, index) == LUA_TNUMBER) {
        lua_Number seconds = lua_tonumber(lua, index);
        luaL_argcheck(lua, seconds >= 0 && seconds < 1e9, index, "a duration in seconds");
        return (uint64_t)(seconds * 1e9);
    }
    const char *text = luaL_checkstring(lua, index);
    if (lr_text_to_duration(lr_text_of(text), &ns) != LR_OK) {
        luaL_error(lua, "\"%s\" is no duration; write \"100ms\", \"2s\" or a number of seconds",
                   text);
    }
    return ns;
}
