/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions as the ledger sees them, whoever holds them: the way to ask about a foreign client's. */
#include <stdio.h>
#include <string.h>

#include "ledger/budget.h"
#include "ledger/held.h"
#include "scenario/words.h"
#include "scenario/words_of_world.h"
#include "scenario/words_runtime.h"

void lr_push_account(lua_State *lua, uint32_t number) {
    uint32_t *held = lua_newuserdatauv(lua, sizeof *held, 0);
    *held = number;
    luaL_setmetatable(lua, LR_ACCOUNT_TYPE);
}

uint32_t lr_check_account(lua_State *lua, int index) {
    uint32_t of_runtime = 0;
    if (lr_runtime_account(lua, index, &of_runtime)) {
        return of_runtime;
    }
    const uint32_t *account = luaL_testudata(lua, index, LR_ACCOUNT_TYPE);
    if (account != NULL) {
        return *account;
    }
    struct lr_held_session *held = lr_check_session(lua, index);
    if (held->account == 0 && held->session != NULL && held->client->host != NULL) {
        held->account = lr_stage_account(held->client, held->session);
    }
    return held->account;
}

struct awaited {
    struct lr_stage *stage;
    const struct lr_party *party; /* whose; NULL: anybody's */
    uint32_t after;
    uint32_t found;
    bool waiting; /* a REQUEST that waits will do */
    bool first;   /* the oldest, not the newest */
};

static bool account_there(void *context) {
    struct awaited *awaited = context;
    for (uint32_t i = awaited->after + 1; i <= lr_ledger_account_count(awaited->stage->ledger);
         i++) {
        const struct lr_account *account = lr_ledger_account(awaited->stage->ledger, i);
        bool whose = awaited->party == NULL || strcmp(account->client, awaited->party->name) == 0;
        if (whose && (awaited->waiting || account->initialised_at != LR_TIME_NEVER)) {
            awaited->found = awaited->first && awaited->found != 0 ? awaited->found : i;
        }
    }
    return awaited->found != 0;
}

static int account_found(lua_State *lua, int status, lua_KContext kcontext) {
    (void)status;
    (void)kcontext;
    struct awaited *awaited = lua_touserdata(lua, -1);
    if (awaited->found == 0) {
        return luaL_error(lua, "no session%s%s was seen on the wire",
                          awaited->party != NULL ? " of " : "",
                          awaited->party != NULL ? awaited->party->name : "");
    }
    lr_push_account(lua, awaited->found);
    return 1;
}

/* w:session(client[, { after = earlier, waiting = true }]): the newest session of |client| that the
 * ledger has seen begin; waits a little where there is none yet. */
int lr_world_word_session(lua_State *lua) {
    static const char *const known[] = {"after", "waiting", "first", NULL};
    struct lr_play *play = lr_play_of(lua);
    lr_words_check_options(lua, 3, "session", known);
    uint32_t after = 0;
    if (lua_istable(lua, 3) && lua_getfield(lua, 3, "after") != LUA_TNIL) {
        after = lr_check_account(lua, lua_gettop(lua));
    }
    struct awaited *awaited = lua_newuserdatauv(lua, sizeof *awaited, 0);
    *awaited = (struct awaited){
        .stage = play->stage,
        .party = lua_isnoneornil(lua, 2) ? NULL : lr_check_party(lua, 2),
        .after = after,
        .waiting = lr_option_boolean(lua, 3, "waiting", false),
        .first = lr_option_boolean(lua, 3, "first", false),
    };
    if (account_there(awaited)) {
        return account_found(lua, LUA_OK, 0);
    }
    return lr_play_wait(lua, account_there, awaited,
                        lr_time_add(lr_world_now(play->stage->world), 5 * LR_SECOND), 0,
                        account_found);
}

/* w:sessions(client): all of its sessions that the ledger has seen, asked for or begun, the oldest
 * first. */
int lr_world_word_sessions(lua_State *lua) {
    const struct lr_party *client = lr_check_party(lua, 2);
    const struct lr_ledger *ledger = lr_play_of(lua)->stage->ledger;
    lua_Integer count = 0;
    lua_newtable(lua);
    for (uint32_t i = 1; i <= lr_ledger_account_count(ledger); i++) {
        if (strcmp(lr_ledger_account(ledger, i)->client, client->name) == 0) {
            lr_push_account(lua, i);
            lua_rawseti(lua, -2, ++count);
        }
    }
    return 1;
}

int lr_world_word_note(lua_State *lua) {
    struct lr_stage *stage = lr_play_of(lua)->stage;
    lr_ledger_note(stage->ledger, lr_world_now(stage->world), 0, "script: %s",
                   luaL_checkstring(lua, 2));
    return 0;
}

static const struct lr_account *account_at(lua_State *lua, int index) {
    uint32_t number = lr_check_account(lua, index);
    const struct lr_account *account =
        number == 0 ? NULL : lr_ledger_account(lr_play_of(lua)->stage->ledger, number);
    if (account == NULL) {
        luaL_error(lua, "this session has not been seen on the wire");
    }
    return account;
}

static int account_describe(lua_State *lua) {
    char text[LR_HELD_TEXT_MAX];
    lr_time now = lr_world_now(lr_play_of(lua)->stage->world);
    lua_pushstring(lua, lr_held_describe(text, sizeof text, account_at(lua, 1), now));
    return 1;
}

static int account_calls(lua_State *lua) {
    lua_pushinteger(lua, (lua_Integer)account_at(lua, 1)->calls);
    return 1;
}

static int account_in_call(lua_State *lua) {
    lua_pushboolean(lua, account_at(lua, 1)->in_call);
    return 1;
}

static int account_exception(lua_State *lua) {
    lua_pushstring(lua, account_at(lua, 1)->exception);
    return 1;
}

/* session:bytes([side]): what its client has sent, or its server. */
static int account_bytes(lua_State *lua) {
    lua_pushinteger(lua, (lua_Integer)account_at(lua, 1)->bytes[lr_check_direction(lua, 2)]);
    return 1;
}

static int account_client(lua_State *lua) {
    lua_pushstring(lua, account_at(lua, 1)->client);
    return 1;
}

static int push_time(lua_State *lua, lr_time at) {
    if (at == LR_TIME_NEVER) {
        lua_pushnil(lua);
    } else {
        lua_pushinteger(lua, (lua_Integer)lr_stage_elapsed(lr_play_of(lua)->stage, at));
    }
    return 1;
}

/* session:granted_at(), .. : ns since the case began; nil: not yet. */
static int account_granted_at(lua_State *lua) {
    return push_time(lua, account_at(lua, 1)->granted_at);
}

static int account_accepted_at(lua_State *lua) {
    return push_time(lua, account_at(lua, 1)->accepted_at);
}

/* By its timeout. */
static int account_expires_at(lua_State *lua) {
    return push_time(lua, lr_account_expires_at(account_at(lua, 1)));
}

/* Its client's end, as its server gets it: a Shutdown is read when it is accepted. */
static int account_gone_at(lua_State *lua) {
    return push_time(lua, lr_account_gone_at(account_at(lua, 1)));
}

static int account_released_at(lua_State *lua) {
    return push_time(lua, account_at(lua, 1)->released_at);
}

static int account_requestable_at(lua_State *lua) {
    return push_time(lua, account_at(lua, 1)->requestable_at);
}

static int account_shutdown_seen(lua_State *lua) {
    lua_pushboolean(lua, account_at(lua, 1)->shutdown_at[LR_TO_SERVICE] != LR_TIME_NEVER);
    return 1;
}

void lr_words_account(lua_State *lua) {
    static const luaL_Reg methods[] = {
        {"describe", account_describe},
        {"calls", account_calls},
        {"in_call", account_in_call},
        {"exception", account_exception},
        {"client", account_client},
        {"bytes", account_bytes},
        {"shutdown_seen", account_shutdown_seen},
        {"granted_at", account_granted_at},
        {"accepted_at", account_accepted_at},
        {"expires_at", account_expires_at},
        {"gone_at", account_gone_at},
        {"released_at", account_released_at},
        {"requestable_at", account_requestable_at},
        {NULL, NULL},
    };
    lr_words_type(lua, LR_ACCOUNT_TYPE, methods);
}
