/* SPDX-License-Identifier: Apache-2.0 */
/* Words of programs in a runtime, used wrongly, say where, and what they take. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "support/scenario_rig.h"

/* On top of each wrong line, which is the third of case.lua. */
#define STAGE                                                                                      \
    "local t = w:tracker() w:server { key = 'k', tracker = t, sessions = 4 } "                     \
    "local c = w:client { tracker = t } local py = w:client { runtime = cpython('3.8.10') } "      \
    "local cpp = w:client { tracker = t, runtime = native() } local tr = py:connect_tracker(t) "   \
    "local r = tr:request('k') expect(1):is(1)\n"

static struct lr_seen_run run;
static const struct lr_rig_options simulated = {.sim = true};

#define EXPECT_ALL_TOLD(rows) lr_rig_expect_told(STAGE, rows, LR_COUNT_OF(rows), &simulated)

Test(scenario_python, unknown_words_and_versions_name_what_there_is, .timeout = 300) {
    static const struct lr_rig_wrong rows[] = {
        {"r:refcnt()", "object has no \"refcnt\"; did you mean \"refcount\"?"},
        {"py:cal('f', print)", "party has no \"cal\"; did you mean \"call\"?"},
        {"cpython('3.8.9')", "there is no cpython(\"3.8.9\"); there are "},
        {"cpython('2.7')", "3.8.8"},
        {"cpython('3.8.8', { sytem = 'linux' })", "did you mean \"system\"?"},
        {"cpython('3.8.8', { system = 'dos' })", "it is \"windows\""},
        {"w:client { runtime = '3.8.8' }", "runtime = cpython(\"3.8.8\"), native() or lua()"},
        {"w:client { runtim = native() }", "did you mean \"runtime\"?"},
        {"tr:request('k', { timout = 1 })", "did you mean \"timeout\"?"},
        {"py:finalize(r, 'x', { atexits = true })", "did you mean \"atexit\"?"},
        {"cpp:node('n'):use_cont()", "shared has no \"use_cont\"; did you mean \"use_count\"?"},
    };
    EXPECT_ALL_TOLD(rows);
}

Test(scenario_python, values_of_a_wrong_kind_are_told, .timeout = 300) {
    static const struct lr_rig_wrong rows[] = {
        {"c:call('f', function() end)", "client1 does not run in Python"},
        {"cpp:gc()", "does not run in Python"},
        {"py:share(r)", "client2 has no native handles"},
        {"py:call('f')", "function expected"},
        {"py:call('f', function(frame) frame.x = {} end)", "its own objects, numbers and texts"},
        {"py:try(function() end, 'e')", "function expected"},
        {"py:with(r)", "function expected"},
        {"py:gc(3)", "a generation is 0, 1 or 2"},
        {"py:gc_threshold(700, -1, 10)", "it is 0 to 1000000"},
        {"py:allocate(0)", "it is 1 to 1000000"},
        {"py:connect_tracker('t')", "party expected"},
        {"py:connect_tracker(w:tracker())", "client2 knows another tracker"},
        {"r:request('k')", "it is no TrackerSession"},
        {"tr:close()", "it is no session"},
        {"r:read()", "it is no remote array"},
        {"r(1)", "it is no remote function"},
        {"tr:next(function() end)", "it is no generator"},
        {"r:call('rpc.test.addone', {})", "cannot be sent to a server"},
        {"cpp:share(r)", "session expected"},
        {"cpp:share(c:request('k'))", "it is another client's"},
        {"cpp:node('n'):set('x', 1)", "shared expected"},
        {"expect(1):held_by('x')", "session expected, got number"},
        {"expect(c:request('k')):alive()", "this is no session of a runtime"},
        {"expect(r):held_by()", "1 to 16 hops"},
        {"expect(r):held_by('')", "a hop has a name"},
        {"expect(tr):alive()", "this is no session of a runtime"},
        {"w:tell()", "string expected"},
    };
    EXPECT_ALL_TOLD(rows);
}

Test(scenario_python, what_is_over_is_told, .timeout = 300) {
    static const struct lr_rig_wrong rows[] = {
        {"py:del(r) r:refcount()", "that object has gone"},
        {"py:del(r) py:del(r)", "nothing holds it by a name any more"},
        {"local f py:call('f', function(frame) f = frame end) f.x = 1", "that frame has gone"},
        {"py:exit() py:gc()", "client2 has ended"},
        {"py:kill() r:call('rpc.test.addone', 1)", "client2 has ended"},
        {"r:close() r:call('rpc.test.addone', 1)", "RPCError: session is closed"},
        {"r:call('no.such.function')", "RPCError: "},
        {"py:raise('ValueError', 'oh')", "ValueError: oh"},
        {"py:call('f', function() py:raise('ValueError', 'oh') end)", "ValueError: oh"},
        {"r:unset('x')", "there is no \"x\" in it"},
        {"local n = cpp:node('n') n:reset() n:copy()", "that handle is empty"},
        {"cpp:kill() cpp:node('n')", "client3 has ended"},
    };
    EXPECT_ALL_TOLD(rows);
}

Test(scenario_python, two_actors_in_one_thread_are_told_apart, .timeout = 60) {
    const struct lr_seen_case *seen = lr_rig_run_body(
        &run,
        STAGE "local task = w:spawn(function() py:call('b', function() w:pass('20ms') end) end)\n"
              "py:call('a', function() w:pass('5ms') end) task:join()",
        &simulated);
    cr_expect_eq(seen->outcome, LR_CASE_UNEXPECTED);
    cr_expect_not_null(strstr(seen->reason, "two actors run functions in one thread of client2"),
                       "%s", seen->reason);
}

Test(scenario_python, no_word_of_a_program_is_believed_without_memory) {
    lr_rig_each_failure(&(struct lr_rig_story){
        .body = "local py = w:client { runtime = cpython('3.11') }\n"
                "local d = py:dict { a = py:list() }\n"
                "expect(function() py:objekt('x') end):fails('did you mean')\n"
                "py:weakref(d, 'gone') py:del(d)\n"
                "expect(py:events()[1]):is('gone')"});
}
