/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the network: how its links are, which is the simulated one's to say, and hosts that
 * fall off it. The live world has such hosts where a case asks for them and the machine allows it;
 * else the case is not run. */
#include <stdio.h>
#include <string.h>

#include "scenario/words.h"
#include "scenario/words_methods.h"
#include "scenario/words_of_world.h"
#include "world/sim.h"

static struct lr_sim *need_sim(lua_State *lua, const char *what) {
    struct lr_play *play = lr_play_of(lua);
    struct lr_sim *sim = lr_sim_of(play->stage->world);
    if (sim == NULL) {
        (void)snprintf(play->missing, sizeof play->missing,
                       "%s: in the simulated world only (say worlds = { \"sim\" })", what);
        luaL_error(lua, "%s", play->missing);
    }
    return sim;
}

static enum lr_sim_segments segments_option(lua_State *lua) {
    static const char *const names[] = {
        [LR_SIM_WHOLE] = "whole", [LR_SIM_CUTS] = "cuts", [LR_SIM_BYTES] = "bytes"};
    const char *name = lr_option_string(lua, 2, "segments", names[LR_SIM_WHOLE]);
    for (size_t i = 0; i < LR_COUNT_OF(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            return (enum lr_sim_segments)i;
        }
    }
    luaL_error(lua, "segments = \"%s\": it is \"whole\", \"cuts\" or \"bytes\"", name);
    return LR_SIM_WHOLE;
}

/* w:network { latency = "2ms", jitter = "1ms", bandwidth = 1000000, segments = "cuts" }: how links
 * are that open from now on. */
int lr_world_word_network(lua_State *lua) {
    static const char *const known[] = {"latency", "jitter", "bandwidth", "segments", NULL};
    struct lr_sim *sim = need_sim(lua, "w:network");
    lr_words_check_options(lua, 2, "network", known);
    const struct lr_sim_link_profile *usual = &lr_sim_options_default.link;
    struct lr_sim_link_profile profile = {
        .latency_ns = lr_option_duration(lua, 2, "latency", usual->latency_ns),
        .jitter_ns = lr_option_duration(lua, 2, "jitter", usual->jitter_ns),
        .bandwidth = (uint64_t)lr_option_count(lua, 2, "bandwidth", 0, 0, LUA_MAXINTEGER),
        .segments = segments_option(lua),
    };
    lr_sim_set_link(sim, &profile);
    lr_stage_disturb(lr_play_of(lua)->stage);
    return 0;
}

static struct lr_party *check_there(lua_State *lua) {
    struct lr_party *party = lr_check_party(lua, 1);
    if (party->host == NULL) {
        luaL_error(lua, "%s has ended", party->name);
    }
    return party;
}

/* w:hosts(): each party is a machine of its own, as it always is in the simulated world; in the
 * live one its own by a network namespace. Before anybody comes. */
int lr_world_word_hosts(lua_State *lua) {
    struct lr_play *play = lr_play_of(lua);
    struct lr_stage *stage = play->stage;
    struct lr_error error = {.code = LR_OK};
    if (stage->live == NULL) {
        return 0;
    }
    luaL_argcheck(lua, lr_list_empty(&stage->parties), 1, "before anybody comes");
    if (lr_live_open_net(stage->live, &error) == LR_ENOTSUP) {
        play->forbidden = true;
        (void)snprintf(play->missing, sizeof play->missing, "w:hosts(): %.220s", error.text);
    }
    return error.code == LR_OK ? 0 : lr_words_raise(lua, &error);
}

/* Ends the case as not run where no host can be lost. */
static void need_hosts(lua_State *lua, const char *what) {
    struct lr_play *play = lr_play_of(lua);
    const struct lr_stage *stage = play->stage;
    if (stage->live != NULL && !lr_live_has_net(stage->live)) {
        (void)snprintf(play->missing, sizeof play->missing,
                       "%s: of hosts of their own only (say w:hosts(), or worlds = { \"sim\" })",
                       what);
        luaL_error(lua, "%s", play->missing);
    }
}

/* party:lose(): its host is off the net, and nobody is told. */
int lr_party_word_lose(lua_State *lua) {
    need_hosts(lua, "lose()");
    struct lr_party *party = lr_check_party(lua, 1);
    struct lr_play *play = lr_play_of(lua);
    lr_time now = lr_world_now(play->stage->world);
    enum lr_status status = lr_party_lose(party);
    if (status != LR_OK) {
        return luaL_error(lua, "%s %s", party->name,
                          status == LR_ENOTFOUND ? "has ended" : "cannot be lost");
    }
    lr_stage_disturb(party->stage);
    lr_words_mark(play, LR_CAUSE_SILENCE, now, now, "%s is lost", party->name);
    lr_words_mark_of(play, 0, party);
    return 0;
}

static int set_frozen(lua_State *lua, bool frozen) {
    (void)need_sim(lua, frozen ? "freeze() of a role of ours" : "thaw() of a role of ours");
    struct lr_party *party = check_there(lua);
    lr_time now = lr_world_now(party->stage->world);
    if (frozen) {
        lr_words_mark(lr_play_of(lua), LR_CAUSE_SILENCE, now, now, "%s is frozen", party->name);
        lr_words_mark_of(lr_play_of(lua), 0, party);
        lr_stage_disturb(party->stage);
        lr_sim_freeze(party->host);
    } else {
        lr_ledger_note(party->stage->ledger, now, 0, "script: %s is thawed", party->name);
        lr_ledger_host_woken(party->stage->ledger, now);
        lr_sim_thaw(party->host);
    }
    return 0;
}

/* party:freeze(): its process is stopped, and its machine goes on. */
int lr_party_word_freeze(lua_State *lua) {
    bool program = lr_check_party(lua, 1)->kind == LR_PARTY_PROGRAM;
    return program ? lr_program_word_freeze(lua) : set_frozen(lua, true);
}

int lr_party_word_thaw(lua_State *lua) {
    bool program = lr_check_party(lua, 1)->kind == LR_PARTY_PROGRAM;
    return program ? lr_program_word_thaw(lua) : set_frozen(lua, false);
}

/* party:wall_clock(): what its host's shows, in ns since 1970. */
int lr_party_word_wall_clock(lua_State *lua) {
    (void)need_sim(lua, "wall_clock()");
    lua_pushinteger(lua, (lua_Integer)lr_sim_wall_clock(check_there(lua)->host));
    return 1;
}

/* party:find(): it is back. */
int lr_party_word_find(lua_State *lua) {
    need_hosts(lua, "find()");
    struct lr_party *party = lr_check_party(lua, 1);
    lr_party_find(party);
    lr_ledger_note(party->stage->ledger, lr_world_now(party->stage->world), 0,
                   "script: %s is found", party->name);
    return 0;
}
