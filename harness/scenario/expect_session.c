/* SPDX-License-Identifier: Apache-2.0 */
/* expect(session):released and :held. What a session's end is judged by: the cause from the script,
 * the release from the wire. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ledger/held.h"
#include "scenario/expect.h"
#include "scenario/words_runtime.h"

enum {
    PATIENCE_SECONDS = 5, /* beyond the budget, to tell late from never */
    TEXT_MAX = 160
};

struct release_wait {
    struct lr_stage *stage;
    uint32_t number;
    struct lr_budget budget;
    struct lr_mark mark;
    lr_time patience_until;
    bool with_slot; /* its server has to become requestable, too */
    bool another;   /* what the script did last is not what it asks about */
};

static const struct lr_account *account_of(const struct release_wait *wait) {
    return lr_ledger_account(wait->stage->ledger, wait->number);
}

static bool released(void *context) {
    const struct release_wait *wait = context;
    const struct lr_account *account = account_of(wait);
    return account->released_at != LR_TIME_NEVER &&
           (!wait->with_slot || account->requestable_at != LR_TIME_NEVER);
}

static uint64_t larger(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

/* The budget of the mark's cause, with what the script sets; five times this machine's slowest at
 * least. */
static struct lr_budget read_budget(lua_State *lua, const struct lr_stage *stage,
                                    enum lr_cause cause, uint64_t timeout_ns) {
    bool real = lr_world_real_time(stage->world);
    const struct lr_calibration *calibration = real ? stage->options.calibration : NULL;
    struct lr_budget budget = lr_budget_for(cause, timeout_ns, real, calibration);
    uint64_t slowest = calibration == NULL ? 0 : 5 * calibration->requestable_ns_max;
    uint64_t within = lr_option_duration(lua, 2, "within", 0);
    uint64_t requestable = lr_option_duration(lua, 2, "requestable", 0);
    if (within != 0) {
        budget.release_ns = larger(within, slowest);
        budget.requestable_ns = larger(budget.requestable_ns, budget.release_ns);
    }
    if (requestable != 0) {
        budget.requestable_ns = larger(requestable, slowest);
    }
    return budget;
}

/* What the session's release counts from: what ended this very session, where that is known; else
 * what the script did last. */
static void read_cause(lua_State *lua, const struct lr_account *account,
                       struct release_wait *wait) {
    struct lr_mark *mark = &wait->mark;
    const char *name = lr_option_string(lua, 2, "after", NULL);
    const struct lr_play *play = lr_play_of(lua);
    enum lr_cause named = LR_CAUSE_NONE;
    if (name != NULL && !lr_cause_of(lr_text_of(name), &named)) {
        luaL_error(lua, "after = \"%s\" is no cause", name);
    }
    if (!lr_runtime_mark(lua, 3, mark)) {
        const struct lr_mark *own = lr_words_find_mark(play, account, named);
        *mark = own != NULL ? *own : play->mark;
    }
    wait->another = name != NULL && mark->cause != named;
    mark->cause = name != NULL ? named : mark->cause;
    if (mark->cause == LR_CAUSE_TIMEOUT) { /* the clock runs from the handshake */
        mark->from = account->accepted_at;
        mark->at = account->accepted_at;
        (void)snprintf(mark->text, sizeof mark->text, "the handshake");
    }
    if (mark->cause == LR_CAUSE_NONE || mark->at == LR_TIME_NEVER) {
        luaL_error(lua, "released: nothing has been done that ends a session; say after = \"..\"");
    }
}

static const char *judge_text(const struct release_wait *wait, enum lr_release release,
                              uint64_t late_by, char *out, size_t size) {
    char since[32];
    char slot[32];
    char late[32];
    char account_text[LR_HELD_TEXT_MAX];
    const struct lr_account *account = account_of(wait);
    lr_time now = lr_world_now(wait->stage->world);
    if (account->released_at == LR_TIME_NEVER) {
        (void)snprintf(out, size, "%s: %s", lr_release_name(release),
                       lr_held_describe(account_text, sizeof account_text, account, now));
        return out;
    }
    lr_time at = wait->mark.at;
    (void)snprintf(
        out, size, "%s: released %s after %s, requestable %s%s%s", lr_release_name(release),
        lr_text_duration(since, sizeof since,
                         account->released_at > at ? account->released_at - at : 0),
        wait->mark.text,
        account->requestable_at == LR_TIME_NEVER
            ? (wait->with_slot ? "never" : "not observable")
            : lr_text_duration(slot, sizeof slot,
                               account->requestable_at > at ? account->requestable_at - at : 0),
        late_by > 0 ? ", late by " : "",
        late_by > 0 ? lr_text_duration(late, sizeof late, late_by) : "");
    return out;
}

static void note_verdict(struct lr_play *play, enum lr_release release, uint64_t late_by) {
    struct lr_case_result *result = play->result;
    if (release == LR_RELEASE_ON_TIME && result->release_verdict != NULL) {
        return; /* the worst one stays */
    }
    result->release_verdict = lr_release_name(release);
    if (release == LR_RELEASE_LATE && result->release_detail == NULL) {
        char text[TEXT_MAX];
        char late[32];
        (void)snprintf(text, sizeof text, "by %s", lr_text_duration(late, sizeof late, late_by));
        result->release_detail = lr_alloc_string(result->alloc, text, strlen(text));
    }
}

static enum lr_release judge(const struct release_wait *wait, uint64_t *late_by) {
    const struct lr_account *account = account_of(wait);
    if (account->released_at != LR_TIME_NEVER && account->released_at < wait->mark.from) {
        return LR_RELEASE_EARLY; /* before what should have caused it */
    }
    struct lr_budget budget = wait->budget;
    if (!wait->with_slot) {
        budget.requestable_ns = LR_TIME_NEVER;
    }
    return lr_budget_judge(account, &budget, wait->mark.at, lr_world_now(wait->stage->world),
                           late_by);
}

/* Whether what the script did had to end the session, whatever came before it. A session whose link
 * is broken closes without a mark: what was done before there was one, or was no close, is not
 * what ends it. */
static bool had_to_end(const struct release_wait *wait) {
    const struct lr_mark *mark = &wait->mark;
    const struct lr_account *account = account_of(wait);
    struct lr_ledger_place place;
    bool told =
        lr_ledger_link_place(wait->stage->ledger, account->data_link, LR_FROM_SERVICE, &place) &&
        place.message_size > 0;
    return mark->text[0] != '\0' && !wait->another && mark->at >= account->connected_at &&
           (told || !mark->if_told);
}

static int release_over(lua_State *lua, int status, lua_KContext kcontext) {
    (void)status;
    (void)kcontext;
    struct lr_play *play = lr_play_of(lua);
    struct release_wait *wait = lua_touserdata(lua, -1);
    uint64_t late_by = 0;
    enum lr_release release = judge(wait, &late_by);
    note_verdict(play, release, late_by);
    play->unreleased = play->unreleased || (release == LR_RELEASE_NEVER && had_to_end(wait));
    char text[TEXT_MAX];
    char expected[TEXT_MAX];
    char seen[LR_HELD_TEXT_MAX + TEXT_MAX];
    char within[32];
    char slot[32];
    (void)snprintf(text, sizeof text, "session %u is released after %s", wait->number,
                   lr_cause_name(wait->mark.cause));
    (void)snprintf(expected, sizeof expected, "release within %s, requestable within %s of %s%s",
                   lr_text_duration(within, sizeof within, wait->budget.release_ns),
                   lr_text_duration(slot, sizeof slot, wait->budget.requestable_ns),
                   wait->mark.text, wait->budget.calibrated ? " (this machine's pace)" : "");
    struct lr_verdict verdict = {
        .held = release == LR_RELEASE_ON_TIME,
        .late = release == LR_RELEASE_LATE,
        .session = wait->number,
        .text = text,
        .expected = expected,
        .seen = judge_text(wait, release, late_by, seen, sizeof seen),
    };
    return lr_expect_record(lua, &verdict);
}

/* Pushes the expectation's subject and returns the number of its account. */
static uint32_t subject_account(lua_State *lua) {
    luaL_checkudata(lua, 1, LR_EXPECT_TYPE);
    (void)lua_getiuservalue(lua, 1, 1);
    uint32_t number = lr_check_account(lua, lua_gettop(lua));
    if (number == 0) {
        luaL_error(lua, "this session has not been seen on the wire");
    }
    return number;
}

/* expect(s):released { after = "close", within = "100ms", requestable = "200ms" }: all may be left
 * out; the cause is then what the script last did. */
int lr_expect_word_released(lua_State *lua) {
    static const char *const known[] = {"after", "within", "requestable", "timeout", NULL};
    lr_words_check_options(lua, 2, "released", known);
    lua_settop(lua, 2);
    struct lr_play *play = lr_play_of(lua);
    uint32_t number = subject_account(lua);
    const struct lr_account *account = lr_ledger_account(play->stage->ledger, number);
    struct release_wait *wait = lua_newuserdatauv(lua, sizeof *wait, 0);
    *wait = (struct release_wait){.stage = play->stage, .number = number};
    read_cause(lua, account, wait);
    uint64_t timeout = account->timeout_ns == LR_TIME_NEVER ? 0 : account->timeout_ns;
    wait->budget = read_budget(lua, play->stage, wait->mark.cause,
                               lr_option_duration(lua, 2, "timeout", timeout));
    wait->with_slot = account->register_link != 0;
    uint64_t whole = larger(wait->budget.release_ns, wait->budget.requestable_ns);
    wait->patience_until =
        lr_time_add(lr_time_add(wait->mark.at, whole), PATIENCE_SECONDS * LR_SECOND);
    if (released(wait)) {
        return release_over(lua, LUA_OK, 0);
    }
    return lr_play_wait(lua, released, wait, wait->patience_until, 0, release_over);
}

struct hold_wait {
    struct lr_stage *stage;
    uint32_t number;
    const struct lr_party *by;
    char during[32];
};

static bool no_longer_held(void *context) {
    const struct hold_wait *wait = context;
    const struct lr_account *account = lr_ledger_account(wait->stage->ledger, wait->number);
    return account->released_at != LR_TIME_NEVER || account->requestable_at != LR_TIME_NEVER;
}

static int hold_over(lua_State *lua, int status, lua_KContext kcontext) {
    (void)status;
    (void)kcontext;
    struct hold_wait *wait = lua_touserdata(lua, -1);
    const struct lr_account *account = lr_ledger_account(wait->stage->ledger, wait->number);
    char text[TEXT_MAX];
    char expected[TEXT_MAX];
    char seen[LR_HELD_TEXT_MAX];
    (void)snprintf(text, sizeof text, "session %u is held%s%s", wait->number,
                   wait->by != NULL ? " by " : "", wait->by != NULL ? wait->by->name : "");
    (void)snprintf(expected, sizeof expected, "held for %s more%s%s", wait->during,
                   wait->by != NULL ? " by " : "", wait->by != NULL ? wait->by->name : "");
    bool by_whom = wait->by == NULL || strcmp(account->client, wait->by->name) == 0;
    bool held = !no_longer_held(wait);
    lr_time now = lr_world_now(wait->stage->world);
    struct lr_verdict verdict = {
        .held = held && by_whom,
        .session = wait->number,
        .text = text,
        .expected = expected,
        .seen = held ? lr_held_describe(seen, sizeof seen, account, now)
                     : lr_held_summary(seen, sizeof seen, account, now),
    };
    return lr_expect_record(lua, &verdict);
}

/* expect(s):held { by = client, during = "300ms" }: still held now, and that much longer. */
int lr_expect_word_held(lua_State *lua) {
    static const char *const known[] = {"by", "during", NULL};
    lr_words_check_options(lua, 2, "held", known);
    lua_settop(lua, 2);
    struct lr_play *play = lr_play_of(lua);
    uint32_t number = subject_account(lua);
    uint64_t during = lr_option_duration(lua, 2, "during", 300 * LR_MS);
    struct hold_wait *wait = lua_newuserdatauv(lua, sizeof *wait, 0);
    *wait = (struct hold_wait){
        .stage = play->stage, .number = number, .by = lr_option_party(lua, 2, "by")};
    lr_text_duration(wait->during, sizeof wait->during, during);
    if (no_longer_held(wait)) {
        return hold_over(lua, LUA_OK, 0);
    }
    return lr_play_wait(lua, no_longer_held, wait,
                        lr_time_add(lr_world_now(play->stage->world), during), 0, hold_over);
}
