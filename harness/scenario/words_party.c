/* SPDX-License-Identifier: Apache-2.0 */
/* The words of everybody on the stage: where it is, and its end. Clients and programs have more
 * (words_client.c, words_program.c), which are methods of the same type and say so when misused. */
#include <string.h>

#include "scenario/words.h"
#include "scenario/words_methods.h"
#include "scenario/words_runtime.h"

struct lr_party *lr_check_party(lua_State *lua, int index) {
    struct lr_party **party = luaL_checkudata(lua, index, LR_PARTY_TYPE);
    return *party;
}

void lr_push_party(lua_State *lua, struct lr_party *party) {
    struct lr_party **held = lua_newuserdatauv(lua, sizeof(void *), 0);
    *held = party;
    luaL_setmetatable(lua, LR_PARTY_TYPE);
}

struct readying {
    struct lr_party *party;
    bool ready;
    lua_KFunction then; /* NULL: nothing more */
    enum lr_status status;
    struct lr_error error;
};

static bool party_ready(void *context) {
    struct readying *readying = context;
    readying->status = lr_party_ready(readying->party, &readying->ready, &readying->error);
    return readying->ready || readying->status != LR_OK;
}

/* A server is registered when its tracker has answered: nobody, where that is played by the script,
 * which may have ended, or does not know of a third connection. */
static bool is_up_to_the_script(const struct lr_party *party) {
    return party->tracker != NULL &&
           (party->tracker->kind == LR_PARTY_PEER || party->tracker->kind == LR_PARTY_RECORDED);
}

/* The userdata with the readying is at the top of the stack. */
static int readied(lua_State *lua, int status, lua_KContext kcontext) {
    (void)status;
    struct readying *readying = lua_touserdata(lua, -1);
    struct lr_play *play = lr_play_of(lua);
    if (!readying->ready) {
        const char *why =
            readying->status != LR_OK ? readying->error.text : "it was not ready in time";
        play->hung =
            play->hung || (readying->status == LR_OK && !is_up_to_the_script(readying->party));
        (void)lua_pushfstring(lua, "%s did not start: %s", readying->party->name, why);
        size_t size = strlen(lua_tostring(lua, -1));
        size = size < sizeof play->unready ? size : sizeof play->unready - 1;
        memcpy(play->unready, lua_tostring(lua, -1), size);
        return lua_error(lua);
    }
    lua_KFunction then = readying->then;
    lr_push_party(lua, readying->party);
    return then == NULL ? 1 : then(lua, LUA_OK, kcontext);
}

int lr_wait_party(lua_State *lua, struct lr_party *party) {
    return lr_wait_party_then(lua, party, 0, NULL);
}

int lr_wait_party_then(lua_State *lua, struct lr_party *party, lua_KContext kcontext,
                       lua_KFunction then) {
    struct lr_play *play = lr_play_of(lua);
    struct readying *readying = lua_newuserdatauv(lua, sizeof *readying, 0);
    *readying = (struct readying){.party = party, .then = then};
    if (party_ready(readying)) {
        return readied(lua, LUA_OK, kcontext);
    }
    lr_time until = lr_time_add(lr_world_now(play->stage->world), 30 * LR_SECOND);
    return lr_play_wait(lua, party_ready, readying, until, kcontext, readied);
}

static int party_name(lua_State *lua) {
    lua_pushstring(lua, lr_check_party(lua, 1)->name);
    return 1;
}

static int party_host(lua_State *lua) {
    lua_pushstring(lua, lr_check_party(lua, 1)->service.host);
    return 1;
}

static int party_port(lua_State *lua) {
    lua_pushinteger(lua, lr_check_party(lua, 1)->service.port);
    return 1;
}

static int party_address(lua_State *lua) {
    const struct lr_party *party = lr_check_party(lua, 1);
    lua_pushfstring(lua, "%s:%d", party->service.host, (int)party->service.port);
    return 1;
}

static enum lr_cause cause_of_loss(const struct lr_party *party) {
    bool serves = party->kind == LR_PARTY_SERVER || party->kind == LR_PARTY_TRACKER ||
                  party->service.port != 0;
    return serves ? LR_CAUSE_SERVER_LOSS : LR_CAUSE_DEATH;
}

static bool program_gone(void *context) {
    const struct lr_party *party = context;
    int exit_status;
    int signal_number;
    return lr_program_ended(party->program, &exit_status, &signal_number, NULL);
}

/* The kernel closes a dead process's sockets before it tells of its end: the cause lies between the
 * two. */
static int program_killed(lua_State *lua, int status, lua_KContext killed_after) {
    (void)status;
    struct lr_party *party = lr_check_party(lua, 1);
    struct lr_stage *stage = lr_play_of(lua)->stage;
    int exit_status;
    int signal_number;
    lr_time ended_at = lr_world_now(stage->world);
    (void)lr_program_ended(party->program, &exit_status, &signal_number, &ended_at);
    lr_words_mark(lr_play_of(lua), cause_of_loss(party),
                  lr_time_add(stage->began, (uint64_t)killed_after), ended_at, "%s is killed",
                  party->name);
    lr_words_mark_of(lr_play_of(lua), 0, party);
    return 0;
}

/* Ends it as its process's death would: sockets closed by the kernel, nothing said. */
static int party_kill(lua_State *lua) {
    struct lr_party *party = lr_check_party(lua, 1);
    struct lr_play *play = lr_play_of(lua);
    lr_time now = lr_world_now(play->stage->world);
    lr_party_end(party, false);
    if (party->kind == LR_PARTY_PROGRAM) {
        return lr_play_wait(lua, program_gone, party, lr_time_add(now, 5 * LR_SECOND),
                            (lua_KContext)lr_stage_elapsed(play->stage, now), program_killed);
    }
    lr_words_mark(play, cause_of_loss(party), now, now, "%s is killed", party->name);
    lr_words_mark_of(play, 0, party);
    return 0;
}

static int party_stop(lua_State *lua) {
    struct lr_party *party = lr_check_party(lua, 1);
    struct lr_play *play = lr_play_of(lua);
    lr_time now = lr_world_now(play->stage->world);
    lr_party_end(party, true);
    lr_words_mark(play, LR_CAUSE_CLOSE, now, now, "%s stops", party->name);
    lr_words_mark_of(play, 0, party);
    return 0;
}

/* party:blocks(): of memory that its role has. */
static int party_blocks(lua_State *lua) {
    lua_pushinteger(lua, (lua_Integer)lr_check_party(lua, 1)->memory.live_blocks);
    return 1;
}

static int party_tostring(lua_State *lua) {
    return party_name(lua);
}

void lr_words_reached_at(lua_State *lua, struct lr_party *party, const char *host) {
    struct lr_error error = {.code = LR_OK};
    const struct lr_stage *stage = party->stage;
    const char *reached =
        stage->live == NULL ? host : lr_live_address(stage->live, party->name, host, &error);
    if (reached == NULL) {
        (void)lr_words_raise(lua, &error);
    }
    (void)snprintf(party->service.host, sizeof party->service.host, "%s", reached);
}

void lr_words_party(lua_State *lua) {
    static const luaL_Reg methods[] = {
        {"name", party_name},
        {"host", party_host},
        {"port", party_port},
        {"address", party_address},
        {"kill", party_kill},
        {"stop", party_stop},
        {"blocks", party_blocks},
        {"lose", lr_party_word_lose},
        {"find", lr_party_word_find},
        {"freeze", lr_party_word_freeze},
        {"thaw", lr_party_word_thaw},
        {"wall_clock", lr_party_word_wall_clock},
        LR_CLIENT_METHODS,
        LR_PROGRAM_METHODS,
        LR_PEER_METHODS,
        LR_RUNTIME_METHODS,
        {"__tostring", party_tostring},
        {NULL, NULL},
    };
    lr_words_type(lua, LR_PARTY_TYPE, methods);
}
