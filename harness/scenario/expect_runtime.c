/* SPDX-License-Identifier: Apache-2.0 */
/* expect(r):held_by(..), :alive() and :gone(): what holds a session in the model of a runtime. */
#include <stdio.h>
#include <string.h>

#include "scenario/expect.h"
#include "scenario/lua_path.h"
#include "scenario/words_runtime.h"

enum { WORDS_MAX = 16, TEXT_MAX = 160, LINE_MAX = 2048 };

static struct lr_runtime_session *subject(lua_State *lua) {
    luaL_checkudata(lua, 1, LR_EXPECT_TYPE);
    (void)lua_getiuservalue(lua, 1, 1);
    return lr_check_runtime_session(lua, lua_gettop(lua));
}

static size_t read_words(lua_State *lua, const char **words) {
    int count = lua_gettop(lua) - 1;
    if (count < 1 || count > WORDS_MAX) {
        luaL_error(lua, "held_by(\"frame check_remote\", \"local r\"): 1 to %d hops of the path",
                   (int)WORDS_MAX);
    }
    for (int i = 0; i < count; i++) {
        words[i] = luaL_checkstring(lua, i + 2);
        luaL_argcheck(lua, words[i][0] != '\0', i + 2, "a hop has a name");
    }
    return (size_t)count;
}

static const char *push_joined(lua_State *lua, const char *const *words, size_t count) {
    luaL_Buffer buffer;
    luaL_buffinit(lua, &buffer);
    for (size_t i = 0; i < count; i++) {
        luaL_addstring(&buffer, i == 0 ? "" : ", ");
        luaL_addstring(&buffer, words[i]);
    }
    luaL_pushresult(&buffer);
    return lua_tostring(lua, -1);
}

/* The path is kept for the reports, as one that was asked for, or as the explanation. */
static const char *judge_path(lua_State *lua, struct lr_retention *retention,
                              const char *const *words, size_t count, bool *matches) {
    char line[LINE_MAX];
    const char *missing = NULL;
    *matches = lr_retention_matches(retention, words, count, &missing);
    retention->expected = *matches;
    if (*matches && count > 0) {
        (void)lr_case_result_retain(lr_play_of(lua)->result, retention);
    }
    (void)lr_retention_line(line, sizeof line, retention);
    return *matches ? lua_pushstring(lua, line)
                    : lua_pushfstring(lua, "no \"%s\" (there) in: %s", missing, line);
}

static const char *look(lua_State *lua, const struct lr_runtime_session *held,
                        const char *const *words, size_t count, bool *matches) {
    struct lr_retention retention;
    *matches = false;
    if (!lr_runtime_session_retention(held, &retention)) {
        return "nothing holds it";
    }
    return judge_path(lua, &retention, words, count, matches);
}

/* The subject is no session of a model: Lua's own, of which the path is in the script's state. */
static const char *look_in_lua(lua_State *lua, uint32_t number, const char *const *words,
                               size_t count, bool *matches) {
    struct lr_retention retention;
    *matches = false;
    if (!lr_lua_holds(lr_play_of(lua), number)) {
        luaL_error(lua,
                   "who holds session %d is not observable: its client is no program in a "
                   "runtime of ours",
                   (int)number);
    }
    if (!lr_lua_path(lua, number, &retention)) {
        return "nothing holds it";
    }
    return judge_path(lua, &retention, words, count, matches);
}

/* expect(r):held_by("traceback", "frame __new__", "frame check_remote", "local r") */
int lr_expect_word_held_by(lua_State *lua) {
    const char *words[WORDS_MAX];
    size_t count = read_words(lua, words);
    luaL_checkudata(lua, 1, LR_EXPECT_TYPE);
    (void)lua_getiuservalue(lua, 1, 1);
    struct lr_verdict verdict = {.session = lr_check_account(lua, lua_gettop(lua))};
    if (lr_runtime_account(lua, lua_gettop(lua), &verdict.session)) {
        const struct lr_runtime_session *held = lr_check_runtime_session(lua, lua_gettop(lua));
        verdict.seen = look(lua, held, words, count, &verdict.held);
    } else if (verdict.session == 0) {
        return luaL_error(lua, "this session has not been seen on the wire");
    } else {
        verdict.seen = look_in_lua(lua, verdict.session, words, count, &verdict.held);
    }
    verdict.expected = lua_pushfstring(lua, "held by %s", push_joined(lua, words, count));
    verdict.text = lua_pushfstring(lua, "session %d is %s", (int)verdict.session, verdict.expected);
    return lr_expect_record(lua, &verdict);
}

static int expect_life(lua_State *lua, bool wanted) {
    lua_settop(lua, 1);
    const struct lr_runtime_session *held = subject(lua);
    struct lr_verdict verdict = {.session = held->account};
    bool alive = lr_runtime_session_alive(held);
    verdict.held = alive == wanted;
    verdict.seen = alive ? "it is alive" : "it has gone";
    if (alive && !wanted) {
        verdict.seen = look(lua, held, NULL, 0, &(bool){false});
    }
    verdict.expected = wanted ? "the session's object is alive" : "the session's object has gone";
    verdict.text = lua_pushfstring(lua, "session %d %s", (int)held->account,
                                   wanted ? "is alive in the model" : "has gone from the model");
    return lr_expect_record(lua, &verdict);
}

int lr_expect_word_alive(lua_State *lua) {
    return expect_life(lua, true);
}

int lr_expect_word_gone(lua_State *lua) {
    return expect_life(lua, false);
}
