/* SPDX-License-Identifier: Apache-2.0 */
/* The words that work, over loopback, and each kind of expectation both ways. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/scenario_rig.h"

/* These are no measurements: under valgrind all is slow. */
#define SOON "within = '20s', requestable = '20s' }"

#define STAGE                                                                                      \
    "local t = w:tracker() local v = w:server { key = 'k', tracker = t } "                         \
    "local c = w:client { tracker = t } local s = c:request('k')\n"

static struct lr_seen_run run;

static void expect_holds(const char *body) {
    const struct lr_seen_case *seen = lr_rig_run_body(&run, body, NULL);
    cr_expect_eq(seen->outcome, LR_CASE_AS_EXPECTED, "%s: %s; expected %s, seen %s; %s; in: %s",
                 lr_case_outcome_name(seen->outcome), seen->reason, seen->expected, seen->seen,
                 seen->findings, body);
    cr_expect_gt(seen->expectations, 0);
    cr_expect_eq(run.exit_status, 0);
}

/* The last expectation does not hold, and says what it saw. */
static void expect_fails_in(const struct lr_rig_options *options, const char *body,
                            const char *expected, const char *seen_part) {
    const struct lr_seen_case *seen = lr_rig_run_body(&run, body, options);
    cr_expect_eq(seen->outcome, LR_CASE_UNEXPECTED, "%s: %s; in: %s",
                 lr_case_outcome_name(seen->outcome), seen->reason, body);
    cr_expect_eq(seen->failed, 1, "in: %s", body);
    cr_expect(strstr(seen->expected, expected) != NULL, "no \"%s\" in: %s", expected,
              seen->expected);
    cr_expect(strstr(seen->seen, seen_part) != NULL, "no \"%s\" in: %s", seen_part, seen->seen);
    cr_expect_eq(run.exit_status, 1);
}

static void expect_fails(const char *body, const char *expected, const char *seen_part) {
    expect_fails_in(NULL, body, expected, seen_part);
}

Test(scenario_expect, is) {
    expect_holds(
        "expect(1):is(1) expect('a\\0b'):is('a\\0b') expect(nil):is(nil) expect(1):is(1.0)");
    expect_fails("expect('1'):is(1)", "1", "\"1\"");
    expect_fails("expect(nil):is(false)", "false", "nil");
    expect_fails("expect({}):is({})", "table", "table");
    expect_fails("expect('a\\0b'):is('a\\0c')", "\"a", "\"a");
}

Test(scenario_expect, contains) {
    expect_holds("expect('hello world'):contains('lo w') expect(1234):contains('23')");
    expect_holds("expect('a\\0bc'):contains('bc') expect('a\\0bc'):contains('\\0b')");
    expect_fails("expect('hello'):contains('bye')", "contains \"bye\"", "\"hello\"");
    expect_fails("expect('a\\0bc'):contains('bd')", "contains \"bd\"", "\"a\\x00bc\"");
    expect_fails("expect('ab'):contains('a\\0c')", "contains \"a\\x00c\"", "\"ab\"");
    expect_fails("expect(nil):contains('x')", "contains \"x\"", "nil");
}

Test(scenario_expect, fails) {
    expect_holds("expect(function() error('the reason') end):fails('reason')");
    expect_holds("expect(function() error('a\\0b, the reason', 0) end):fails('reason')");
    expect_fails("expect(function() error('ab', 0) end):fails('a\\0c')", "contains \"a\\x00c\"",
                 "ab");
    expect_fails("expect(function() return 1 end):fails('reason')", "contains \"reason\"",
                 "it succeeded");
    expect_fails("expect(function() error('another') end):fails('reason')", "contains \"reason\"",
                 "another");
    expect_holds(STAGE "expect(function() s:call('rpc.test.except', 'boom') end):fails('boom')");
}

Test(scenario_expect, free_and_pending, .timeout = 300) {
    expect_holds(STAGE "expect(t):free('k', 0) expect(t):pending('k', 0) s:close()\n"
                       "expect(t):free('k', 1) expect(t):free('other', 0)");
    expect_fails(STAGE "expect(t):free('k', 1)", "1 free", "0 free");
    expect_holds("local t = w:tracker() local c = w:client { tracker = t }\n"
                 "w:spawn(function() pcall(c.request, c, 'k') end)\n"
                 "expect(t):pending('k', 1) c:close() expect(t):pending('k', 0)");
    expect_fails("local t = w:tracker() expect(t):pending('k', 2)", "2 pending", "0 pending");
    /* On a real machine the port of the dead may be somebody else's by then. */
    const struct lr_rig_options simulated = {.sim = true};
    expect_fails_in(&simulated, "local t = w:tracker() t:kill() expect(t):free('k', 0)", "0 free",
                    "no answer");
}

Test(scenario_expect, released, .timeout = 300) {
    expect_holds(STAGE "s:close() expect(s):released { " SOON);
    expect_holds(STAGE
                 "local again = s:ref() s:unref() expect(again):held { during = '20ms' }\n"
                 "again:unref() expect(w:session(c)):released { after = 'last reference', " SOON);
    expect_holds(
        STAGE "do local scoped <close> = s end expect(s):released { after = 'end of scope', " SOON);
    expect_holds(STAGE "c:kill() expect(s):released { after = 'death', " SOON);
    expect_holds(STAGE "local f = w:fault { on = s, kind = 'rst' } expect(f:fired()):is(1)\n"
                       "expect(s):released { after = 'rst', " SOON);
    expect_fails(STAGE "w:fault { on = s, kind = 'black_hole' } s:close()\n"
                       "expect(s):released { after = 'close' }",
                 "release within", "never");
    cr_expect_str_eq(run.cases[0].release, "never");
}

/* What ended others later is no excuse for a session that should have gone long before. */
Test(scenario_expect, released_counts_from_what_ended_that_very_session) {
    const struct lr_rig_options simulated = {.sim = true};
    static const char stage[] =
        "local t = w:tracker()\n"
        "w:server { key = 'k', tracker = t, sessions = 2, silence = '900ms' }\n"
        "local c, d = w:client { tracker = t }, w:client { tracker = t }\n"
        "local s, other = c:request('k'), d:request('k')\n"
        "expect(w:fault { on = s, kind = 'black_hole' }:fired()):is(1)\n";
    static const char *const endings[] = {"s:close() w:pass('895ms') other:close()\n",
                                          "c:kill() w:pass('895ms') d:kill()\n",
                                          "s:unref() w:pass('895ms') d:close()\n"};
    for (size_t i = 0; i < LR_COUNT_OF(endings); i++) {
        char body[1024];
        (void)snprintf(body, sizeof body, "%slocal a = w:session(c) %sexpect(a):released()", stage,
                       endings[i]);
        expect_fails_in(&simulated, body, "release within 11.0 ms", "late: released 899");
        (void)snprintf(body, sizeof body,
                       "%slocal a = w:session(d) %sexpect(a):released() "
                       "expect(w:session(c)):released { after = 'silence' }",
                       stage, endings[i]);
        const struct lr_seen_case *seen = lr_rig_run_body(&run, body, &simulated);
        cr_expect_eq(seen->outcome, LR_CASE_AS_EXPECTED, "%s: %s", body, seen->seen);
    }
}

Test(scenario_expect, released_by_the_timeout, .timeout = 300) {
    expect_holds("local t = w:tracker() w:server { key = 'k', tracker = t }\n"
                 "local s = w:client { tracker = t }:request('k', { timeout = '300ms' })\n"
                 "expect(s):released { after = 'timeout', " SOON);
    /* A timeout that is not there: the session stays until the patience ends. */
    expect_fails(STAGE "expect(s):released { after = 'timeout', timeout = '100ms' }",
                 "release within", "never");
}

Test(scenario_expect, held, .timeout = 300) {
    expect_holds(STAGE "expect(s):held { by = c, during = '30ms' }");
    expect_fails(STAGE "s:close() expect(s):released { " SOON " expect(s):held()", "held for",
                 "released");
    expect_fails(STAGE "local other = w:client { tracker = t }\n"
                       "expect(s):held { by = other, during = '30ms' }",
                 "by client2", "client1");
    expect_fails(STAGE "w:spawn(function() w:pass('50ms') s:close() end)\n"
                       "expect(s):held { during = '5s' }",
                 "held for 5", "released");
}

Test(scenario_expect, played_wants_a_recording, .timeout = 300) {
    char folder[64];
    char path[96];
    lr_rig_make_folder(folder, sizeof folder);
    /* A client that greets the tracker and goes; another that is greeted otherwise. */
    lr_rig_write(folder, "scenarios/summary.jsonl",
                 "{\"conn\": 1, \"t\": 0, \"ev\": \"open\", \"link\": \"client-tracker\", "
                 "\"peer\": \"h:1\"}\n"
                 "{\"conn\": 1, \"t\": 0.1, \"dir\": \"c2s\", \"hex\": \"71f20200\"}\n"
                 "{\"conn\": 1, \"t\": 0.2, \"dir\": \"s2c\", \"hex\": \"71f20200\"}\n"
                 "{\"conn\": 1, \"t\": 0.3, \"ev\": \"eof\", \"dir\": \"c2s\"}\n");
    lr_rig_write(folder, "scenarios/other.jsonl",
                 "{\"conn\": 1, \"t\": 0, \"ev\": \"open\", \"link\": \"client-tracker\", "
                 "\"peer\": \"h:1\"}\n"
                 "{\"conn\": 1, \"t\": 0.1, \"dir\": \"c2s\", \"hex\": \"71f20200\"}\n"
                 "{\"conn\": 1, \"t\": 0.2, \"dir\": \"s2c\", \"hex\": \"99999999\"}\n"
                 "{\"conn\": 1, \"t\": 0.3, \"ev\": \"eof\", \"dir\": \"c2s\"}\n");
    lr_rig_write(
        folder, "scenarios/case.lua",
        "scenario 't' { matrix = { name = { 'summary', 'other' } }, run = function(w, case)\n"
        "expect(w:recorded { capture = case.name .. '.jsonl', tracker = w:tracker() }):played()\n"
        "end }");
    (void)snprintf(path, sizeof path, "%s/scenarios/case.lua", folder);
    lr_rig_run_path(&run, path, NULL);
    cr_expect_eq(run.cases[0].outcome, LR_CASE_AS_EXPECTED, "%s %s", run.cases[0].reason,
                 run.cases[0].seen);
    cr_expect_eq(run.cases[1].outcome, LR_CASE_UNEXPECTED);
    cr_expect(strstr(run.cases[1].seen, "answer to the magic") != NULL, "%s", run.cases[1].seen);
    lr_rig_remove_folder(folder);
}

Test(scenario_words_work, values_go_there_and_back, .timeout = 300) {
    expect_holds(STAGE "expect(s:call('rpc.test.addone', 41)):is(42)\n"
                       "expect(s:call('rpc.test.strcat', 'abc', 7)):is('abc:7')\n"
                       "local f = s:get_function('rpc.test.addone') expect(f(1)):is(2) f:free()\n"
                       "expect(s:get_function('no.such')):is(nil)\n"
                       "expect(s:dialect()):is('ffi') expect(s:references()):is(1)");
    expect_holds(STAGE
                 "local a = s:array(5) a:write('h\\0llo') expect(a:read()):is('h\\0llo') a:free()\n"
                 "s:upload('x.bin', '\\0\\1\\2') expect(s:download('x.bin')):is('\\0\\1\\2')\n"
                 "s:remove('x.bin') expect(function() s:download('x.bin') end):fails('x.bin')");
    expect_holds("local v = w:server { key = 'd', dialect = 'legacy' }\n"
                 "local s = w:client():connect(v) expect(s:dialect()):is('legacy')\n"
                 "expect(s:call('rpc.test.addone', 1)):is(2)");
}

Test(scenario_words_work, the_tracker_is_asked) {
    expect_holds(
        STAGE "local sum = c:summary() expect(sum.k.free):is(0) expect(sum.k.pending):is(0)\n"
              "expect(t:port() > 0):is(true) expect(t:host()):is('127.0.0.1')\n"
              "expect(t:address()):is('127.0.0.1:' .. t:port()) expect(tostring(v)):is('server1')");
}

Test(scenario_words_work, an_account_tells_of_a_session) {
    expect_holds(
        STAGE "local a = w:session(c) s:call('rpc.test.addone', 1)\n"
              "expect(a:client()):is('client1') expect(a:in_call()):is(false)\n"
              "expect(a:calls() >= 1):is(true) expect(a:describe()):contains('held by client1')\n"
              "expect(a:shutdown_seen()):is(false) s:close() expect(a):released { " SOON "\n"
              "expect(a:shutdown_seen()):is(true) expect(a:exception()):is('')");
}

Test(scenario_words_work, actors_wait_beside_each_other, .timeout = 300) {
    expect_holds(
        "local order = {}\n"
        "local a = w:spawn(function() w:await(function() return order[1] == 'b' end, '60s')\n"
        "  order[#order + 1] = 'a' return 1, 2 end)\n"
        "local b = w:spawn(function() w:pass('20ms') order[#order + 1] = 'b' end)\n"
        "expect(a:ended()):is(false)\n"
        "local x, y = a:join() b:join()\n"
        "expect(x + y):is(3) expect(table.concat(order)):is('ba')\n"
        "local before = w:now() w:pass('10ms') expect(w:now() - before >= 10000000):is(true)\n"
        "local n = 0 w:spawn(function() w:pass('20ms') n = 1 end)\n"
        "w:await(function() return n == 1 end) w:note('so it is')");
}

Test(scenario_words_work, a_program_is_stepped, .timeout = 300) {
    expect_holds("local p = w:program { command = { 'sh', '-c',\n"
                 "  'while read a b; do case $a in add) echo ok $((b + 1));; bad) echo error no;; "
                 "begin) echo begun; echo ok later;; *) exit 3;; esac; done' } }\n"
                 "expect(p:step('add 4')):is('5')\n"
                 "expect(function() p:step('bad') end):fails('error no')\n"
                 "expect(p:step('bad', { may_fail = true })):is('error no')\n"
                 "expect(p:begin('add 1')):is('begun') expect(p:answer()):is('later')\n"
                 "expect(p:pid() > 0):is(true) p:freeze() p:thaw()\n"
                 "expect(function() p:step('leave') end):fails('has ended in step')\n"
                 "local ended, status = p:ended() expect(ended):is(true) expect(status):is(3)\n"
                 "expect(function() p:step('add 1') end):fails('takes no more steps')");
    expect_holds(
        "local t = w:tracker() local p = w:program { tracker = t, stepped = true,\n"
        "command = { 'sh', '-c', 'read l; echo ok $0 $1; read l', '{tracker}', 'x{port}y' } }\n"
        "expect(p:step('go')):is(t:address() .. ' x' .. t:port() .. 'y')");
}

Test(scenario_words_work, random_numbers_follow_the_seed_of_the_run) {
    static const char body[] = "expect(math.random(1000000)):is(0)";
    const struct lr_rig_options options = {.seed = 5};
    char first[1024];
    (void)snprintf(first, sizeof first, "%s", lr_rig_run_body(&run, body, &options)->seen);
    cr_expect_str_eq(lr_rig_run_body(&run, body, &options)->seen, first);
    cr_expect_str_neq(lr_rig_run_body(&run, body, NULL)->seen, first);
}

Test(scenario_sessions, a_session_without_memory_proves_nothing) {
    lr_rig_each_failure(&(struct lr_rig_story){
        .body = STAGE "local again = s:ref() again:unref()\n"
                      "local f = s:get_function('rpc.test.addone') expect(f(1)):is(2)\n"
                      "local a = s:array(4) a:write('abcd') s:unref() expect(s):released()"});
}
