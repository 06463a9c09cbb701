/* SPDX-License-Identifier: Apache-2.0 */
/* A Python program's way to a session, frame by frame as TVM's client goes it, while our client
 * does on the wire what those frames would: connect_tracker, request; and what it does with the
 * session. A remote error is an exception of the program. */
#include <stdio.h>
#include <string.h>

#include "mocks/heap/collector.h"
#include "mocks/heap/run.h"
#include "scenario/values.h"
#include "scenario/words_runtime.h"

/* An operation of our client that a function of the program waits for. */
struct asking {
    struct lr_pending pending; /* first */
    struct lr_runtime *runtime;
    struct lr_runtime_session *session; /* of a remote operation */
    uint64_t frame;                     /* the running one's serial */
    unsigned int frames;                /* that the word pushed, and pops */
};

static bool answered(void *context) {
    struct asking *asking = context;
    return lr_pending_done(&asking->pending) || asking->runtime->client->host == NULL;
}

static lr_time now_of(const struct lr_runtime *runtime) {
    return lr_world_now(runtime->client->stage->world);
}

static const char *closed_text(const struct lr_runtime_session *session) {
    const struct lr_error *end =
        session == NULL || session->session == NULL ? NULL : lr_session_end(session->session);
    return end == NULL ? "session is closed" : end->text;
}

/* Waits for the operation that |asking|, at the top, has begun; |status| is how that went. */
static int await(lua_State *lua, struct asking *asking, enum lr_status status, lua_KFunction then) {
    struct lr_runtime *runtime = asking->runtime;
    if (status != LR_OK) {
        return lr_python_raise(lua, runtime, "RPCError",
                               status == LR_ECLOSED ? closed_text(asking->session)
                                                    : lr_status_text(status),
                               asking->frames);
    }
    asking->frame = lr_object_serial(lr_heap_frame(runtime->heap));
    lr_world_drain(runtime->client->host);
    if (answered(asking)) {
        return then(lua, LUA_OK, 0);
    }
    return lr_play_wait(lua, answered, asking, LR_TIME_NEVER, 0, then);
}

static struct asking *push_asking(lua_State *lua, struct lr_runtime *runtime,
                                  struct lr_runtime_session *session, unsigned int frames) {
    struct asking *asking = lr_push_pending(lua, sizeof *asking, runtime->client);
    asking->runtime = runtime;
    asking->session = session;
    asking->frames = frames;
    return asking;
}

/* The answer is there: back in the thread and frame of the one that asked. Raises the exception
 * that an error is. */
static struct asking *come_back(lua_State *lua) {
    struct asking *asking = lua_touserdata(lua, -1);
    struct lr_runtime *runtime = asking->runtime;
    if (!asking->pending.done) {
        luaL_error(lua, "%s has ended", runtime->client->name);
    }
    lr_python_enter(lua, runtime);
    if (lr_object_serial(lr_heap_frame(runtime->heap)) != asking->frame) {
        lr_pending_drop(&asking->pending);
        luaL_error(lua, "two actors run functions in one thread of %s; use thread()",
                   runtime->client->name);
    }
    if (asking->pending.result.error.code != LR_OK) {
        struct lr_error error = asking->pending.result.error;
        lr_pending_drop(&asking->pending);
        lr_python_raise(lua, runtime, "RPCError", error.text, asking->frames);
    }
    return asking;
}

static void pop_frames(struct asking *asking) {
    for (unsigned int i = 0; i < asking->frames; i++) {
        lr_runtime_loose_drop_frame(asking->runtime);
        lr_heap_pop_frame(asking->runtime->heap);
    }
}

/* ---- the tracker ---- */

static const char *const connecting[] = {"connect_tracker", "__init__", "_connect",
                                         "connect_with_retry", "get_addr_family"};

/* Its frames, from the module-level function down to where socket.getaddrinfo is called. */
static enum lr_status descend(struct lr_runtime *runtime, struct lr_object *self) {
    enum lr_status status = LR_OK;
    for (size_t i = 0; i < LR_COUNT_OF(connecting) && status == LR_OK; i++) {
        status = lr_heap_push_frame(runtime->heap, connecting[i]);
        bool is_method = i == 1 || i == 2;
        if (status == LR_OK && is_method) {
            status = lr_heap_set_local(runtime->heap, "self", self);
        }
    }
    if (status == LR_OK) {
        status = lr_heap_getaddrinfo(runtime->heap, runtime->kind_known);
    }
    return status;
}

/* The client is connected: the frames return, and hand the TrackerSession to their caller. */
static int connected(lua_State *lua, int status, lua_KContext kcontext) {
    (void)status;
    (void)kcontext;
    struct asking *asking = come_back(lua);
    struct lr_runtime *runtime = asking->runtime;
    lr_pending_drop(&asking->pending);
    lr_heap_pop_frame(runtime->heap); /* connect_with_retry */
    struct lr_object *self = lr_heap_hold(lr_heap_local(runtime->heap, "self"));
    asking->frames--;
    pop_frames(asking);
    return lr_give_object(lua, runtime, self, "t");
}

/* py:connect_tracker(tracker) */
int lr_python_word_connect_tracker(lua_State *lua) {
    struct lr_runtime *runtime = lr_check_python(lua, 1);
    struct lr_party *client = runtime->client;
    struct lr_party *tracker = lr_check_party(lua, 2);
    enum lr_status status =
        lr_client_set_tracker(client->role.client, tracker->service.host, tracker->service.port);
    if (status == LR_EEXISTS) {
        return luaL_error(lua, "%s knows another tracker", client->name);
    }
    lr_python_check(lua, status);
    client->tracker = tracker;
    struct lr_object *self;
    lr_python_check(lua, lr_heap_new_instance(runtime->heap, NULL, LR_TRACKER_CLASS, &self));
    status = descend(runtime, self);
    lr_heap_drop(runtime->heap, self);
    lr_python_check(lua, status);
    lr_heap_pop_frame(runtime->heap); /* get_addr_family knows now; connect_with_retry connects */
    struct asking *asking = push_asking(lua, runtime, NULL, LR_COUNT_OF(connecting) - 1);
    status = lr_client_summary(client->role.client, now_of(runtime), true, &asking->pending.op);
    return await(lua, asking, status, connected);
}

/* ---- a session ---- */

static void session_gone(void *context, const struct lr_heap_release *release) {
    char text[LR_HOP_NAME_MAX];
    lr_runtime_session_let_go(context, lr_heap_release_text(text, sizeof text, release));
}

static int requested(lua_State *lua, int status, lua_KContext kcontext) {
    (void)status;
    (void)kcontext;
    struct asking *asking = come_back(lua);
    struct lr_runtime *runtime = asking->runtime;
    struct lr_session *session = asking->pending.result.session;
    asking->pending.result.session = NULL;
    lr_pending_drop(&asking->pending);
    struct lr_runtime_session *held;
    lr_python_check(lua, lr_runtime_session_new(runtime, session, &held));
    struct lr_object *object;
    lr_python_check(
        lua, lr_heap_new_session(runtime->heap, NULL, "RPCSession", session_gone, held, &object));
    lr_heap_watch(&held->object, object);
    pop_frames(asking);
    return lr_give_object(lua, runtime, object, "r");
}

/* tracker_session:request("test"[, { timeout = "20s", priority, tries, wait }]) */
int lr_object_word_request(lua_State *lua) {
    static const char *const known[] = {"timeout", "priority", "tries", "wait", NULL};
    struct lr_object_value *tracker = lr_check_object(lua, 1);
    struct lr_runtime *runtime = tracker->runtime;
    struct lr_text key;
    key.data = luaL_checklstring(lua, 2, &key.size);
    luaL_argcheck(lua, strcmp(lr_object_name(tracker->object.object), LR_TRACKER_CLASS) == 0, 1,
                  "it is no TrackerSession");
    lr_words_check_options(lua, 3, "request", known);
    struct lr_request_options options = lr_request_options_default;
    options.session_timeout_ns = lr_option_duration(lua, 3, "timeout", 0);
    options.wait_ns = lr_option_duration(lua, 3, "wait", options.wait_ns);
    options.priority = lr_option_integer(lua, 3, "priority", options.priority);
    options.tries = (unsigned int)lr_option_count(lua, 3, "tries", options.tries, 1, 1000000);
    lr_python_check(lua, lr_heap_push_frame(runtime->heap, "request"));
    lr_python_check(lua, lr_heap_set_local(runtime->heap, "self", tracker->object.object));
    struct asking *asking = push_asking(lua, runtime, NULL, 1);
    enum lr_status status = lr_client_request(runtime->client->role.client, now_of(runtime), key,
                                              &options, &asking->pending.op);
    return await(lua, asking, status, requested);
}

/* ---- what is done with it ---- */

/* The session of the object at 1, for something remote: closed, where the model's object is there
 * and the session is not, is told as the answer. */
static struct lr_runtime_session *check_session(lua_State *lua) {
    struct lr_object_value *value = lr_check_object(lua, 1);
    if (value->session == NULL) {
        luaL_error(lua, "it is no session");
    }
    return value->session;
}

/* session:close() */
int lr_object_word_close(lua_State *lua) {
    lr_runtime_session_close(check_session(lua), LR_CAUSE_CLOSE);
    return 0;
}

/* session:closed(): whoever closed it; also of one that the program has let go of. */
int lr_object_word_closed(lua_State *lua) {
    const struct lr_runtime_session *held = lr_check_runtime_session(lua, 1);
    lua_pushboolean(lua, held->session == NULL || lr_session_closed(held->session));
    return 1;
}

static struct lr_text check_text(lua_State *lua, int index) {
    struct lr_text text;
    text.data = luaL_checklstring(lua, index, &text.size);
    return text;
}

static int push_plain(lua_State *lua) {
    struct asking *asking = lua_touserdata(lua, 1);
    return lr_result_to_lua(lua, &asking->pending.result, 0);
}

/* A value of the answer; a remote object, if it is one, is a Python object that holds the session,
 * and frees the remote one when it goes. */
static int push_answer(lua_State *lua, struct asking *asking) {
    struct lr_result *result = &asking->pending.result;
    bool function = result->kind == LR_ANSWER_FUNCTION || result->kind == LR_ANSWER_MODULE;
    if (!function && result->kind != LR_ANSWER_ARRAY) {
        int base = lua_gettop(lua);
        lua_pushcfunction(lua, push_plain);
        lua_pushlightuserdata(lua, asking);
        int failed = lua_pcall(lua, 1, LUA_MULTRET, 0);
        lr_pending_drop(&asking->pending);
        return failed != LUA_OK ? lua_error(lua) : lua_gettop(lua) - base;
    }
    struct lr_value value = result->value;
    uint64_t array = result->array_handle;
    enum lr_result_kind kind = result->kind == LR_ANSWER_MODULE ? LR_RESULT_MODULE
                               : function                       ? LR_RESULT_FUNCTION
                                                                : LR_RESULT_ARRAY;
    lr_pending_drop(&asking->pending);
    if (function && value.as.handle == 0) {
        lua_pushnil(lua);
        return 1;
    }
    struct lr_runtime_remote *remote;
    lr_python_check(lua, lr_runtime_remote_new(asking->session, &remote));
    remote->kind = kind;
    remote->handle = function ? value.as.handle : array;
    remote->tensor = function ? (struct lr_tensor){.ndim = 0} : value.as.tensor;
    return lr_give_remote(lua, remote,
                          kind == LR_RESULT_MODULE     ? "RemoteModule"
                          : kind == LR_RESULT_FUNCTION ? "RemoteFunction"
                                                       : "RemoteArray");
}

static int operated(lua_State *lua, int status, lua_KContext kcontext) {
    (void)status;
    (void)kcontext;
    struct asking *asking = come_back(lua);
    return push_answer(lua, asking);
}

static struct asking *ask_session(lua_State *lua, struct lr_runtime_session *session) {
    if (session->session == NULL) {
        lr_python_raise(lua, session->runtime, "RPCError", "session is closed", 0);
    }
    return push_asking(lua, session->runtime, session, 0);
}

/* session:call("rpc.test.addone", 1) */
int lr_object_word_call(lua_State *lua) {
    struct lr_runtime_session *session = check_session(lua);
    struct lr_value values[LR_CALL_ARGUMENTS_MAX];
    struct lr_text name = check_text(lua, 2);
    size_t count = lr_values_from_lua(lua, 3, lua_gettop(lua), values);
    struct asking *asking = ask_session(lua, session);
    return await(lua, asking,
                 lr_session_call_name(session->session, now_of(session->runtime), name, values,
                                      count, &asking->pending.op),
                 operated);
}

/* session:get_function("rpc.test.addone") */
int lr_object_word_get_function(lua_State *lua) {
    struct lr_runtime_session *session = check_session(lua);
    struct lr_text name = check_text(lua, 2);
    struct asking *asking = ask_session(lua, session);
    return await(lua, asking,
                 lr_session_get_function(session->session, now_of(session->runtime), name,
                                         &asking->pending.op),
                 operated);
}

static int allocated(lua_State *lua, int status, lua_KContext kcontext) {
    (void)status;
    (void)kcontext;
    struct asking *asking = come_back(lua);
    struct lr_tensor tensor = asking->pending.result.value.as.tensor;
    lr_pending_drop(&asking->pending);
    struct lr_runtime_remote *remote;
    lr_python_check(lua, lr_runtime_remote_new(asking->session, &remote));
    remote->kind = LR_RESULT_NULL;
    remote->tensor = tensor;
    return lr_give_remote(lua, remote, "RemoteArray");
}

/* session:array(64): bytes of remote memory. */
int lr_object_word_array(lua_State *lua) {
    struct lr_runtime_session *session = check_session(lua);
    struct lr_tensor tensor = {
        .device = {1, 0}, .ndim = 1, .dtype = {1, 8, 1}, .shape = {luaL_checkinteger(lua, 2)}};
    struct asking *asking = ask_session(lua, session);
    return await(lua, asking,
                 lr_session_allocate(session->session, now_of(session->runtime), &tensor,
                                     &asking->pending.op),
                 allocated);
}

/* ---- remote objects ---- */

static void remote_gone(struct lr_heap *heap, struct lr_object *self,
                        const struct lr_heap_release *release, void *context) {
    (void)heap;
    (void)self;
    (void)release;
    lr_runtime_remote_let_go(context);
}

int lr_give_remote(lua_State *lua, struct lr_runtime_remote *remote, const char *name) {
    struct lr_runtime *runtime = remote->session->runtime;
    struct lr_object *object;
    lr_python_check(lua, lr_heap_new_instance(runtime->heap, NULL, name, &object));
    enum lr_status status =
        lr_heap_set(runtime->heap, object, "session", remote->session->object.object);
    if (status != LR_OK) {
        lr_heap_drop(runtime->heap, object);
    }
    lr_python_check(lua, status);
    lr_heap_set_del(object, remote_gone, remote);
    lr_heap_watch(&remote->object, object);
    return lr_give_object(lua, runtime, object, "f");
}

/* session:device(): knows its session, as TVM's Device does; there is nothing of it at the server.
 */
int lr_object_word_device(lua_State *lua) {
    struct lr_object_value *session = lr_check_object(lua, 1);
    (void)check_session(lua);
    struct lr_object *device;
    struct lr_heap *heap = session->runtime->heap;
    lr_python_check(lua, lr_heap_new_instance(heap, NULL, "Device", &device));
    enum lr_status status = lr_heap_set(heap, device, "_rpc_sess", session->object.object);
    if (status != LR_OK) {
        lr_heap_drop(heap, device);
    }
    lr_python_check(lua, status);
    return lr_give_object(lua, session->runtime, device, "dev");
}

static struct lr_runtime_remote *check_remote(lua_State *lua, bool array) {
    struct lr_object_value *value = lr_check_object(lua, 1);
    LR_LIST_EACH (node, &value->runtime->remotes) {
        struct lr_runtime_remote *remote = LR_CONTAINER_OF(node, struct lr_runtime_remote, node);
        bool is_array = remote->kind == LR_RESULT_NULL || remote->kind == LR_RESULT_ARRAY;
        if (remote->object.object == value->object.object && is_array == array) {
            return remote;
        }
    }
    luaL_error(lua, "it is no remote %s", array ? "array" : "function");
    return NULL;
}

/* array:write(text), array:read() */
int lr_object_word_write(lua_State *lua) {
    struct lr_runtime_remote *remote = check_remote(lua, true);
    struct lr_text bytes = check_text(lua, 2);
    struct asking *asking = ask_session(lua, remote->session);
    return await(lua, asking,
                 lr_session_copy_in(remote->session->session, now_of(asking->runtime),
                                    &remote->tensor, bytes.data, bytes.size, &asking->pending.op),
                 operated);
}

int lr_object_word_read(lua_State *lua) {
    struct lr_runtime_remote *remote = check_remote(lua, true);
    struct asking *asking = ask_session(lua, remote->session);
    return await(lua, asking,
                 lr_session_copy_out(remote->session->session, now_of(asking->runtime),
                                     &remote->tensor, &asking->pending.op),
                 operated);
}

/* f(1): a remote function is called. */
int lr_object_word_invoke(lua_State *lua) {
    struct lr_runtime_remote *remote = check_remote(lua, false);
    struct lr_value values[LR_CALL_ARGUMENTS_MAX];
    size_t count = lr_values_from_lua(lua, 2, lua_gettop(lua), values);
    struct asking *asking = ask_session(lua, remote->session);
    return await(lua, asking,
                 lr_session_call(remote->session->session, now_of(asking->runtime), remote->handle,
                                 values, count, &asking->pending.op),
                 operated);
}
