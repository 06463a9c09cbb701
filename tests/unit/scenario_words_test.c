/* SPDX-License-Identifier: Apache-2.0 */
/* Each word used wrongly says where, and what it takes. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "support/scenario_rig.h"

/* On top of each wrong line, which is the third of case.lua. */
#define STAGE                                                                                      \
    "local t = w:tracker() local v = w:server { key = 'k', tracker = t } "                         \
    "local c = w:client { tracker = t } local s = c:request('k') expect(1):is(1)\n"

static struct lr_seen_run run;

#define EXPECT_ALL_TOLD(rows) lr_rig_expect_told(STAGE, rows, LR_COUNT_OF(rows), NULL)

Test(scenario_words, unknown_words_name_the_nearest, .timeout = 300) {
    static const struct lr_rig_wrong rows[] = {
        {"w:trackr()", "world has no \"trackr\"; did you mean \"tracker\"?"},
        {"w:sleep('1s')", "world has no \"sleep\""},
        {"t:nam()", "party has no \"nam\"; did you mean \"name\"?"},
        {"s:cloze()", "session has no \"cloze\"; did you mean \"close\"?"},
        {"s:array(4):wirte('x')", "array has no \"wirte\"; did you mean \"write\"?"},
        {"s:get_function('rpc.test.addone'):fre()",
         "function has no \"fre\"; did you mean \"free\"?"},
        {"w:session(c):cals()", "account has no \"cals\"; did you mean \"calls\"?"},
        {"w:spawn(function() end):jion()", "task has no \"jion\"; did you mean \"join\"?"},
        {"w:fault { on = s, kind = 'rst' }:fird()",
         "fault has no \"fird\"; did you mean \"fired\"?"},
        {"expct(1):is(1)", "(global 'expct'); did you mean \"expect\"?"},
        {"w:client { runtime = cpyton('3.8.8') }", "'cpyton'); did you mean \"cpython\"?"},
        {"strng.pack('<i4', 1)", "'strng'); did you mean \"string\"?"},
        {"nobody_is_called_so()", "'nobody_is_called_so')"},
        {"expect(1):si(1)", "expectation has no \"si\"; did you mean \"is\"?"},
        {"expect(1):equals(1)", "expectation has no \"equals\""},
        {"bytes('x'):size()", "bytes has no \"size\""},
        {"w:link(c, t):byte()", "link has no \"byte\"; did you mean \"bytes\"?"},
        {"w:peer():open(t):sent('x')", "peer_link has no \"sent\"; did you mean \"send\"?"},
    };
    EXPECT_ALL_TOLD(rows);
}

Test(scenario_words, unknown_options_name_the_nearest, .timeout = 300) {
    static const struct lr_rig_wrong rows[] = {
        {"w:tracker { prt = 1 }", "tracker has no \"prt\"; did you mean \"port\"?"},
        {"w:server { kye = 'x' }", "server has no \"kye\"; did you mean \"key\"?"},
        {"w:client { traker = t }", "client has no \"traker\"; did you mean \"tracker\"?"},
        {"c:request('k', { timout = 1 })", "request has no \"timout\"; did you mean \"timeout\"?"},
        {"c:connect(v, { keys = 'x' })", "connect has no \"keys\"; did you mean \"key\"?"},
        {"w:program { comand = {} }", "program has no \"comand\"; did you mean \"command\"?"},
        {"w:recorded { captur = 'x' }", "recorded has no \"captur\"; did you mean \"capture\"?"},
        {"w:fault { onn = s }", "fault has no \"onn\"; did you mean \"on\"?"},
        {"w:tvm_server { tvn = 'ffi' }", "tvm_server has no \"tvn\"; did you mean \"tvm\"?"},
        {"w:tvm_tracker { key = 'k' }", "tvm_tracker has no \"key\""},
        {"w:tvm_client { key = 'k' }", "tvm_client has no \"key\""},
        {"w:peer { serve = 'server' }", "peer has no \"serve\"; did you mean \"serves\"?"},
        {"w:session(c, { afer = s })", "session has no \"afer\"; did you mean \"after\"?"},
        {"expect(s):released { withn = 1 }", "released has no \"withn\"; did you mean \"within\"?"},
        {"expect(s):held { durin = 1 }", "held has no \"durin\"; did you mean \"during\"?"},
        {"w:server { 'test' }", "server takes named options only"},
        {"w:server('test')", "table expected"},
    };
    EXPECT_ALL_TOLD(rows);
}

Test(scenario_words, values_of_a_wrong_kind_are_told, .timeout = 300) {
    static const struct lr_rig_wrong rows[] = {
        {"w:tracker { port = 'x' }", "\"port\" must be a whole number"},
        {"w:tracker { port = 65536 }", "option \"port\" is 65536; it is 0 to 65535"},
        {"w:server { port = -1 }", "it is 0 to 65535"},
        {"w:server { sessions = 0 }", "it is 1 to"},
        {"w:server { memory = -1 }", "option \"memory\" is -1"},
        {"w:server { key = 1 }", "\"key\" must be a string"},
        {"w:server { key = ('k'):rep(64) }", "at most 63 bytes"},
        {"w:server { dialect = 'new' }", "\"auto\", \"legacy\" or \"ffi\""},
        {"w:server { handshake = 'soon' }", "\"soon\" is no duration"},
        {"w:server { tracker = 'localhost' }", "party expected"},
        {"w:client { tracker = s }", "party expected"},
        {"w:client { name = '' }", "1 to 63 bytes"},
        {"w:client { name = ('n'):rep(64) }", "1 to 63 bytes"},
        {"w:client { name = t:name() }", "there is a \"tracker1\" already"},
        {"w:tracker { host = ('h'):rep(300) }", "the host's name is too long"},
        {"c:request()", "string expected"},
        {"c:request('k', { tries = 0 })", "it is 1 to"},
        {"c:request('k', { timeout = 'x' })", "is no duration"},
        {"c:connect('localhost')", "party expected"},
        {"v:request('k')", "server1 is no client of ours"},
        {"t:step('x')", "tracker1 is no program"},
        {"w:pass()", "expected"},
        {"w:pass('soon')", "is no duration"},
        {"w:spawn(1)", "function expected"},
        {"w:spawn(function() end):join(1, 2):x()", "nil value"},
        {"w:fault { on = s, kind = 'fire' }", "there is no kind \"fire\"; did you mean \"fin\"?"},
        {"w:fault { on = s, kind = 'rst', side = 'left' }",
         "side = \"left\"; it is \"to_service\""},
        {"w:fault { on = s, kind = 'rst', after = -1 }", "option \"after\" is -1"},
        {"w:fault { on = s, kind = 'rst', lasts = '1s' }", "kind = \"rst\" takes no \"lasts\""},
        {"w:fault { on = s, kind = 'stall', times = 2 }", "kind = \"stall\" takes no \"times\""},
        {"w:fault { on = v, kind = 'kill', after = 2 }", "kind = \"kill\" takes no \"after\""},
        {"w:fault { on = s, kind = 'rst', after = 'InitSever' }",
         "no message is called \"InitSever\"; did you mean \"InitServer\"?"},
        {"w:fault { on = s, kind = 'rst', after = 1, inside = 'hello' }", "one of after, before"},
        {"w:fault { on = s, kind = 'rst', after = 'hello', byte = 2 }",
         "byte = n goes with inside"},
        {"w:fault { on = s, kind = 'truncate', side = 'both' }", "side = one of the two"},
        {"w:fault { on = s, kind = 'rst', chance = { 2, 1 } }", "n is at most m"},
        {"w:fault { on = s, kind = 'kill' }", "on = whoever it happens to"},
        {"w:fault { on = c, kind = 'refuse' }", "client1 serves nobody"},
        {"w:fault { on = c, kind = 'restart' }", "restart: of trackers and servers of ours"},
        {"w:fault { on = s, kind = 'rst' }:undo()", "rst cannot be undone when it has fired"},
        {"w:fault { kind = 'rst' }", "expected"},
        {"w:program {}", "command = { program"},
        {"w:program { command = {} }", "1 to 64 words"},
        {"w:program { command = { 'echo', '{tracker}' } }", "no tracker = .. is given"},
        {"w:recorded { capture = 'x' }", "tracker = .. is needed"},
        {"w:recorded { capture = 'gone.jsonl', tracker = t }", "gone.jsonl: cannot be opened"},
        {"w:recorded { capture = 'x', tracker = t, side = 'both' }", "side = \"client\" or"},
        {"w:recorded { capture = 'x', tracker = t, dialect = 'auto' }", "dialect = \"ffi\" or"},
        {"w:session(1)", "party expected"},
        {"w:note()", "string expected"},
        {"w:await(1)", "function expected"},
        {"bytes(nil)", "string expected"},
        {"s:call()", "string expected"},
        {"s:call('rpc.test.addone', {})", "argument 2 cannot be sent to a server"},
        {"s:call('rpc.test.addone', s)", "cannot be sent to a server"},
        {"s:array('x')", "number expected"},
        {"s:upload('x')", "string expected"},
    };
    EXPECT_ALL_TOLD(rows);
}

Test(scenario_words, expectations_used_wrongly_are_told, .timeout = 300) {
    static const struct lr_rig_wrong rows[] = {
        {"expect()", "value expected"},
        {"expect(1):is()", "value expected"},
        {"expect('x'):contains()", "string expected"},
        {"expect('x'):contains('')", "every text contains an empty one"},
        {"expect(1):fails('x')", "expect(function() .. end):fails"},
        {"expect(function() end):fails()", "string expected"},
        {"expect(1):released()", "session expected"},
        {"expect(t):released()", "session expected"},
        {"expect(1):held()", "session expected"},
        {"expect(s):held { by = 1 }", "party expected"},
        {"expect(s):released()", "nothing has been done that ends a session"},
        {"expect(s):released { after = 'lunch' }", "after = \"lunch\" is no cause"},
        {"s:close() expect(s):released { within = 'soon' }", "is no duration"},
        {"expect(s):free('k', 1)", "party expected"},
        {"expect(t):free('k', 1, 'soon')", "is no duration"},
        {"expect(t):free()", "string expected"},
        {"expect(t):free('k')", "number expected"},
        {"expect(t):pending('k', 'x')", "number expected"},
        {"expect(t):played()", "tracker1 is no recorded peer"},
    };
    EXPECT_ALL_TOLD(rows);
}

Test(scenario_words, what_is_over_is_told, .timeout = 300) {
    static const struct lr_rig_wrong rows[] = {
        {"s:unref() s:unref()", "session is closed"},
        {"s:close() s:call('rpc.test.addone', 1)", "session is closed"},
        {"local f = s:get_function('rpc.test.addone') s:unref() f(1)", "session is closed"},
        {"c:kill() c:request('k')", "client1 has ended"},
        {"c:stop() c:summary()", "client1 has ended"},
        {"w:await(function() return false end, '20ms')", "what was awaited did not come"},
        {"w:await(function() w:pass('1ms') end)", "this word waits"},
        {"w:await(function() error('oh', 0) or nothing() end)", "oh"},
    };
    for (size_t i = 0; i + 1 < LR_COUNT_OF(rows); i++) {
        lr_rig_expect_told(STAGE, &rows[i], 1, NULL);
    }
    const struct lr_seen_case *seen =
        lr_rig_run_body(&run, "expect(1):is(1) w:await(function() error('oh', 0) end)", NULL);
    cr_expect_str_eq(seen->reason, "oh");
}

Test(scenario_words, a_remote_error_is_one_of_the_script, .timeout = 300) {
    static const struct lr_rig_wrong rows[] = {
        {"s:call('no.such.function')", "no function of that name"},
        {"s:call('rpc.test.except', 'boom')", "boom"},
        {"s:download('gone.txt')", "gone.txt"},
    };
    EXPECT_ALL_TOLD(rows);
}

/* Lua would show the end of so long a name alone. */
Test(scenario_words, places_have_the_whole_name_of_the_file) {
    const struct lr_rig_options options = {
        .folder = "scenarios/a_folder_with_quite_a_long_name/and_another_one_below_it_as_long"};
    const struct lr_seen_case *seen = lr_rig_run_body(&run, "local n = nil\nn:x()", &options);
    cr_expect(strncmp(seen->reason, "/tmp/lastref-scenario-", 22) == 0, "%s", seen->reason);
    cr_expect(strstr(seen->reason, "as_long/case.lua:3: ") != NULL, "%s", seen->reason);
    seen = lr_rig_run_body(&run, "expect(1):is(2)", &options);
    cr_expect(strncmp(seen->where, "/tmp/lastref-scenario-", 22) == 0, "%s", seen->where);
    cr_expect(strstr(seen->where, "as_long/case.lua:2") != NULL, "%s", seen->where);
    seen = lr_rig_run_body(&run, "\nw:trakcer()", &options);
    cr_expect(strncmp(seen->reason, "/tmp/lastref-scenario-", 22) == 0, "%s", seen->reason);
}

/* Also the error that a word was about to raise may be refused its memory. */
Test(scenario_words, no_word_is_believed_whose_memory_was_refused) {
    lr_rig_each_failure(&(struct lr_rig_story){
        .body = "expect(function() w:trackr() end):fails('did you mean \"tracker\"')\n"
                "expect(function() w:tracker { hots = 1 } end):fails('did you mean \"host\"')\n"
                "expect(function() w:pass('x') end):fails('is no duration')\n"
                "for name, value in pairs { b = 1, a = 2 } do w:note(name .. value) end"});
}
