/* SPDX-License-Identifier: Apache-2.0 */
/* The words of our clients and their sessions, remote functions and arrays. A script's session
 * holds one reference; `close` ends it whoever else holds it; `unref` and Lua's collector let go of
 * the reference. */
#include <string.h>

#include "base/text.h"
#include "scenario/values.h"
#include "scenario/words.h"
#include "scenario/words_methods.h"

/* ---- operations under way ---- */

void *lr_push_pending(lua_State *lua, size_t size, struct lr_party *client) {
    struct lr_pending *pending = lua_newuserdatauv(lua, size, 0);
    memset(pending, 0, size);
    pending->client = client;
    luaL_setmetatable(lua, LR_PENDING_TYPE);
    return pending;
}

bool lr_pending_done(struct lr_pending *pending) {
    if (!pending->done) {
        pending->done = lr_stage_take_result(pending->client->stage, pending->client, pending->op,
                                             &pending->result);
    }
    return pending->done;
}

void lr_pending_drop(struct lr_pending *pending) {
    if (pending->done) {
        pending->done = false;
        lr_stage_drop_result(pending->client->stage, &pending->result);
    }
}

static int pending_collect(lua_State *lua) {
    lr_pending_drop(luaL_checkudata(lua, 1, LR_PENDING_TYPE));
    return 0;
}

static bool result_there(void *context) {
    struct lr_pending *pending = context;
    bool gone = pending->client->host == NULL; /* killed: its results come no more */
    return lr_pending_done(pending) || gone;
}

/* ---- sessions ---- */

static struct lr_held_session *push_session(lua_State *lua, struct lr_party *client,
                                            struct lr_session *session) {
    struct lr_held_session *held = lua_newuserdatauv(lua, sizeof *held, 0);
    *held = (struct lr_held_session){.client = client, .session = session};
    luaL_setmetatable(lua, LR_SESSION_TYPE);
    return held;
}

static lr_time now_of(const struct lr_held_session *held) {
    return lr_world_now(held->client->stage->world);
}

static void drain(const struct lr_party *client) {
    if (client->host != NULL) {
        lr_world_drain(client->host);
    }
}

/* Pushes the result's values; protected, as the result has to be freed whatever Lua says. Stack:
 * the waiting as light userdata, the session or nil. */
static int push_result(lua_State *lua) {
    struct lr_pending *waiting = lua_touserdata(lua, 1);
    if (waiting->result.kind == LR_ANSWER_SESSION && waiting->result.session != NULL) {
        struct lr_held_session *held = push_session(lua, waiting->client, NULL);
        held->session = waiting->result.session;
        waiting->result.session = NULL;
        (void)lr_check_account(lua,
                               lua_gettop(lua)); /* while its connection can be told from others */
        return 1;
    }
    return lr_result_to_lua(lua, &waiting->result, 2);
}

static void check_done(lua_State *lua, const struct lr_pending *waiting) {
    if (!waiting->done) {
        luaL_error(lua, "%s has ended", waiting->client->name);
    }
}

static int result_arrived(lua_State *lua, int status, lua_KContext kcontext) {
    (void)status;
    (void)kcontext;
    int base = lua_gettop(lua);
    struct lr_pending *waiting = lua_touserdata(lua, base);
    check_done(lua, waiting);
    lua_pushcfunction(lua, push_result);
    lua_pushlightuserdata(lua, waiting);
    if (luaL_testudata(lua, 1, LR_SESSION_TYPE) != NULL) {
        lua_pushvalue(lua, 1);
    } else if (luaL_testudata(lua, 1, LR_FUNCTION_TYPE) != NULL ||
               luaL_testudata(lua, 1, LR_ARRAY_TYPE) != NULL) {
        (void)lua_getiuservalue(lua, 1, 1);
    } else {
        lua_pushnil(lua);
    }
    int failed = lua_pcall(lua, 2, LUA_MULTRET, 0);
    lr_pending_drop(waiting);
    if (failed != LUA_OK) {
        char where[LR_WHERE_MAX];
        lua_pushfstring(lua, "%s: %s", lr_words_where(lua, where, sizeof where),
                        lua_tostring(lua, -1));
        return lua_error(lua);
    }
    return lua_gettop(lua) - base;
}

/* What the use of a closed session is told, with the reason where it was not the script that closed
 * it. The session, or what belongs to one, is the word's first argument. */
static const char *closed_text(lua_State *lua) {
    const struct lr_held_session *held = luaL_testudata(lua, 1, LR_SESSION_TYPE);
    const struct lr_remote *remote = luaL_testudata(lua, 1, LR_FUNCTION_TYPE);
    remote = remote != NULL ? remote : luaL_testudata(lua, 1, LR_ARRAY_TYPE);
    held = remote != NULL ? remote->session : held;
    const struct lr_error *end =
        held != NULL && held->session != NULL ? lr_session_end(held->session) : NULL;
    return end != NULL ? end->text : "session is closed";
}

/* Waits for the operation |op| of |client|, which |status| queued. */
static int await_op(lua_State *lua, struct lr_party *client, enum lr_status status, lr_op op) {
    if (status != LR_OK) {
        return luaL_error(lua, "%s",
                          status == LR_ECLOSED ? closed_text(lua) : lr_status_text(status));
    }
    drain(client);
    struct lr_pending *waiting = lr_push_pending(lua, sizeof *waiting, client);
    waiting->op = op;
    if (result_there(waiting)) {
        return result_arrived(lua, LUA_OK, 0);
    }
    return lr_play_wait(lua, result_there, waiting, LR_TIME_NEVER, 0, result_arrived);
}

static struct lr_party *check_client(lua_State *lua) {
    struct lr_party *party = lr_check_party(lua, 1);
    if (party->kind != LR_PARTY_CLIENT) {
        luaL_error(lua, "%s is no client of ours", party->name);
    }
    if (party->ended) {
        luaL_error(lua, "%s has ended", party->name);
    }
    return party;
}

int lr_client_word_request(lua_State *lua) {
    static const char *const known[] = {"timeout", "priority", "tries", "wait", NULL};
    struct lr_party *client = check_client(lua);
    struct lr_text key;
    key.data = luaL_checklstring(lua, 2, &key.size);
    lr_words_check_options(lua, 3, "request", known);
    struct lr_request_options options = lr_request_options_default;
    options.session_timeout_ns = lr_option_duration(lua, 3, "timeout", 0);
    options.wait_ns = lr_option_duration(lua, 3, "wait", options.wait_ns);
    options.priority = lr_option_integer(lua, 3, "priority", options.priority);
    options.tries = (unsigned int)lr_option_count(lua, 3, "tries", options.tries, 1, 1000000);
    lr_op op = 0;
    enum lr_status status = lr_client_request(
        client->role.client, lr_world_now(client->stage->world), key, &options, &op);
    return await_op(lua, client, status, op);
}

int lr_client_word_connect(lua_State *lua) {
    static const char *const known[] = {"timeout", "key", NULL};
    struct lr_party *client = check_client(lua);
    const struct lr_party *server = lr_check_party(lua, 2);
    lr_words_check_options(lua, 3, "connect", known);
    const char *key = lr_option_string(lua, 3, "key", server->key);
    lr_op op = 0;
    enum lr_status status =
        lr_client_connect(client->role.client, lr_world_now(client->stage->world), &server->service,
                          lr_text_of(key), lr_option_duration(lua, 3, "timeout", 0), &op);
    return await_op(lua, client, status, op);
}

int lr_client_word_summary(lua_State *lua) {
    struct lr_party *client = check_client(lua);
    lr_op op = 0;
    enum lr_status status =
        lr_client_summary(client->role.client, lr_world_now(client->stage->world), false, &op);
    return await_op(lua, client, status, op);
}

int lr_client_word_close(lua_State *lua) {
    struct lr_party *client = check_client(lua);
    struct lr_play *play = lr_play_of(lua);
    lr_time now = lr_world_now(play->stage->world);
    lr_client_close(client->role.client, now);
    drain(client);
    lr_words_mark(play, LR_CAUSE_CLOSE, now, now, "%s closes", client->name);
    lr_words_mark_of(play, 0, client);
    return 0;
}

struct lr_held_session *lr_check_session(lua_State *lua, int index) {
    return luaL_checkudata(lua, index, LR_SESSION_TYPE);
}

static struct lr_held_session *check_open(lua_State *lua, int index) {
    struct lr_held_session *held = lr_check_session(lua, index);
    if (held->session == NULL) {
        luaL_error(lua, "session is closed"); /* this reference has been let go of */
    }
    return held;
}

/* The last mark is |account|'s alone, where that is known. */
static void mark_session(lua_State *lua, uint32_t account) {
    if (account != 0) {
        lr_words_mark_of(lr_play_of(lua), account, NULL);
    }
}

static int session_close(lua_State *lua) {
    struct lr_held_session *held = lr_check_session(lua, 1);
    lr_time now = now_of(held);
    if (held->session != NULL && !lr_session_closed(held->session)) {
        /* while the connection can still be told from others */
        uint32_t account = lr_check_account(lua, 1);
        lr_words_mark(lr_play_of(lua), LR_CAUSE_CLOSE, now, now, "%s calls close()",
                      held->client->name);
        mark_session(lua, account);
        lr_session_close(held->session, now);
        drain(held->client);
    }
    return 0;
}

static void let_go(lua_State *lua, struct lr_held_session *held, enum lr_cause cause) {
    if (held->session == NULL) {
        return;
    }
    lr_time now = now_of(held);
    bool last = lr_session_references(held->session) == 1 && !lr_session_closed(held->session);
    struct lr_session *session = held->session;
    held->session = NULL;
    if (last || cause == LR_CAUSE_SCOPE) {
        lr_words_mark(lr_play_of(lua), cause, now, now, "%s: %s", held->client->name,
                      lr_cause_name(cause));
        mark_session(lua, held->account);
    }
    if (cause == LR_CAUSE_SCOPE) {
        lr_session_close(session, now);
    }
    lr_session_unref(session, now, "script");
    drain(held->client);
}

static int session_unref(lua_State *lua) {
    (void)check_open(lua, 1);
    (void)lr_check_account(lua, 1);
    let_go(lua, lr_check_session(lua, 1), LR_CAUSE_LAST_REFERENCE);
    return 0;
}

/* `local s <close> = ..`: the scope ends the session, whoever else holds it. */
static int session_scope(lua_State *lua) {
    if (lr_check_session(lua, 1)->session != NULL) {
        (void)lr_check_account(lua, 1);
    }
    let_go(lua, lr_check_session(lua, 1), LR_CAUSE_SCOPE);
    return 0;
}

static int session_collect(lua_State *lua) {
    let_go(lua, lr_check_session(lua, 1), LR_CAUSE_LAST_REFERENCE);
    return 0;
}

static int session_ref(lua_State *lua) {
    struct lr_held_session *held = check_open(lua, 1);
    uint32_t account = lr_check_account(lua, 1);
    struct lr_held_session *again = push_session(lua, held->client, NULL);
    again->session = lr_session_ref(held->session, now_of(held), "script");
    again->account = account;
    return 1;
}

static int session_references(lua_State *lua) {
    const struct lr_held_session *held = lr_check_session(lua, 1);
    lua_pushinteger(lua, held->session == NULL ? 0 : lr_session_references(held->session));
    return 1;
}

static int session_closed(lua_State *lua) {
    const struct lr_held_session *held = lr_check_session(lua, 1);
    lua_pushboolean(lua, held->session == NULL || lr_session_closed(held->session));
    return 1;
}

static int session_dialect(lua_State *lua) {
    lua_pushstring(lua, lr_dialect_name(lr_session_dialect(check_open(lua, 1)->session)));
    return 1;
}

static struct lr_text check_text(lua_State *lua, int index) {
    struct lr_text text;
    text.data = luaL_checklstring(lua, index, &text.size);
    return text;
}

static int session_get_function(lua_State *lua) {
    struct lr_held_session *held = check_open(lua, 1);
    lr_op op = 0;
    enum lr_status status =
        lr_session_get_function(held->session, now_of(held), check_text(lua, 2), &op);
    return await_op(lua, held->client, status, op);
}

static int session_call(lua_State *lua) {
    struct lr_held_session *held = check_open(lua, 1);
    struct lr_value values[LR_CALL_ARGUMENTS_MAX];
    struct lr_text name = check_text(lua, 2);
    size_t count = lr_values_from_lua(lua, 3, lua_gettop(lua), values);
    lr_op op = 0;
    enum lr_status status =
        lr_session_call_name(held->session, now_of(held), name, values, count, &op);
    return await_op(lua, held->client, status, op);
}

static int session_upload(lua_State *lua) {
    struct lr_held_session *held = check_open(lua, 1);
    struct lr_text bytes = check_text(lua, 3);
    lr_op op = 0;
    enum lr_status status = lr_session_upload(held->session, now_of(held), check_text(lua, 2),
                                              bytes.data, bytes.size, &op);
    return await_op(lua, held->client, status, op);
}

static int session_download(lua_State *lua) {
    struct lr_held_session *held = check_open(lua, 1);
    lr_op op = 0;
    enum lr_status status =
        lr_session_download(held->session, now_of(held), check_text(lua, 2), &op);
    return await_op(lua, held->client, status, op);
}

static int session_remove(lua_State *lua) {
    struct lr_held_session *held = check_open(lua, 1);
    lr_op op = 0;
    enum lr_status status = lr_session_remove(held->session, now_of(held), check_text(lua, 2), &op);
    return await_op(lua, held->client, status, op);
}

/* session:array(n): n bytes of uint8 on the remote CPU. */
static int array_made(lua_State *lua, int status, lua_KContext kcontext) {
    (void)status;
    (void)kcontext;
    struct lr_held_session *held = lr_check_session(lua, 1);
    struct lr_pending *waiting = lua_touserdata(lua, -1);
    check_done(lua, waiting);
    struct lr_result *result = &waiting->result;
    struct lr_error error = result->error;
    struct lr_tensor tensor = result->value.as.tensor;
    lr_pending_drop(waiting);
    if (error.code != LR_OK) {
        return lr_words_raise(lua, &error);
    }
    struct lr_remote *array = lua_newuserdatauv(lua, sizeof *array, 1);
    *array = (struct lr_remote){.session = held, .kind = LR_RESULT_NULL, .tensor = tensor};
    luaL_setmetatable(lua, LR_ARRAY_TYPE);
    lua_pushvalue(lua, 1);
    (void)lua_setiuservalue(lua, -2, 1);
    return 1;
}

static int session_array(lua_State *lua) {
    struct lr_held_session *held = check_open(lua, 1);
    lua_Integer bytes = luaL_checkinteger(lua, 2);
    struct lr_tensor tensor = {.device = {1, 0}, .ndim = 1, .dtype = {1, 8, 1}, .shape = {bytes}};
    lr_op op = 0;
    enum lr_status status = lr_session_allocate(held->session, now_of(held), &tensor, &op);
    if (status != LR_OK) {
        return await_op(lua, held->client, status, op);
    }
    drain(held->client);
    struct lr_pending *waiting = lr_push_pending(lua, sizeof *waiting, held->client);
    waiting->op = op;
    if (result_there(waiting)) {
        return array_made(lua, LUA_OK, 0);
    }
    return lr_play_wait(lua, result_there, waiting, LR_TIME_NEVER, 0, array_made);
}

static struct lr_remote *check_remote(lua_State *lua, const char *type) {
    struct lr_remote *remote = luaL_checkudata(lua, 1, type);
    if (remote->session->session == NULL) {
        luaL_error(lua, "session is closed");
    }
    return remote;
}

static int array_write(lua_State *lua) {
    struct lr_remote *array = check_remote(lua, LR_ARRAY_TYPE);
    struct lr_text bytes = check_text(lua, 2);
    lr_op op = 0;
    enum lr_status status = lr_session_copy_in(array->session->session, now_of(array->session),
                                               &array->tensor, bytes.data, bytes.size, &op);
    return await_op(lua, array->session->client, status, op);
}

static int array_read(lua_State *lua) {
    struct lr_remote *array = check_remote(lua, LR_ARRAY_TYPE);
    lr_op op = 0;
    enum lr_status status =
        lr_session_copy_out(array->session->session, now_of(array->session), &array->tensor, &op);
    return await_op(lua, array->session->client, status, op);
}

static int array_free(lua_State *lua) {
    struct lr_remote *array = check_remote(lua, LR_ARRAY_TYPE);
    struct lr_session *session = array->session->session;
    lr_op op = 0;
    enum lr_status status =
        array->kind == LR_RESULT_ARRAY
            ? lr_session_free_handle(session, now_of(array->session), array->handle,
                                     LR_RESULT_ARRAY, &op)
            : lr_session_free_data(session, now_of(array->session), &array->tensor, &op);
    return await_op(lua, array->session->client, status, op);
}

static enum lr_status queue_call(lua_State *lua, const struct lr_remote *function, lr_op *op) {
    struct lr_value values[LR_CALL_ARGUMENTS_MAX];
    size_t count = lr_values_from_lua(lua, 2, lua_gettop(lua), values);
    return lr_session_call(function->session->session, now_of(function->session), function->handle,
                           values, count, op);
}

static int function_call(lua_State *lua) {
    struct lr_remote *function = check_remote(lua, LR_FUNCTION_TYPE);
    lr_op op = 0;
    enum lr_status status = queue_call(lua, function, &op);
    return await_op(lua, function->session->client, status, op);
}

/* f:begin(..): the call is under way, and nobody waits for what comes of it. */
static int function_begin(lua_State *lua) {
    struct lr_remote *function = check_remote(lua, LR_FUNCTION_TYPE);
    lr_op op = 0;
    enum lr_status status = queue_call(lua, function, &op);
    if (status != LR_OK) {
        return await_op(lua, function->session->client, status, op);
    }
    drain(function->session->client);
    return 0;
}

static int function_free(lua_State *lua) {
    struct lr_remote *function = check_remote(lua, LR_FUNCTION_TYPE);
    lr_op op = 0;
    enum lr_status status =
        lr_session_free_handle(function->session->session, now_of(function->session),
                               function->handle, function->kind, &op);
    return await_op(lua, function->session->client, status, op);
}

void lr_words_client(lua_State *lua) {
    static const luaL_Reg session_methods[] = {
        {"close", session_close},
        {"ref", session_ref},
        {"unref", session_unref},
        {"references", session_references},
        {"closed", session_closed},
        {"dialect", session_dialect},
        {"get_function", session_get_function},
        {"call", session_call},
        {"upload", session_upload},
        {"download", session_download},
        {"remove", session_remove},
        {"array", session_array},
        {"__close", session_scope},
        {"__gc", session_collect},
        {NULL, NULL},
    };
    static const luaL_Reg array_methods[] = {
        {"write", array_write}, {"read", array_read}, {"free", array_free}, {NULL, NULL}};
    static const luaL_Reg function_methods[] = {{"free", function_free},
                                                {"begin", function_begin},
                                                {"__call", function_call},
                                                {NULL, NULL}};
    static const luaL_Reg pending_methods[] = {{"__gc", pending_collect}, {NULL, NULL}};
    lr_words_type(lua, LR_PENDING_TYPE, pending_methods);
    lr_words_type(lua, LR_SESSION_TYPE, session_methods);
    lr_words_type(lua, LR_ARRAY_TYPE, array_methods);
    lr_words_type(lua, LR_FUNCTION_TYPE, function_methods);
    lr_words_values(lua);
}
