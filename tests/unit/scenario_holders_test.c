/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions in the model of a runtime: what reports are told of who holds them, and that each ends
 * on the wire when the model frees it, and not before. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "support/scenario_rig.h"

#define STAGE                                                                                      \
    "local tracker = w:tracker() w:server { key = 'k', tracker = tracker } "                       \
    "local py = w:client { runtime = cpython('3.8.8') } "                                          \
    "local r = py:call('check_remote', function(frame) frame.t = py:connect_tracker(tracker) "     \
    "frame.r = frame.t:request('k', { timeout = '20s' }) return frame.r end)\n"

enum { KEPT_MAX = 4 };

/* What a report is told, kept. */
static struct kept {
    struct lr_reporter reporter;
    struct lr_retention held[KEPT_MAX];
    size_t held_count;
    char told[256];
} kept;
static struct lr_seen_run run;

static void keep(struct lr_reporter *reporter, const struct lr_case_result *result, size_t index,
                 size_t count) {
    (void)reporter;
    (void)index;
    (void)count;
    for (const struct lr_retention *r = result->retentions; r != NULL; r = r->next) {
        if (kept.held_count < KEPT_MAX) {
            kept.held[kept.held_count] = *r;
        }
        kept.held_count++;
    }
    if (result->told.first != NULL) {
        (void)snprintf(kept.told, sizeof kept.told, "%s", result->told.first->text);
    }
}

static const struct lr_seen_case *run_body(const char *body) {
    kept = (struct kept){.reporter = {.ended = keep}};
    const struct lr_rig_options options = {.reporter = &kept.reporter, .sim = true};
    return lr_rig_run_body(&run, body, &options);
}

static void expect_outcome(const struct lr_seen_case *seen, enum lr_case_outcome outcome) {
    cr_assert_eq(seen->outcome, outcome, "%s: %s; %s; expected %s, seen %s",
                 lr_case_outcome_name(seen->outcome), seen->reason, seen->findings, seen->expected,
                 seen->seen);
}

Test(scenario_holders, a_holder_that_was_expected_is_reported_as_that) {
    expect_outcome(run_body(STAGE "py:del(r) expect(r):held_by('frame __new__', 'local r') "
                                  "py:gc(0) expect(r):released()"),
                   LR_CASE_AS_EXPECTED);
    cr_assert_eq(kept.held_count, 1U);
    const struct lr_retention *held = &kept.held[0];
    cr_expect(held->expected);
    cr_expect_eq(held->session, 1U);
    cr_expect_str_eq(held->root, "uncollected cycle, generation 0");
    cr_expect_str_eq(held->hops[held->hop_count - 1].via, "local r");
    cr_assert_eq(held->way_count, 2U);
    cr_expect(strncmp(held->ways[0], "gc.collect(0)", 13) == 0, "%s", held->ways[0]);
    cr_expect(strncmp(held->ways[1], "the server's timeout in 19.9", 28) == 0, "%s", held->ways[1]);
    cr_expect_str_eq(held->advice, "close it explicitly, or hold it in a scope");
    cr_expect_neq(held->fingerprint, 0U);
}

Test(scenario_holders, an_expectation_that_fails_shows_who_holds_the_session, .timeout = 60) {
    expect_outcome(run_body(STAGE "py:del(r) expect(r):released { within = '10ms' }"),
                   LR_CASE_UNEXPECTED);
    cr_assert_eq(kept.held_count, 1U);
    cr_expect_not(kept.held[0].expected);
    cr_expect_str_eq(kept.held[0].root, "uncollected cycle, generation 0");
}

Test(scenario_holders, another_holder_than_expected_is_told_with_the_path) {
    const struct lr_seen_case *seen =
        run_body(STAGE "py:del(r) expect(r):held_by('module __main__', 'global r')");
    expect_outcome(seen, LR_CASE_UNEXPECTED);
    cr_expect_not_null(strstr(seen->expected, "held by module __main__, global r"));
    cr_expect_not_null(strstr(seen->seen, "no \"module __main__\" (there) in: uncollected cycle"),
                       "%s", seen->seen);
    cr_expect_eq(kept.held_count, 1U);
    seen = run_body(STAGE "py:gc(0) py:del(r) expect(r):held_by('local r')");
    expect_outcome(seen, LR_CASE_UNEXPECTED);
    cr_expect_str_eq(seen->seen, "nothing holds it");
    cr_expect_eq(kept.held_count, 0U);
}

Test(scenario_holders, life_in_the_model_is_told_rightly) {
    expect_outcome(run_body(STAGE "expect(r):alive() py:gc(0) py:del(r) expect(r):gone()"),
                   LR_CASE_AS_EXPECTED);
    expect_outcome(run_body(STAGE "expect(r):gone()"), LR_CASE_UNEXPECTED);
    expect_outcome(run_body(STAGE "py:gc(0) py:del(r) expect(r):alive()"), LR_CASE_UNEXPECTED);
    expect_outcome(run_body(STAGE "py:kill() expect(r):gone()"), LR_CASE_AS_EXPECTED);
}

Test(scenario_holders, the_same_leak_has_one_fingerprint_in_two_runs_and_two_programs) {
    uint64_t first;
    (void)run_body(STAGE "py:del(r) expect(r):held_by('local r')");
    first = kept.held[0].fingerprint;
    (void)run_body("local tracker = w:tracker() w:server { key = 'other', tracker = tracker } "
                   "local py = w:client { runtime = cpython('3.9.0') } py:allocate(50) "
                   "local s = py:call('tune', function(f) f.tr = py:connect_tracker(tracker) "
                   "f.remote = f.tr:request('other') return f.remote end)\n"
                   "py:del(s) expect(s):held_by('frame tune', 'local remote')");
    cr_assert_eq(kept.held_count, 1U);
    cr_assert_eq(kept.held[0].fingerprint, first);
    (void)run_body(STAGE "expect(r):held_by('global r')");
    cr_assert_neq(kept.held[0].fingerprint, first);
}

/* Sessions of Lua itself: the path is the one that its collector would walk. */
#define IN_LUA                                                                                     \
    "local t = w:tracker() w:server { key = 'k', tracker = t } "                                   \
    "local c = w:client { tracker = t, runtime = lua() } local held, account = {}, nil "           \
    "local function open() local s = c:request('k', { timeout = '20s' }) "                         \
    "account = w:session(c) return s end "                                                         \
    "local function wipe() local a, b, d, e, f, g, h, i, j, k = 1 return a end "

static const struct {
    const char *holding;
    const char *words;
} in_lua[] = {
    {"local kept = open()", "'the scenario\\'s run', 'frame of line', 'local kept'"},
    {"do local s = open() held.f = function() return s end end",
     "'local held', 'key f', 'function of line', 'upvalue s'"},
    {"held[7] = { deep = open() }", "'local held', 'item 7', 'table', 'key deep'"},
    {"do local a, b = { s = open() }, {} a.b, b.a = b, a held.cycle = b end",
     "'key cycle', 'key a', 'key s'"},
    {"keep = { open() }", "'globals', 'key keep', 'table', 'item 1'"},
    {"held.a = open():array(4)", "'key a', 'array', 'its session'"},
    {"held.f = open():get_function('rpc.test.addone')", "'key f', 'function', 'its session'"},
    {"held.m = setmetatable({}, { __index = { s = open() } })",
     "'metatable', 'key __index', 'key s'"},
    {"held.task = w:spawn(function() local mine = open() w:pass('1s') return mine end) "
     "w:pass('100ms')",
     "'actor 1', 'frame of line', 'local mine'"},
    {"held.w = setmetatable({ open() }, { __mode = 'v' })", "'uncollected garbage', 'session'"},
    {"held.w = setmetatable({ [open()] = 1 }, { __mode = 'k' })", "'uncollected garbage'"},
    {"open()", "'uncollected garbage'"},
};

Test(scenario_holders, sessions_of_lua_are_held_as_its_collector_sees_it, .timeout = 60) {
    char body[2048];
    for (size_t i = 0; i < LR_COUNT_OF(in_lua); i++) {
        (void)snprintf(body, sizeof body,
                       IN_LUA "%s wipe()\n"
                              "expect(account):held_by(%s) "
                              "if held.task then held.task:join() end",
                       in_lua[i].holding, in_lua[i].words);
        expect_outcome(run_body(body), LR_CASE_AS_EXPECTED);
        cr_assert_eq(kept.held_count, 1U, "%s", in_lua[i].holding);
        const struct lr_retention *held = &kept.held[0];
        cr_expect(held->expected && held->session == 1 && held->fingerprint != 0);
        cr_expect(strncmp(held->ways[0], "client1:gc()", 12) == 0, "%s", held->ways[0]);
        cr_expect(strncmp(held->ways[1], "the server's timeout in 19.", 27) == 0);
    }
}

Test(scenario_holders, sessions_of_lua_that_are_released_or_foreign_have_no_holder) {
    const struct lr_seen_case *seen =
        run_body(IN_LUA "open() wipe() c:gc()\nexpect(account):held_by('local s')");
    expect_outcome(seen, LR_CASE_UNEXPECTED);
    cr_expect_str_eq(seen->seen, "nothing holds it");
    seen = run_body(IN_LUA "held.s = open() expect(account):released { after = 'close', within = "
                           "'10ms' }");
    expect_outcome(seen, LR_CASE_UNEXPECTED);
    cr_assert_eq(kept.held_count, 1U, "an expectation that fails shows the holder");
    cr_expect_str_eq(kept.held[0].hops[kept.held[0].hop_count - 1].via, "key s");
    seen = run_body("local t = w:tracker() local v = w:server { key = 'k', tracker = t }\n"
                    "local link = w:peer { name = 'raw' }:open(v)\n"
                    "link:send(string.pack('<i4s4', 0xff271, 'client:k')) w:pass('10ms')\n"
                    "expect(w:session(nil, { waiting = true })):held_by('anything')");
    expect_outcome(seen, LR_CASE_UNEXPECTED);
    cr_expect_not_null(strstr(seen->reason, "is not observable"), "%s", seen->reason);
}

Test(scenario_holders, shutdown_crosses_the_wire_when_the_model_frees_and_not_before) {
    const struct lr_seen_case *seen = run_body(
        STAGE "local account = w:session(py) py:del(r) w:pass('20ms') "
              "expect(account:shutdown_seen()):is(false) py:gc(0) "
              "w:await(function() return account:shutdown_seen() end, '1s') expect(r):released()");
    expect_outcome(seen, LR_CASE_AS_EXPECTED);
}

Test(scenario_holders, what_frees_one_session_is_not_taken_for_what_ended_another) {
    expect_outcome(run_body("local tracker = w:tracker() w:server { key = 'k', tracker = tracker, "
                            "sessions = 2 } local py = w:client { runtime = cpython('3.8.10') } "
                            "local t = py:connect_tracker(tracker) local a, b = t:request('k'), "
                            "t:request('k') a:close() w:pass('30ms') py:del(b) "
                            "expect(a):released { within = '20ms' } expect(b):released()"),
                   LR_CASE_AS_EXPECTED);
}

Test(scenario_holders, a_script_that_ends_in_the_middle_leaves_nothing_behind) {
    static const char *const bodies[] = {
        STAGE "py:call('f', function(frame) frame.s = r nothing() end)",
        STAGE "py:thread('t', function(frame) frame.s = r w:pass('5s') end) w:pass('1ms') "
              "expect(1):is(2)",
        STAGE "local g = py:generator('g') g:next(function(frame) frame.s = r "
              "py:enter_with(frame.s) end) expect(1):is(2)",
        STAGE "py:try(function() py:raise('E', 'x') end, 'e', function() nothing() end)",
        STAGE "py:with(r, function() nothing() end)",
    };
    for (size_t i = 0; i < LR_COUNT_OF(bodies); i++) {
        const struct lr_seen_case *seen = run_body(bodies[i]);
        expect_outcome(seen, LR_CASE_UNEXPECTED);
        cr_expect_null(strstr(seen->findings, "left over"), "%zu: %s", i, seen->findings);
    }
}

Test(scenario_holders, a_figure_that_the_script_tells_is_reported) {
    expect_outcome(run_body("expect(1):is(1) w:tell('10 measurements took 200.0 s')"),
                   LR_CASE_AS_EXPECTED);
    cr_assert_str_eq(kept.told, "10 measurements took 200.0 s");
}

Test(scenario_holders, prove_nothing_without_memory) {
    lr_rig_each_failure(&(struct lr_rig_story){
        .body = STAGE "expect(r:refcount()):is(3) expect(r):held_by('module __main__')\n"
                      "py:del(r) py:gc(0) expect(r):released { within = '100ms' }"});
}
