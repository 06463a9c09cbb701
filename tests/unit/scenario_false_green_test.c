/* SPDX-License-Identifier: Apache-2.0 */
/* What must not be green: scenarios that look at nothing, that look away, that are lied to. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/server.h"
#include "support/scenario_rig.h"

static struct lr_seen_run run;

static void expect_outcome(const char *body, enum lr_case_outcome outcome, const char *reason) {
    const struct lr_seen_case *seen = lr_rig_run_body(&run, body, NULL);
    cr_expect_eq(seen->outcome, outcome, "%s (%s): %s", lr_case_outcome_name(seen->outcome),
                 seen->reason, body);
    cr_expect(strstr(seen->reason, reason) != NULL, "no \"%s\" in: %s", reason, seen->reason);
}

/* These are no measurements: under valgrind all is slow. */
#define SOON "{ within = '20s', requestable = '20s' }"

#define STAGE                                                                                      \
    "local t = w:tracker() local server = w:server { key = 'k', tracker = t } "                    \
    "local c = w:client { tracker = t } local s = c:request('k')\n"

Test(false_green, nothing_at_all) {
    expect_outcome("", LR_CASE_INVALID, "no expectation was reached");
}

Test(false_green, an_expectation_that_says_nothing) {
    expect_outcome("expect(1):is(1) expect(2)", LR_CASE_INVALID, "never judged");
    expect_outcome("expect(1)", LR_CASE_INVALID, "no expectation");
}

Test(false_green, an_expectation_whose_error_is_swallowed) {
    expect_outcome("expect(1):is(1)\npcall(function() expect(1):is(2) end)", LR_CASE_UNEXPECTED,
                   "");
    expect_outcome("expect(1):is(1)\npcall(function() expect(1):iss(2) end)", LR_CASE_INVALID,
                   "never judged");
    expect_outcome(STAGE "expect(1):is(1)\n"
                         "pcall(function() expect(s):released { afterr = 'close' } end)",
                   LR_CASE_INVALID, "never judged");
}

Test(false_green, a_failure_that_is_any_failure) {
    expect_outcome("expect(function() error('x') end):fails()", LR_CASE_UNEXPECTED,
                   "string expected");
    expect_outcome("expect(function() error('x') end):fails('')", LR_CASE_UNEXPECTED, "say which");
    expect_outcome("expect(function() expect(1):is(2) end):fails('expected')", LR_CASE_UNEXPECTED,
                   "");
    expect_outcome("expect(function() w:tvm_client {} end):fails('TVM')", LR_CASE_NOT_RUN, "TVM");
}

Test(false_green, an_actor_that_has_not_come_to_its_expectation) {
    expect_outcome("w:spawn(function() w:pass('10s') expect(1):is(2) end)\nexpect(1):is(1)",
                   LR_CASE_INVALID, "still at work");
    expect_outcome("w:spawn(function() expect(1):is(2) end) w:pass('10ms')\nexpect(1):is(1)",
                   LR_CASE_UNEXPECTED, "");
    expect_outcome("w:spawn(function() expect(1):is(2) end)\nexpect(1):is(1)", LR_CASE_UNEXPECTED,
                   "");
    expect_outcome("w:spawn(function() local x = nil + 1 end)\nexpect(1):is(1)", LR_CASE_UNEXPECTED,
                   "arithmetic");
}

/* One whose client has been killed ends by that; nothing is left to wait for. */
Test(false_green, an_actor_whose_client_is_killed_hears_of_it) {
    expect_outcome("local t = w:tracker() local c = w:client { tracker = t }\n"
                   "local task = w:spawn(function() return pcall(c.request, c, 'nobody') end)\n"
                   "w:pass('50ms') c:kill()\n"
                   "local ok, message = task:join()\n"
                   "expect(ok):is(false) expect(message):contains('client1 has ended')",
                   LR_CASE_AS_EXPECTED, "");
}

Test(false_green, a_fault_on_a_link_that_never_opens) {
    expect_outcome(STAGE "w:fault { on = server, kind = 'rst' } expect(1):is(1)", LR_CASE_INVALID,
                   "never fired");
}

/* The program answers "ok" to its close; the session stays. */
Test(false_green, a_program_that_lies, .timeout = 300) {
    const struct lr_seen_case *seen = lr_rig_run_body(
        &run,
        STAGE "local p = w:program { command = { 'sh', '-c', 'read line; echo ok; read line' } }\n"
              "expect(p:step('close')):is('ok')\n"
              "expect(s):released { after = 'close' }",
        NULL);
    cr_expect_eq(seen->outcome, LR_CASE_UNEXPECTED);
    cr_expect_str_eq(seen->release, "never");
    cr_expect_eq(seen->failed, 1);
}

/* One that says that it is held, of a session that is gone. */
Test(false_green, a_session_that_is_not_held) {
    const struct lr_seen_case *seen = lr_rig_run_body(
        &run, STAGE "s:close() expect(s):released" SOON " expect(s):held { during = '20ms' }",
        NULL);
    cr_expect_eq(seen->outcome, LR_CASE_UNEXPECTED);
    cr_expect_eq(seen->failed, 1);
}

Test(false_green, a_release_before_its_cause) {
    const struct lr_seen_case *seen =
        lr_rig_run_body(&run,
                        STAGE "s:close() expect(s):released" SOON "\n"
                              "c:kill() expect(s):released { after = 'death' }",
                        NULL);
    cr_expect_eq(seen->outcome, LR_CASE_UNEXPECTED, "%s", seen->seen);
    cr_expect_str_eq(seen->release, "early");
    cr_expect_eq(seen->failed, 1);
}

Test(false_green, a_release_without_a_cause) {
    expect_outcome(STAGE "expect(s):released()", LR_CASE_UNEXPECTED, "nothing has been done");
}

/* A role that does not give its memory back shows only when everybody has gone. */
static void *lost;

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names for
 * --wrap. */
enum lr_status __real_lr_server_new(struct lr_server **out, const struct lr_env *env,
                                    const struct lr_server_options *options,
                                    struct lr_error *error);
enum lr_status __wrap_lr_server_new(struct lr_server **out, const struct lr_env *env,
                                    const struct lr_server_options *options,
                                    struct lr_error *error);

enum lr_status __wrap_lr_server_new(struct lr_server **out, const struct lr_env *env,
                                    const struct lr_server_options *options,
                                    struct lr_error *error) {
    if (strcmp(options->key, "leaky") == 0) {
        lost = lr_alloc_bytes(env->alloc, 64);
    }
    return __real_lr_server_new(out, env, options, error);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

Test(false_green, a_role_that_loses_memory) {
    const struct lr_seen_case *seen = lr_rig_run_body(
        &run, "w:server { key = 'leaky', tracker = w:tracker() } expect(1):is(1)", NULL);
    cr_expect_eq(seen->outcome, LR_CASE_UNEXPECTED);
    cr_expect_eq(run.exit_status, 1);
    cr_expect(strstr(seen->findings, "server1 leaves 64 bytes in 1 blocks") != NULL, "%s",
              seen->findings);
    lr_alloc_free(lr_alloc_system(), lost, 64); /* whose it is, when those who count have gone */
}

Test(false_green, an_error_object_that_fights_back) {
    expect_outcome("expect(1):is(1)\n"
                   "error(setmetatable({}, { __tostring = function() error('again') end }))",
                   LR_CASE_UNEXPECTED, "no text");
}

/* Two sessions of one client: each is judged by its own connection. */
Test(false_green, the_release_of_another_session) {
    const struct lr_seen_case *seen =
        lr_rig_run_body(&run,
                        "local t = w:tracker() w:server { key = 'k', tracker = t, sessions = 2 }\n"
                        "local c = w:client { tracker = t }\n"
                        "local one = c:request('k') local two = c:request('k')\n"
                        "one:close()\n"
                        "expect(one):released" SOON "\n"
                        "expect(two):held { during = '20ms' }\n"
                        "two:close() expect(two):released" SOON,
                        NULL);
    cr_expect_eq(seen->outcome, LR_CASE_AS_EXPECTED, "%s: %s, seen %s",
                 lr_case_outcome_name(seen->outcome), seen->reason, seen->seen);
    cr_expect_eq(seen->expectations, 3);
    seen = lr_rig_run_body(
        &run,
        "local t = w:tracker() w:server { key = 'k', tracker = t, sessions = 2 }\n"
        "local c = w:client { tracker = t }\n"
        "local tasks = {}\n"
        "for i = 1, 2 do tasks[i] = w:spawn(function() return c:request('k') end) end\n"
        "local one, two = tasks[1]:join(), tasks[2]:join()\n"
        "one:close()\n"
        "expect(one):released" SOON "\n"
        "expect(two):held { during = '20ms' }",
        NULL);
    cr_expect_eq(seen->outcome, LR_CASE_AS_EXPECTED, "%s: %s, seen %s",
                 lr_case_outcome_name(seen->outcome), seen->reason, seen->seen);
}

/* A recording in which nothing is this side's would be "played to the end" at once. */
Test(false_green, a_recording_with_nothing_to_play) {
    char folder[64];
    lr_rig_make_folder(folder, sizeof folder);
    lr_rig_write(folder, "scenarios/empty.jsonl", "\n");
    lr_rig_write(folder, "scenarios/case.lua",
                 "scenario 't' { run = function(w)\n"
                 "local r = w:recorded { capture = 'empty.jsonl', tracker = w:tracker() }\n"
                 "expect(r):played() end }");
    char path[96];
    (void)snprintf(path, sizeof path, "%s/scenarios/case.lua", folder);
    lr_rig_run_path(&run, path, NULL);
    cr_expect_eq(run.cases[0].outcome, LR_CASE_UNEXPECTED);
    cr_expect(strstr(run.cases[0].reason, "no connection of a client") != NULL, "%s",
              run.cases[0].reason);
    lr_rig_remove_folder(folder);
}

/* A script that looks away from every error looks away from that of memory, too. */
Test(false_green, a_script_that_swallows_want_of_memory) {
    lr_rig_each_failure(&(struct lr_rig_story){
        .body =
            "expect(1):is(1)\n"
            "pcall(function() local t = w:tracker() local v = w:server { key = 'k', tracker = t }\n"
            "local s = w:client { tracker = t }:request('k')\n"
            "pcall(s.call, s, 'rpc.test.addone', 1) pcall(s.close, s) end)"});
    lr_rig_each_failure(
        &(struct lr_rig_story){.body = "expect(1):is(1) pcall(function() expect(1):is(2) end)",
                               .outcome = LR_CASE_UNEXPECTED});
}
