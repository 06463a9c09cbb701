/* SPDX-License-Identifier: Apache-2.0 */
/* The words of links: connections as the ledger sees them, whoever's, to be measured and broken. */
#include "scenario/words.h"
#include "scenario/words_of_world.h"

struct finding {
    struct lr_stage *stage;
    const char *client;
    const char *service;
    uint32_t found;
};

static bool is_there(void *context) {
    struct finding *finding = context;
    finding->found = lr_ledger_find_link(finding->stage->ledger, finding->client, finding->service);
    return finding->found != 0;
}

static int found(lua_State *lua, int status, lua_KContext kcontext) {
    (void)status;
    (void)kcontext;
    const struct finding *finding = lua_touserdata(lua, -1);
    if (finding->found == 0) {
        return luaL_error(lua, "%s has no connection to %s", finding->client, finding->service);
    }
    uint32_t *link = lua_newuserdatauv(lua, sizeof *link, 0);
    *link = finding->found;
    luaL_setmetatable(lua, LR_LINK_TYPE);
    return 1;
}

/* w:link(server, tracker, [within]): the newest open connection of the one to the other; waits a
 * little. */
int lr_world_word_link(lua_State *lua) {
    const struct lr_party *client = lr_check_party(lua, 2);
    const struct lr_party *service = lr_check_party(lua, 3);
    struct lr_stage *stage = lr_play_of(lua)->stage;
    uint64_t within = lua_isnoneornil(lua, 4) ? 5 * LR_SECOND : lr_script_duration(lua, 4);
    struct finding *finding = lua_newuserdatauv(lua, sizeof *finding, 0);
    *finding = (struct finding){.stage = stage, .client = client->name, .service = service->name};
    if (is_there(finding) || within == 0) {
        return found(lua, LUA_OK, 0);
    }
    lr_time until = lr_time_add(lr_world_now(stage->world), within);
    return lr_play_wait(lua, is_there, finding, until, 0, found);
}

uint32_t lr_test_link(lua_State *lua, int index) {
    const uint32_t *link = luaL_testudata(lua, index, LR_LINK_TYPE);
    return link == NULL ? 0 : *link;
}

enum lr_direction lr_check_direction(lua_State *lua, int index) {
    static const char *const names[] = {
        [LR_TO_SERVICE] = "to_service", [LR_FROM_SERVICE] = "from_service", NULL};
    return (enum lr_direction)luaL_checkoption(lua, index, "to_service", names);
}

/* link:bytes([side]): what has passed on it. */
static int link_bytes(lua_State *lua) {
    const uint32_t *link = luaL_checkudata(lua, 1, LR_LINK_TYPE);
    uint64_t passed =
        lr_ledger_link_passed(lr_play_of(lua)->stage->ledger, *link, lr_check_direction(lua, 2));
    lua_pushinteger(lua, (lua_Integer)passed);
    return 1;
}

/* link:open(): neither side has ended it. */
static int link_open(lua_State *lua) {
    const uint32_t *link = luaL_checkudata(lua, 1, LR_LINK_TYPE);
    lua_pushboolean(lua, lr_ledger_link_open(lr_play_of(lua)->stage->ledger, *link));
    return 1;
}

/* link:ended([side]): how that side has ended it: "fin", "rst"; nil where it has not. */
static int link_ended(lua_State *lua) {
    const uint32_t *link = luaL_checkudata(lua, 1, LR_LINK_TYPE);
    lua_pushstring(lua, lr_ledger_link_ended(lr_play_of(lua)->stage->ledger, *link,
                                             lr_check_direction(lua, 2)));
    return 1;
}

void lr_words_link(lua_State *lua) {
    static const luaL_Reg methods[] = {
        {"bytes", link_bytes}, {"open", link_open}, {"ended", link_ended}, {NULL, NULL}};
    lr_words_type(lua, LR_LINK_TYPE, methods);
}
