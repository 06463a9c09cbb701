/* SPDX-License-Identifier: Apache-2.0 */
/* The words of foreign programs: any command, stepped line by line. A step is a cause: it is sent,
 * and when its answer comes the step is over, so nobody sleeps. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "scenario/words.h"
#include "scenario/words_methods.h"
#include "scenario/words_of_world.h"

enum { ARGUMENTS_MAX = 64, ARGUMENT_BYTES_MAX = 4096, ANSWER_SECONDS = 30 };

#define STEP_TYPE "step"

/* A step under way, on the stack of the word that waits for its answer. */
struct step {
    struct lr_party *party;
    lr_time sent_at;
    lr_time answered_at;
    char *line; /* of the world's allocator */
    bool lost;  /* what it says: out of memory */
    bool ended;
    bool expects_ok;
};

static bool step_answered(void *context) {
    struct step *step = context;
    if (step->line == NULL) {
        (void)lr_program_next_line(step->party->program, &step->line, &step->answered_at);
    }
    step->lost = lr_program_health(step->party->program) != LR_OK;
    int exit_status;
    int signal_number;
    step->ended = step->line == NULL &&
                  lr_program_ended(step->party->program, &exit_status, &signal_number, NULL);
    return step->line != NULL || step->ended || step->lost;
}

static void drop_line(struct step *step) {
    if (step->line != NULL) {
        lr_alloc_free_string(step->party->stage->alloc, step->line);
        step->line = NULL;
    }
}

/* Of one that Lua had no memory to go on with. */
static int step_collect(lua_State *lua) {
    drop_line(luaL_checkudata(lua, 1, STEP_TYPE));
    return 0;
}

static struct lr_party *check_program(lua_State *lua) {
    struct lr_party *party = lr_check_party(lua, 1);
    if (party->kind != LR_PARTY_PROGRAM) {
        luaL_error(lua, "%s is no program", party->name);
    }
    return party;
}

static int fail_step(lua_State *lua, const struct step *step, const char *what) {
    return luaL_error(lua, "%s %s; its log ends: %s", step->party->name, what,
                      lr_program_log(step->party->program));
}

/* The cause that a step stands for, by its first word; anything that lets go may be the last
 * reference. */
static enum lr_cause cause_of_step(const char *words) {
    static const struct {
        const char *word;
        enum lr_cause cause;
    } causes[] = {
        {"close", LR_CAUSE_CLOSE}, {"fin", LR_CAUSE_FIN},        {"half-close", LR_CAUSE_FIN},
        {"reset", LR_CAUSE_RST},   {"cut-packet", LR_CAUSE_CUT}, {"exit", LR_CAUSE_DEATH},
        {"die", LR_CAUSE_DEATH},   {"die-reset", LR_CAUSE_RST},
    };
    size_t size = strcspn(words, " ");
    for (size_t i = 0; i < LR_COUNT_OF(causes); i++) {
        if (strlen(causes[i].word) == size && strncmp(causes[i].word, words, size) == 0) {
            return causes[i].cause;
        }
    }
    return LR_CAUSE_LAST_REFERENCE;
}

/* Stack: .., the step's words (or "answer"), the step. Returns the answer without its "ok". */
static int step_over(lua_State *lua, int status, lua_KContext kcontext) {
    (void)status;
    (void)kcontext;
    struct step *step = lua_touserdata(lua, -1);
    struct lr_play *play = lr_play_of(lua);
    const char *words = lua_tostring(lua, -2);
    if (step->lost) { /* the line, if there is one, may not be the answer to this step */
        return fail_step(lua, step, "has said more than there was memory for");
    }
    if (step->line == NULL) {
        if (step->ended && !step->expects_ok) {
            lua_pushnil(lua);
            return 1;
        }
        (void)lua_pushfstring(
            lua, step->ended ? "has ended in step \"%s\"" : "did not answer step \"%s\" in time",
            words);
        return fail_step(lua, step, lua_tostring(lua, -1));
    }
    (void)lua_pushstring(lua, step->line);
    drop_line(step);
    const char *answer = lua_tostring(lua, -1);
    lr_words_mark(play, cause_of_step(words), step->sent_at, step->answered_at, "%s: %s -> %s",
                  step->party->name, words, answer);
    if (step->expects_ok && strncmp(answer, "ok", 2) != 0 && strcmp(answer, "begun") != 0 &&
        strcmp(answer, "pending") != 0) {
        return luaL_error(lua, "%s answered step \"%s\" with: %s", step->party->name, words,
                          answer);
    }
    if (strncmp(answer, "ok ", 3) == 0) {
        (void)lua_pushstring(lua, answer + 3);
    }
    return 1;
}

static int wait_step(lua_State *lua, struct lr_party *party, bool expects_ok, uint64_t within) {
    struct lr_play *play = lr_play_of(lua);
    struct step *step = lua_newuserdatauv(lua, sizeof *step, 0);
    *step = (struct step){
        .party = party, .sent_at = lr_world_now(play->stage->world), .expects_ok = expects_ok};
    luaL_setmetatable(lua, STEP_TYPE);
    return lr_play_wait(lua, step_answered, step, lr_time_add(step->sent_at, within), 0, step_over);
}

/* p:step("del f"): sends a step, waits for its answer, returns it; an answer that is an error
 * raises one, unless p:step(words, { may_fail = true }). */
int lr_program_word_step(lua_State *lua) {
    static const char *const known[] = {"may_fail", "within", NULL};
    struct lr_party *party = check_program(lua);
    const char *words = luaL_checkstring(lua, 2);
    lr_words_check_options(lua, 3, "step", known);
    bool may_fail = lr_option_boolean(lua, 3, "may_fail", false);
    uint64_t within = lr_option_duration(lua, 3, "within", ANSWER_SECONDS * LR_SECOND);
    if (lr_program_send(party->program, words) != LR_OK) {
        struct step gone = {.party = party};
        return fail_step(lua, &gone, "takes no more steps");
    }
    lua_pushvalue(lua, 2);
    return wait_step(lua, party, !may_fail, within);
}

/* p:begin("call f 1"): sends a step that will block; returns when it is under way. Its answer comes
 * later: p:answer(). */
int lr_program_word_begin(lua_State *lua) {
    struct lr_party *party = check_program(lua);
    luaL_checkstring(lua, 2);
    (void)lua_pushfstring(lua, "begin %s", lua_tostring(lua, 2));
    if (lr_program_send(party->program, lua_tostring(lua, -1)) != LR_OK) {
        struct step gone = {.party = party};
        return fail_step(lua, &gone, "takes no more steps");
    }
    return wait_step(lua, party, true, ANSWER_SECONDS * LR_SECOND);
}

int lr_program_word_answer(lua_State *lua) {
    static const char *const known[] = {"may_fail", "within", NULL};
    struct lr_party *party = check_program(lua);
    lr_words_check_options(lua, 2, "answer", known);
    bool may_fail = lr_option_boolean(lua, 2, "may_fail", false);
    uint64_t within = lr_option_duration(lua, 2, "within", ANSWER_SECONDS * LR_SECOND);
    lua_pushliteral(lua, "answer");
    return wait_step(lua, party, !may_fail, within);
}

int lr_program_word_pid(lua_State *lua) {
    lua_pushinteger(lua, (lua_Integer)lr_program_pid(check_program(lua)->program));
    return 1;
}

int lr_program_word_log(lua_State *lua) {
    lua_pushstring(lua, lr_program_log(check_program(lua)->program));
    return 1;
}

static int signal_group(lua_State *lua, int number, const char *what) {
    struct lr_party *party = check_program(lua);
    struct lr_play *play = lr_play_of(lua);
    if (lr_program_signal(party->program, number, true) != LR_OK) {
        return luaL_error(lua, "%s cannot be %s", party->name, what);
    }
    lr_ledger_note(play->stage->ledger, lr_world_now(play->stage->world), 0, "script: %s is %s",
                   party->name, what);
    return 0;
}

int lr_program_word_freeze(lua_State *lua) {
    return signal_group(lua, SIGSTOP, "frozen");
}

int lr_program_word_thaw(lua_State *lua) {
    return signal_group(lua, SIGCONT, "thawed");
}

int lr_program_word_ended(lua_State *lua) {
    int exit_status = 0;
    int signal_number = 0;
    bool ended = lr_program_ended(check_program(lua)->program, &exit_status, &signal_number, NULL);
    lua_pushboolean(lua, ended);
    lua_pushinteger(lua, exit_status);
    lua_pushinteger(lua, signal_number);
    return 3;
}

/* Appends |word| to a Lua buffer with {tracker} and {port} filled in. */
static void push_filled(lua_State *lua, const char *word, const struct lr_party *tracker) {
    char address[LR_HOST_MAX + 8] = "";
    char port[8] = "";
    if (tracker != NULL) {
        (void)snprintf(address, sizeof address, "%s:%u", tracker->service.host,
                       (unsigned int)tracker->service.port);
        (void)snprintf(port, sizeof port, "%u", (unsigned int)tracker->service.port);
    } else if (strstr(word, "{tracker}") != NULL || strstr(word, "{port}") != NULL) {
        luaL_error(lua, "the command has {tracker} or {port}, but no tracker = .. is given");
    }
    (void)luaL_gsub(lua, word, "{tracker}", address);
    (void)luaL_gsub(lua, lua_tostring(lua, -1), "{port}", port);
    lua_remove(lua, -2);
}

void lr_words_need_live(lua_State *lua) {
    struct lr_play *play = lr_play_of(lua);
    if (play->stage->live == NULL) {
        (void)snprintf(play->missing, sizeof play->missing,
                       "foreign programs run in the live world only (say worlds = { \"live\" })");
        luaL_error(lua, "%s", play->missing);
    }
}

/* w:program { command = { "python3", "client.py", "{tracker}" }, tracker = t, stepped = true }. */
int lr_world_word_program(lua_State *lua) {
    static const char *const known[] = {"name", "command", "tracker", "stepped", NULL};
    lr_words_need_live(lua);
    lr_words_check_options(lua, 2, "program", known);
    luaL_argcheck(lua, lua_getfield(lua, 2, "command") == LUA_TTABLE, 2,
                  "command = { program, arguments .. }");
    int command = lua_gettop(lua);
    const struct lr_party *tracker = lr_option_party(lua, 2, "tracker");
    const char *argv[ARGUMENTS_MAX + 1];
    lua_Integer count = luaL_len(lua, command);
    luaL_argcheck(lua, count > 0 && count <= ARGUMENTS_MAX, 2, "a command of 1 to 64 words");
    luaL_checkstack(lua, (int)count + 8, "command");
    for (lua_Integer i = 1; i <= count; i++) {
        (void)lua_geti(lua, command, i);
        push_filled(lua, luaL_checkstring(lua, -1), tracker);
        argv[i - 1] = lua_tostring(lua, -1);
    }
    argv[count] = NULL;
    struct lr_stage_program options = {.name = lr_option_string(lua, 2, "name", NULL),
                                       .argv = argv,
                                       .stepped = lr_option_boolean(lua, 2, "stepped", true)};
    struct lr_party *party;
    struct lr_error error = {.code = LR_OK};
    if (lr_stage_program(lr_play_of(lua)->stage, &options, &party, &error) != LR_OK) {
        return lr_words_raise(lua, &error);
    }
    return lr_wait_party(lua, party);
}

void lr_words_program(lua_State *lua) {
    static const luaL_Reg methods[] = {{"__gc", step_collect}, {NULL, NULL}};
    lr_words_type(lua, STEP_TYPE, methods); /* its words are methods of a party */
}
