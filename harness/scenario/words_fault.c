/* SPDX-License-Identifier: Apache-2.0 */
/* The word of faults: what is done, to whom, where and when, and the receipt. Which kinds there
 * are, and where, is the table's to say (world/fault.h). */
#include <stdio.h>
#include <string.h>

#include "scenario/stage_fault.h"
#include "scenario/words.h"
#include "scenario/words_of_world.h"

static const char *const fault_sides[] = {"to_service", "from_service", "both"};

/* What "released" counts from when one has fired; not here: no session need end of it. */
static const struct {
    enum lr_fault_kind kind;
    enum lr_cause cause;
} causes[] = {
    {LR_FAULT_FIN, LR_CAUSE_FIN},           {LR_FAULT_RST, LR_CAUSE_RST},
    {LR_FAULT_HALF_CLOSE, LR_CAUSE_FIN},    {LR_FAULT_BLACK_HOLE, LR_CAUSE_SILENCE},
    {LR_FAULT_STORM, LR_CAUSE_RST},         {LR_FAULT_KILL, LR_CAUSE_DEATH},
    {LR_FAULT_RESTART, LR_CAUSE_DEATH},     {LR_FAULT_POWER_OFF, LR_CAUSE_SILENCE},
    {LR_FAULT_LOSE, LR_CAUSE_SILENCE},      {LR_FAULT_FREEZE, LR_CAUSE_SILENCE},
    {LR_FAULT_PARTITION, LR_CAUSE_SILENCE}, {LR_FAULT_STALL, LR_CAUSE_STALLED},
    {LR_FAULT_SLOW, LR_CAUSE_STALLED},
};

struct script_fault {
    struct lr_stage_fault *kept;
    bool marked;
};

/* ---- options ---- */

static enum lr_fault_kind check_kind(lua_State *lua) {
    const char *name = lr_option_string(lua, 2, "kind", "");
    enum lr_fault_kind kind;
    if (lr_fault_kind_of(lr_text_of(name), &kind)) {
        return kind;
    }
    const char *best = NULL;
    size_t nearest = SIZE_MAX;
    for (int i = 0; i < LR_FAULT_KINDS; i++) {
        lr_words_consider(name, lr_fault_row((enum lr_fault_kind)i)->name, &best, &nearest);
    }
    luaL_error(lua, "fault: there is no kind \"%s\"; did you mean \"%s\"?", name, best);
    return LR_FAULT_KINDS;
}

/* Whether |option| stands in |text| as a word: "every" in "times = 1, every = \"1s\"". */
static bool has_word(const char *text, const char *option) {
    size_t size = strlen(option);
    for (const char *at = text; at != NULL && (at = strstr(at, option)) != NULL; at += size) {
        bool begins = at == text || at[-1] == ' ';
        if (begins && (at[size] == ' ' || at[size] == ',' || at[size] == '\0')) {
            return true;
        }
    }
    return false;
}

static bool takes(enum lr_fault_kind kind, const char *option) {
    static const char *const of_links[] = {"after", "before", "inside", "byte",
                                           "nth",   "chance", "side",   NULL};
    const struct lr_fault_row *row = lr_fault_row(kind);
    if (strcmp(option, "kind") == 0 || strcmp(option, "on") == 0 || strcmp(option, "at") == 0) {
        return true;
    }
    if (strcmp(option, "lasts") == 0) {
        return row->undoable;
    }
    bool of_link = row->subject == LR_FAULT_OF_LINK;
    if (strcmp(option, "chance") == 0 && row->subject == LR_FAULT_OF_SERVICE) {
        return kind != LR_FAULT_STORM;
    }
    if (strcmp(option, "times") == 0 && lr_fault_spoils(kind)) {
        return true;
    }
    for (size_t i = 0; of_link && of_links[i] != NULL; i++) {
        if (strcmp(of_links[i], option) == 0) {
            return true;
        }
    }
    return has_word(row->takes, option);
}

static void check_known(lua_State *lua) {
    static const char *const known[] = {"on",         "kind",  "after",  "before", "inside", "byte",
                                        "nth",        "side",  "at",     "lasts",  "bit",    "to",
                                        "bytes",      "every", "time",   "with",   "by",     "back",
                                        "allocation", "left",  "chance", "times",  NULL};
    lr_words_check_options(lua, 2, "fault", known);
}

static void check_options(lua_State *lua, enum lr_fault_kind kind) {
    lua_pushnil(lua);
    while (lua_next(lua, 2) != 0) {
        lua_pop(lua, 1);
        if (!takes(kind, lua_tostring(lua, -1))) {
            luaL_error(lua, "fault: kind = \"%s\" takes no \"%s\"", lr_fault_row(kind)->name,
                       lua_tostring(lua, -1));
        }
    }
}

static enum lr_fault_side check_side(lua_State *lua, enum lr_fault_kind kind, lr_point point) {
    bool answers = point != LR_POINT_NONE && lr_point_direction(point) == LR_FROM_SERVICE;
    const char *usual = lr_fault_shapes_both(kind) && point == LR_POINT_NONE ? "both"
                        : answers                                            ? "from_service"
                                                                             : "to_service";
    const char *name = lr_option_string(lua, 2, "side", usual);
    for (size_t i = 0; i < LR_COUNT_OF(fault_sides); i++) {
        if (strcmp(name, fault_sides[i]) == 0) {
            bool both = i == LR_SIDE_BOTH && (point != LR_POINT_NONE || lr_fault_spoils(kind));
            luaL_argcheck(lua, !both, 2, "side = one of the two: bytes and messages are of one");
            return (enum lr_fault_side)i;
        }
    }
    luaL_error(lua, "fault: side = \"%s\"; it is \"to_service\", \"from_service\" or \"both\"",
               name);
    return LR_SIDE_BOTH;
}

static void check_chance(lua_State *lua, unsigned int out[2]) {
    if (lua_getfield(lua, 2, "chance") != LUA_TNIL) {
        luaL_argcheck(lua, lua_istable(lua, -1) && luaL_len(lua, -1) == 2, 2,
                      "chance = { n, m }: n times in m");
        for (int i = 0; i < 2; i++) {
            (void)lua_geti(lua, -1, i + 1);
            lua_Integer value = luaL_checkinteger(lua, -1);
            luaL_argcheck(lua, value > 0 && value <= 1000000, 2, "chance = { n, m }, 1 to 1000000");
            out[i] = (unsigned int)value;
            lua_pop(lua, 1);
        }
        luaL_argcheck(lua, out[0] <= out[1], 2, "chance = { n, m }: n is at most m");
    }
    lua_pop(lua, 1);
}

static lr_point check_point(lua_State *lua, const char *name) {
    lr_point point = lr_point_of(lr_text_of(name));
    if (point == LR_POINT_NONE) {
        const char *best = NULL;
        size_t nearest = SIZE_MAX;
        for (int i = 0; i < LR_POINT_END; i++) {
            const char *known = lr_point_name((lr_point)i);
            if (known != NULL) {
                lr_words_consider(name, known, &best, &nearest);
            }
        }
        luaL_error(lua, "fault: no message is called \"%s\"; did you mean \"%s\"?", name, best);
    }
    return point;
}

/* after = 100, or one of after, before, inside = "InitServer". */
static void read_place(lua_State *lua, struct lr_fault *fault) {
    static const struct {
        const char *option;
        enum lr_fault_where where;
    } places[] = {{"after", LR_AFTER}, {"before", LR_BEFORE}, {"inside", LR_INSIDE}};
    int given = 0;
    for (size_t i = 0; i < LR_COUNT_OF(places); i++) {
        int type = lua_getfield(lua, 2, places[i].option);
        lua_pop(lua, 1);
        given += type != LUA_TNIL;
        if (type == LUA_TSTRING) {
            fault->where = places[i].where;
            fault->point = check_point(lua, lr_option_string(lua, 2, places[i].option, ""));
        } else if (places[i].where == LR_AFTER) {
            fault->after_bytes = (uint64_t)lr_option_count(lua, 2, "after", 0, 0, LUA_MAXINTEGER);
        } else {
            luaL_argcheck(lua, type == LUA_TNIL, 2, "before and inside = a message's name");
        }
    }
    luaL_argcheck(lua, given <= 1, 2, "one of after, before and inside");
    fault->nth = (unsigned int)lr_option_count(lua, 2, "nth", 1, 1, 1000000);
    fault->inside = (uint64_t)lr_option_count(lua, 2, "byte", 0, 0, LUA_MAXINTEGER);
    bool inside = fault->where == LR_INSIDE;
    luaL_argcheck(lua, inside || fault->inside == 0, 2, "byte = n goes with inside");
}

static uint64_t option_bytes(lua_State *lua, lua_Integer otherwise, lua_Integer max) {
    return (uint64_t)lr_option_count(lua, 2, "bytes", otherwise, 1, max);
}

/* What of a kind's own there is to say. */
static void read_link_amount(lua_State *lua, struct lr_fault *fault) {
    bool has_bit = lua_getfield(lua, 2, "bit") != LUA_TNIL;
    bool has_to = lua_getfield(lua, 2, "to") != LUA_TNIL;
    lua_pop(lua, 2);
    fault->has_value = has_bit || has_to;
    if (fault->kind == LR_FAULT_CORRUPT_BIT) {
        fault->value = (uint64_t)lr_option_count(lua, 2, "bit", 0, 0, 7);
    } else if (fault->kind == LR_FAULT_CORRUPT_BYTE) {
        fault->value = (uint64_t)lr_option_count(lua, 2, "to", 0, 0, 255);
    } else if (fault->kind == LR_FAULT_CORRUPT_LENGTH) {
        fault->value = (uint64_t)lr_option_integer(lua, 2, "to", 0);
    } else if (fault->kind == LR_FAULT_BANDWIDTH) {
        fault->amount = (uint64_t)lr_option_count(lua, 2, "to", 1000, 1, LUA_MAXINTEGER);
    } else if (fault->kind == LR_FAULT_TRUNCATE) {
        fault->amount = option_bytes(lua, 1, LUA_MAXINTEGER);
    } else if (fault->kind == LR_FAULT_GARBAGE) {
        fault->amount = option_bytes(lua, 16, 1000000);
    } else if (fault->kind == LR_FAULT_COALESCE) {
        fault->amount = lr_option_duration(lua, 2, "every", 20 * LR_MS);
    } else if (fault->kind == LR_FAULT_SLOW) {
        fault->amount = lr_option_duration(lua, 2, "every", LR_SECOND);
    } else if (fault->kind == LR_FAULT_LATENCY) {
        fault->amount = lr_option_duration(lua, 2, "time", 100 * LR_MS);
    } else if (fault->kind == LR_FAULT_JITTER) {
        fault->amount = lr_option_duration(lua, 2, "time", 10 * LR_MS);
    }
    fault->times = (unsigned int)lr_option_count(lua, 2, "times", 1, 1, 1000000);
}

static void read_group(lua_State *lua, struct lr_stage_fault_options *options) {
    if (lua_getfield(lua, 2, "with") == LUA_TTABLE) {
        lua_Integer count = luaL_len(lua, -1);
        luaL_argcheck(lua, count <= LR_STAGE_GROUP_MAX, 2, "with = at most 16 parties");
        for (lua_Integer i = 0; i < count; i++) {
            (void)lua_geti(lua, -1, i + 1);
            options->group[i] = lr_check_party(lua, lua_gettop(lua));
            lua_pop(lua, 1);
        }
    }
    lua_pop(lua, 1);
}

static void read_host_amount(lua_State *lua, struct lr_stage_fault_options *options) {
    struct lr_host_fault *host = &options->host;
    if (host->kind == LR_FAULT_PARTITION) {
        read_group(lua, options);
    } else if (host->kind == LR_FAULT_CLOCK_JUMP) {
        host->amount = lr_option_duration(lua, 2, "by", 3600 * LR_SECOND);
        host->back = lr_option_boolean(lua, 2, "back", false);
    } else if (host->kind == LR_FAULT_NO_DESCRIPTORS) {
        host->amount = (uint64_t)lr_option_count(lua, 2, "left", 0, 0, 1000000);
    } else if (host->kind == LR_FAULT_SHORT_READS || host->kind == LR_FAULT_SHORT_WRITES) {
        host->amount = option_bytes(lua, 1, 1000000);
    } else if (host->kind == LR_FAULT_STORM) {
        options->times = (unsigned int)lr_option_count(lua, 2, "times", 1, 1, 1000);
        options->every_ns = lr_option_duration(lua, 2, "every", LR_SECOND);
    } else if (host->kind == LR_FAULT_NO_MEMORY) {
        bool by_chance = host->chance_of[1] != 0;
        options->allocation =
            (uint64_t)lr_option_count(lua, 2, "allocation", by_chance ? 0 : 1, 0, LUA_MAXINTEGER);
        luaL_argcheck(lua, (options->allocation == 0) == by_chance, 2,
                      "allocation = n (from 1), or chance = { n, m }");
    }
}

/* A link: a session's, or one of w:link(); else the service to which the next one opens. */
static void read_subject(lua_State *lua, struct lr_stage_fault_options *options) {
    struct lr_play *play = lr_play_of(lua);
    (void)lua_getfield(lua, 2, "on");
    struct lr_party **party = luaL_testudata(lua, -1, LR_PARTY_TYPE);
    options->link = lr_test_link(lua, -1);
    options->party = party == NULL ? NULL : *party;
    bool of_link = lr_fault_row(options->kind)->subject == LR_FAULT_OF_LINK;
    if (!of_link) {
        luaL_argcheck(lua, party != NULL, 2, "on = whoever it happens to");
    } else if (party == NULL && options->link == 0) {
        uint32_t number = lr_check_account(lua, lua_gettop(lua));
        const struct lr_account *account =
            number == 0 ? NULL : lr_ledger_account(play->stage->ledger, number);
        options->link = account == NULL ? 0 : account->data_link;
        luaL_argcheck(lua, options->link != 0, 2,
                      "on = a session that has a connection, a link, or a service");
    }
    lua_pop(lua, 1);
}

/* "rst to_service after 100 bytes", "stall to_service inside CopyToRemote", "kill of server1". */
static void describe(const struct lr_stage_fault_options *options, char *out, size_t size) {
    static const char *const places[] = {"after", "before", "inside", "after"};
    const struct lr_fault_row *row = lr_fault_row(options->kind);
    const struct lr_fault *fault = &options->fault;
    if (row->subject != LR_FAULT_OF_LINK) {
        (void)snprintf(out, size, "%s of %s", row->name, options->party->name);
    } else if (fault->where == LR_AT_BYTE) {
        (void)snprintf(out, size, "%s %s after %llu bytes", row->name, fault_sides[fault->side],
                       (unsigned long long)fault->after_bytes);
    } else {
        (void)snprintf(out, size, "%s %s %s %s", row->name, fault_sides[fault->side],
                       places[fault->where], lr_point_name(fault->point));
    }
}

/* ---- marks ---- */

static enum lr_cause cause_of(const struct lr_stage_fault *fault) {
    enum lr_fault_kind kind = fault->options.kind;
    bool dies = kind == LR_FAULT_KILL || kind == LR_FAULT_RESTART;
    if (dies && fault->options.party->service.port != 0) {
        return LR_CAUSE_SERVER_LOSS;
    }
    for (size_t i = 0; i < LR_COUNT_OF(causes); i++) {
        if (causes[i].kind == kind) {
            return causes[i].cause;
        }
    }
    return LR_CAUSE_NONE;
}

/* Remembers a fault that has fired as the cause that a "released" counts from. */
static void mark_fired(lua_State *lua, struct script_fault *fault) {
    struct lr_receipt receipt = lr_stage_fault_receipt(fault->kept);
    if (receipt.fired == 0 || fault->marked) {
        return;
    }
    fault->marked = true;
    struct lr_play *play = lr_play_of(lua);
    enum lr_cause cause = cause_of(fault->kept);
    if (cause == LR_CAUSE_NONE) {
        lr_ledger_note(play->stage->ledger, receipt.at, 0, "script: %s fires", fault->kept->text);
    } else if (receipt.of_link) {
        lr_words_mark(play, cause, receipt.at, receipt.at, "%s fires at byte %llu",
                      fault->kept->text, (unsigned long long)receipt.byte);
        const struct lr_account *account =
            lr_ledger_account_of_link(play->stage->ledger, receipt.link);
        if (account != NULL && account->data_link == receipt.link) {
            lr_words_mark_of(play, account->number, NULL);
        }
    } else {
        lr_words_mark(play, cause, receipt.at, receipt.at, "%s", fault->kept->text);
        lr_words_mark_of(play, 0, fault->kept->options.party);
    }
}

/* ---- the words ---- */

/* w:fault { on = session | link | party, kind = "rst", .. }: docs/scenarios.md has the options. */
int lr_world_word_fault(lua_State *lua) {
    luaL_checktype(lua, 2, LUA_TTABLE);
    struct lr_play *play = lr_play_of(lua);
    check_known(lua);
    struct lr_stage_fault_options options = {.kind = check_kind(lua)};
    check_options(lua, options.kind);
    options.fault.kind = options.kind;
    options.host.kind = options.kind;
    check_chance(lua, options.fault.chance_of);
    memcpy(options.host.chance_of, options.fault.chance_of, sizeof options.host.chance_of);
    if (lr_fault_row(options.kind)->subject == LR_FAULT_OF_LINK) {
        read_place(lua, &options.fault);
        options.fault.side = check_side(lua, options.kind, options.fault.point);
        read_link_amount(lua, &options.fault);
    } else {
        read_host_amount(lua, &options);
    }
    read_subject(lua, &options);
    options.delay_ns = lr_option_duration(lua, 2, "at", 0);
    options.lasts_ns = lr_option_duration(lua, 2, "lasts", 0);
    char text[LR_SESSION_TEXT_MAX];
    describe(&options, text, sizeof text);
    options.text = text;
    struct lr_stage_fault *kept;
    struct lr_error error = {.code = LR_OK};
    enum lr_status status = lr_stage_fault_new(play->stage, &options, &kept, &error);
    if (status == LR_ENOTSUP) {
        (void)snprintf(play->missing, sizeof play->missing, "%s", error.text);
    }
    if (status != LR_OK) {
        return lr_words_raise(lua, &error);
    }
    struct script_fault *held = lua_newuserdatauv(lua, sizeof *held, 0);
    *held = (struct script_fault){.kept = kept};
    luaL_setmetatable(lua, LR_FAULT_TYPE);
    mark_fired(lua, held);
    return 1;
}

static bool fault_fired(void *context) {
    return lr_stage_fault_receipt(context).fired > 0;
}

static int fault_waited(lua_State *lua, int status, lua_KContext kcontext) {
    (void)status;
    (void)kcontext;
    struct script_fault *fault = luaL_checkudata(lua, 1, LR_FAULT_TYPE);
    struct lr_receipt receipt = lr_stage_fault_receipt(fault->kept);
    mark_fired(lua, fault);
    lua_pushinteger(lua, receipt.fired);
    lua_pushinteger(lua, (lua_Integer)receipt.byte);
    lua_pushinteger(lua, (lua_Integer)lr_stage_elapsed(fault->kept->stage, receipt.at));
    return 3;
}

/* fault:fired(): waits for it; how often it has fired, at which byte, and when. */
static int fault_word_fired(lua_State *lua) {
    struct script_fault *fault = luaL_checkudata(lua, 1, LR_FAULT_TYPE);
    if (fault_fired(fault->kept)) {
        return fault_waited(lua, LUA_OK, 0);
    }
    uint64_t within = fault->kept->begun ? 0 : fault->kept->options.delay_ns;
    lr_time until =
        lr_time_add(lr_world_now(lr_play_of(lua)->stage->world), within + 5 * LR_SECOND);
    return lr_play_wait(lua, fault_fired, fault->kept, until, 0, fault_waited);
}

/* fault:undo(): what lasts is over; what has not come will not. */
static int fault_word_undo(lua_State *lua) {
    struct script_fault *fault = luaL_checkudata(lua, 1, LR_FAULT_TYPE);
    const struct lr_fault_row *row = lr_fault_row(fault->kept->options.kind);
    if (!row->undoable && fault_fired(fault->kept)) {
        return luaL_error(lua, "%s cannot be undone when it has fired", row->name);
    }
    mark_fired(lua, fault);
    lr_stage_fault_undo(fault->kept);
    lr_ledger_note(fault->kept->stage->ledger, lr_world_now(fault->kept->stage->world), 0,
                   "script: %s is undone", fault->kept->text);
    return 0;
}

void lr_words_fault(lua_State *lua) {
    static const luaL_Reg methods[] = {
        {"fired", fault_word_fired}, {"undo", fault_word_undo}, {NULL, NULL}};
    lr_words_type(lua, LR_FAULT_TYPE, methods);
}
