/* SPDX-License-Identifier: Apache-2.0 */
/* expect(x): the words about values, functions that must fail, trackers and faults. */
#include "scenario/expect.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "scenario/lua_path.h"
#include "scenario/words_runtime.h"

enum {
    SEEN_MAX = 512,
    SUMMARY_PATIENCE_SECONDS = 2,
    PAUSES_A_WAIT = 64 /* how exactly a wait is known: to a part of so many */
};

/* What holds |session|, of a client whose sessions are Lua's, is told with what was seen of it. */
static void explain_in_lua(lua_State *lua, uint32_t session) {
    struct lr_play *play = lr_play_of(lua);
    struct lr_retention retention;
    const struct lr_account *account = lr_ledger_account(play->stage->ledger, session);
    if (account != NULL && account->released_at == LR_TIME_NEVER && lr_lua_holds(play, session) &&
        lr_lua_path(lua, session, &retention)) {
        (void)lr_case_result_retain(play->result, &retention); /* it counts what it cannot keep */
    }
}

int lr_expect_record(lua_State *lua, const struct lr_verdict *verdict) {
    struct lr_play *play = lr_play_of(lua);
    char where[LR_WHERE_MAX];
    bool *judged = luaL_checkudata(lua, 1, LR_EXPECT_TYPE);
    play->unjudged -= *judged ? 0 : 1;
    *judged = true;
    lr_words_where(lua, where, sizeof where);
    struct lr_expectation expectation = {
        .text = verdict->text,
        .expected = verdict->expected,
        .seen = verdict->seen,
        .where = where,
        .held = verdict->held,
        .late = verdict->late,
        .session = verdict->session,
    };
    if (lr_case_result_expect(play->result, &expectation) != LR_OK) {
        return luaL_error(lua, "no memory for an expectation");
    }
    lr_ledger_note(play->stage->ledger, lr_world_now(play->stage->world), verdict->session,
                   "expect: %s: %s", verdict->text, verdict->held ? "holds" : "DOES NOT HOLD");
    if (!verdict->held) {
        play->failed = true;
        lr_runtime_explain(play, verdict->session);
        explain_in_lua(lua, verdict->session);
        if (verdict->session == 0) { /* what sessions' ends are judged by is their release */
            play->result->protocol_verdict = "failed";
        }
        return luaL_error(lua, "expected %s, seen %s", verdict->expected, verdict->seen);
    }
    return 0;
}

/* Pushes the subject of the expectation at 1. */
static int push_subject(lua_State *lua) {
    luaL_checkudata(lua, 1, LR_EXPECT_TYPE);
    return lua_getiuservalue(lua, 1, 1);
}

/* Lua's own, with all its bytes. */
static struct lr_text text_at(lua_State *lua, int index) {
    struct lr_text text;
    text.data = lua_tolstring(lua, index, &text.size);
    return text;
}

static const char *push_quoted(lua_State *lua, struct lr_text text) {
    char quoted[SEEN_MAX];
    return lua_pushstring(lua, lr_text_quote(quoted, sizeof quoted, text));
}

static const char *push_text(lua_State *lua, int index) {
    return lua_type(lua, index) != LUA_TSTRING ? lr_sandbox_text(lua, index)
                                               : push_quoted(lua, text_at(lua, index));
}

static int expect_is(lua_State *lua) {
    luaL_checkany(lua, 2);
    push_subject(lua);
    int subject = lua_gettop(lua);
    struct lr_verdict verdict = {.held = lua_compare(lua, subject, 2, LUA_OPEQ) != 0};
    verdict.expected = push_text(lua, 2);
    verdict.seen = push_text(lua, subject);
    verdict.text = lua_pushfstring(lua, "a value is %s", verdict.expected);
    return lr_expect_record(lua, &verdict);
}

static int expect_contains(lua_State *lua) {
    (void)luaL_checkstring(lua, 2);
    luaL_argcheck(lua, text_at(lua, 2).size > 0, 2, "every text contains an empty one");
    push_subject(lua);
    int subject = lua_gettop(lua);
    bool is_text = lua_isstring(lua, subject) != 0;
    struct lr_verdict verdict = {.held = is_text &&
                                         lr_text_contains(text_at(lua, subject), text_at(lua, 2))};
    verdict.seen = push_text(lua, subject);
    const char *part = push_text(lua, 2);
    verdict.expected = lua_pushfstring(lua, "text that contains %s", part);
    verdict.text = lua_pushfstring(lua, "a text contains %s", part);
    return lr_expect_record(lua, &verdict);
}

static int function_ended(lua_State *lua, int status, lua_KContext kcontext) {
    (void)kcontext;
    bool failed = status != LUA_OK && status != LUA_YIELD;
    struct lr_play *play = lr_play_of(lua);
    if (play->failed || play->missing[0] != '\0' || play->unready[0] != '\0') {
        return lua_error(lua); /* not the failure that was asked for */
    }
    struct lr_verdict verdict = {.seen = "it succeeded"};
    if (failed) {
        const char *message = lr_sandbox_text(lua, -1);
        struct lr_text whole = text_at(lua, -1);
        verdict.held = lr_text_contains(whole, text_at(lua, 2));
        verdict.seen = lr_text_has(whole, '\0') ? push_quoted(lua, whole) : message;
    }
    const char *part = push_text(lua, 2);
    verdict.expected = lua_pushfstring(lua, "an error that contains %s", part);
    verdict.text = lua_pushfstring(lua, "a call fails with %s", part);
    return lr_expect_record(lua, &verdict);
}

/* expect(function() .. end):fails("session is closed") */
static int expect_fails(lua_State *lua) {
    (void)luaL_checkstring(lua, 2);
    if (text_at(lua, 2).size == 0) { /* any error would do, also one of the script's own */
        return luaL_error(lua, "fails(\"part of the message\"): say which");
    }
    lua_settop(lua, 2);
    if (push_subject(lua) != LUA_TFUNCTION) {
        return luaL_error(lua, "expect(function() .. end):fails(\"part of the message\")");
    }
    return function_ended(lua, lua_pcallk(lua, 0, 0, 0, 0, function_ended), 0);
}

/* The probe asks the tracker for its SUMMARY until the counts are as expected or patience ends. */
struct counting {
    struct lr_stage *stage;
    struct lr_party *tracker;
    struct lr_client *probe;
    lr_op op;
    lr_time began_at;
    lr_time until;
    lr_time asked_at; /* the last time */
    const char *key;
    bool pending; /* which of the two counts */
    int64_t wanted;
    int64_t seen; /* -1: no such key */
    bool asked;
    bool matched;
    char error[LR_ERROR_TEXT_MAX];
};

static void read_counts(struct counting *counting, const struct lr_result *result) {
    counting->seen = 0; /* a key without a row has none */
    counting->asked = true;
    if (result->error.code != LR_OK) {
        counting->asked = false;
        (void)snprintf(counting->error, sizeof counting->error, "%s", result->error.text);
        return;
    }
    for (size_t i = 0; i < lr_summary_queue_count(&result->summary); i++) {
        struct lr_summary_queue queue;
        if (lr_summary_queue_at(&result->summary, i, &queue) == LR_OK &&
            lr_text_equal(queue.key, lr_text_of(counting->key))) {
            counting->seen = counting->pending ? queue.pending : queue.free;
        }
    }
    counting->matched = counting->seen == counting->wanted;
}

static void ask(struct counting *counting) {
    struct lr_party *probe = counting->stage->probe;
    counting->op = 0;
    counting->asked_at = lr_world_now(counting->stage->world);
    if (lr_client_summary(probe->role.client, counting->asked_at, false, &counting->op) == LR_OK) {
        lr_world_drain(probe->host);
    }
}

/* The longer it has waited, the longer its pauses: a wait of a minute is known to the second, and
 * the tracker is not asked ten thousand times; in time for an answer before patience ends. */
static lr_time ask_again_at(const struct counting *counting) {
    uint64_t waited_ns = counting->asked_at - counting->began_at;
    uint64_t pause_ns = waited_ns / PAUSES_A_WAIT;
    lr_time last = counting->until > LR_POLL_NS ? counting->until - LR_POLL_NS : 0;
    lr_time next = lr_time_add(counting->asked_at, pause_ns > LR_POLL_NS ? pause_ns : LR_POLL_NS);
    return counting->asked_at < last ? lr_time_min(next, last) : next;
}

static bool counts_match(void *context) {
    struct counting *counting = context;
    struct lr_result result;
    if (lr_stage_take_result(counting->stage, counting->stage->probe, counting->op, &result)) {
        read_counts(counting, &result);
        lr_result_deinit(&result);
        counting->op = 0;
    }
    bool again = lr_world_now(counting->stage->world) >= ask_again_at(counting);
    if (!counting->matched && counting->op == 0 && again) {
        ask(counting);
    }
    return counting->matched;
}

static int counted(lua_State *lua, int status, lua_KContext kcontext) {
    (void)status;
    (void)kcontext;
    struct counting *counting = lua_touserdata(lua, -1);
    const char *what = counting->pending ? "pending" : "free";
    struct lr_verdict verdict = {.held = counting->matched};
    verdict.expected = lua_pushfstring(lua, "%I %s", (LUAI_UACINT)counting->wanted, what);
    verdict.seen = counting->asked
                       ? lua_pushfstring(lua, "%I %s", (LUAI_UACINT)counting->seen, what)
                       : lua_pushfstring(lua, "no answer: %s", counting->error);
    verdict.text = lua_pushfstring(lua, "%s has %s under key \"%s\"", counting->tracker->name,
                                   verdict.expected, counting->key);
    return lr_expect_record(lua, &verdict);
}

/* A client of the harness's own that knows |tracker|. */
static void make_probe(lua_State *lua, struct lr_stage *stage, struct lr_party *tracker) {
    if (stage->probe != NULL && stage->probe->tracker == tracker) {
        return;
    }
    struct lr_client_options options = lr_client_options_default;
    struct lr_error error = {.code = LR_OK};
    stage->sparing = true;
    enum lr_status status = lr_stage_client(stage, NULL, &options, tracker, &stage->probe, &error);
    stage->sparing = false;
    if (status != LR_OK) {
        lr_words_raise(lua, &error);
    }
}

/* expect(tracker):free(key, n[, within]) */
static int expect_count(lua_State *lua, bool pending) {
    struct lr_stage *stage = lr_play_of(lua)->stage;
    lua_settop(lua, 4);
    push_subject(lua);
    struct lr_party *tracker = lr_check_party(lua, lua_gettop(lua));
    const char *key = luaL_checkstring(lua, 2);
    uint64_t within =
        lua_isnoneornil(lua, 4) ? SUMMARY_PATIENCE_SECONDS * LR_SECOND : lr_script_duration(lua, 4);
    make_probe(lua, stage, tracker);
    struct counting *counting = lua_newuserdatauv(lua, sizeof *counting, 0);
    *counting = (struct counting){.stage = stage,
                                  .tracker = tracker,
                                  .key = key,
                                  .pending = pending,
                                  .wanted = luaL_checkinteger(lua, 3),
                                  .began_at = lr_world_now(stage->world)};
    counting->until = lr_time_add(counting->began_at, within);
    ask(counting);
    return lr_play_poll(lua, counts_match, counting, counting->until, 0, counted);
}

static int expect_free(lua_State *lua) {
    return expect_count(lua, false);
}

static int expect_pending(lua_State *lua) {
    return expect_count(lua, true);
}

static int word_expect(lua_State *lua) {
    luaL_checkany(lua, 1);
    bool *judged = lua_newuserdatauv(lua, sizeof *judged, 1);
    *judged = false;
    lr_play_of(lua)->unjudged++;
    luaL_setmetatable(lua, LR_EXPECT_TYPE);
    lua_pushvalue(lua, 1);
    (void)lua_setiuservalue(lua, -2, 1);
    return 1;
}

void lr_words_expect(lua_State *lua) {
    static const luaL_Reg methods[] = {
        {"is", expect_is},
        {"contains", expect_contains},
        {"fails", expect_fails},
        {"free", expect_free},
        {"pending", expect_pending},
        {"released", lr_expect_word_released},
        {"held", lr_expect_word_held},
        {"played", lr_expect_word_played},
        {"held_by", lr_expect_word_held_by},
        {"alive", lr_expect_word_alive},
        {"gone", lr_expect_word_gone},
        {NULL, NULL},
    };
    lr_words_type(lua, LR_EXPECT_TYPE, methods);
    lua_register(lua, "expect", word_expect);
}
