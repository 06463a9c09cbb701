/* SPDX-License-Identifier: Apache-2.0 */
/* The words of faults on links: what is done, where, after how many bytes, and the receipt. */
#include <stdio.h>
#include <string.h>

#include "scenario/words.h"
#include "scenario/words_of_world.h"

static const struct {
    const char *name;
    enum lr_fault_kind kind;
    enum lr_cause cause;
} fault_kinds[] = {
    {"fin", LR_FAULT_FIN, LR_CAUSE_FIN},
    {"rst", LR_FAULT_RST, LR_CAUSE_RST},
    {"half_close", LR_FAULT_HALF_CLOSE, LR_CAUSE_FIN},
    {"black_hole", LR_FAULT_BLACK_HOLE, LR_CAUSE_SILENCE},
};

static const char *const fault_sides[] = {"to_service", "from_service", "both"};

struct script_fault {
    struct lr_stage_fault *kept;
    enum lr_cause cause;
    bool marked;
};

static size_t check_kind(lua_State *lua) {
    const char *name = lr_option_string(lua, 2, "kind", "");
    for (size_t i = 0; i < LR_COUNT_OF(fault_kinds); i++) {
        if (strcmp(name, fault_kinds[i].name) == 0) {
            return i;
        }
    }
    luaL_error(lua,
               "fault: kind = \"%s\"; it is \"fin\", \"rst\", \"half_close\" or \"black_hole\"",
               name);
    return 0;
}

static enum lr_fault_side check_side(lua_State *lua) {
    const char *name = lr_option_string(lua, 2, "side", "to_service");
    for (size_t i = 0; i < LR_COUNT_OF(fault_sides); i++) {
        if (strcmp(name, fault_sides[i]) == 0) {
            return (enum lr_fault_side)i;
        }
    }
    luaL_error(lua, "fault: side = \"%s\"; it is \"to_service\", \"from_service\" or \"both\"",
               name);
    return LR_SIDE_BOTH;
}

/* Remembers a fault that has fired as the cause that a "released" counts from. */
static void mark_fired(lua_State *lua, struct script_fault *fault) {
    const struct lr_fault *receipt = &fault->kept->fault;
    if (receipt->fired > 0 && !fault->marked) {
        fault->marked = true;
        lr_words_mark(lr_play_of(lua), fault->cause, receipt->fired_at, receipt->fired_at,
                      "%s fires at byte %llu", fault->kept->text,
                      (unsigned long long)receipt->fired_at_byte);
        struct lr_play *play = lr_play_of(lua);
        const struct lr_account *account =
            lr_ledger_account_of_link(play->stage->ledger, receipt->fired_link);
        if (account != NULL && account->data_link == receipt->fired_link) {
            lr_words_mark_of(play, account->number, NULL);
        }
    }
}

/* w:fault { on = session | server, kind = "rst", after = 100, side = "to_service" }: on a session's
 * link, or a link of w:link(), now or after so many bytes; on a service, on the next link that
 * opens to it. */
int lr_world_word_fault(lua_State *lua) {
    static const char *const known[] = {"on", "kind", "after", "side", NULL};
    lr_words_check_options(lua, 2, "fault", known);
    struct lr_play *play = lr_play_of(lua);
    size_t kind = check_kind(lua);
    struct lr_fault fault = {
        .kind = fault_kinds[kind].kind,
        .side = check_side(lua),
        .after_bytes = (uint64_t)lr_option_count(lua, 2, "after", 0, 0, LUA_MAXINTEGER),
    };
    (void)lua_getfield(lua, 2, "on");
    struct lr_party **service = luaL_testudata(lua, -1, LR_PARTY_TYPE);
    uint32_t link = lr_test_link(lua, -1);
    if (service == NULL && link == 0) {
        uint32_t number = lr_check_account(lua, lua_gettop(lua));
        const struct lr_account *account =
            number == 0 ? NULL : lr_ledger_account(play->stage->ledger, number);
        link = account == NULL ? 0 : account->data_link;
        luaL_argcheck(lua, link != 0, 2,
                      "on = a session that has a connection, a link, or a service");
    }
    struct lr_stage_fault *kept =
        lr_stage_fault(play->stage, &fault, link, service == NULL ? NULL : *service);
    if (kept == NULL) {
        return luaL_error(lua, "no memory for a fault");
    }
    (void)snprintf(kept->text, sizeof kept->text, "%s %s after %llu bytes", fault_kinds[kind].name,
                   fault_sides[fault.side], (unsigned long long)fault.after_bytes);
    struct script_fault *held = lua_newuserdatauv(lua, sizeof *held, 0);
    *held = (struct script_fault){.kept = kept, .cause = fault_kinds[kind].cause};
    luaL_setmetatable(lua, LR_FAULT_TYPE);
    mark_fired(lua, held);
    return 1;
}

static bool fault_fired(void *context) {
    return ((struct lr_stage_fault *)context)->fault.fired > 0;
}

/* fault:fired(): waits for it; how often it has fired, and at which byte. */
static int fault_waited(lua_State *lua, int status, lua_KContext kcontext) {
    (void)status;
    (void)kcontext;
    struct script_fault *fault = luaL_checkudata(lua, 1, LR_FAULT_TYPE);
    mark_fired(lua, fault);
    lua_pushinteger(lua, fault->kept->fault.fired);
    lua_pushinteger(lua, (lua_Integer)fault->kept->fault.fired_at_byte);
    return 2;
}

static int fault_word_fired(lua_State *lua) {
    struct script_fault *fault = luaL_checkudata(lua, 1, LR_FAULT_TYPE);
    if (fault_fired(fault->kept)) {
        return fault_waited(lua, LUA_OK, 0);
    }
    lr_time until = lr_time_add(lr_world_now(lr_play_of(lua)->stage->world), 5 * LR_SECOND);
    return lr_play_wait(lua, fault_fired, fault->kept, until, 0, fault_waited);
}

void lr_words_fault(lua_State *lua) {
    static const luaL_Reg methods[] = {{"fired", fault_word_fired}, {NULL, NULL}};
    lr_words_type(lua, LR_FAULT_TYPE, methods);
}
