/* SPDX-License-Identifier: Apache-2.0 */
/* A program in the heap model whose memory runs out: wherever that is, the case ends, and nothing
 * is lost. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "scenario/play.h"
#include "support/scenario_rig.h"

enum { RUNS = 600 };

static const char script[] =
    "scenario 'a program of all holders' { run = function(w)\n"
    "  local tracker = w:tracker()\n"
    "  w:server { key = 'k', tracker = tracker, sessions = 3 }\n"
    "  local py = w:client { runtime = cpython('3.8.8') }\n"
    "  local r = py:call('check_remote', function(frame)\n"
    "    frame.t = py:connect_tracker(tracker)\n"
    "    py:globals().t = frame.t\n"
    "    frame.r = frame.t:request('k')\n"
    "    py:try(function() frame.r:call('rpc.test.except', 'x') end, 'err', function() end)\n"
    "    return frame.r\n"
    "  end)\n"
    "  local table = py:dict { test = r }\n"
    "  local method = py:method(py:object('Runner', { table = table }), 'run')\n"
    "  local closure = py:closure('f', { r = r }, { m = method })\n"
    "  local array = r:array(16)\n"
    "  local ref = py:weakref(r, 'gone')\n"
    "  py:finalize(method, 'done', { argument = r })\n"
    "  local g = py:generator('g')\n"
    "  g:next(function(frame) frame.r = py:globals().t:request('k') py:enter_with(frame.r) end)\n"
    "  py:thread('worker', function(frame) frame.r = r w:pass('1ms') end):join()\n"
    "  py:del(r)\n"
    "  expect(r):held_by('RPCSession')\n"
    "  g:finish()\n"
    "  local cpp = w:client { tracker = tracker, runtime = native() }\n"
    "  local shared = cpp:share(cpp:request('k'))\n"
    "  local node = cpp:node('n') node:set('s', shared) node:set('self', node) shared:reset()\n"
    "  expect(shared):held_by('member s')\n"
    "  node:reset()\n"
    "  expect(shared):held_by('cycle')\n"
    "  py:exit()\n"
    "  expect(r):released()\n"
    "end }\n";

static const char in_lua[] =
    "scenario 'a session of Lua' { run = function(w)\n"
    "  local tracker = w:tracker()\n"
    "  w:server { key = 'k', tracker = tracker }\n"
    "  local kept = { w:client { tracker = tracker, runtime = lua() }:request('k') }\n"
    "  expect(kept[1]):held_by('local kept', 'item 1')\n"
    "  kept[1]:close()\n"
    "end }\n";

/* Plays it with the allocation |fail_at| refused (0: none); returns how many were asked for. */
static uint64_t play(const char *path, uint64_t fail_at, enum lr_case_outcome *outcome) {
    struct lr_counting_alloc counting;
    struct lr_case_result result;
    struct lr_error error = {.code = LR_OK};
    bool interrupted = false;
    lr_counting_alloc_init(&counting, lr_alloc_system());
    counting.fail_at = fail_at;
    cr_assert_eq(lr_case_result_init(&result, lr_alloc_system(), "n", "t", path), LR_OK);
    const struct lr_stage_options options = {
        .alloc = &counting.base, .world = "sim", .seed = 1, .result = &result};
    enum lr_status status = lr_play_case(path, 0, 0, &options, &interrupted, &error);
    *outcome = status == LR_OK ? result.outcome : LR_CASE_INVALID;
    cr_assert(fail_at > 0 || status == LR_OK, "%s", error.text);
    cr_assert(fail_at > 0 || result.outcome == LR_CASE_AS_EXPECTED, "%s: %s",
              lr_case_outcome_name(result.outcome), result.reason == NULL ? "" : result.reason);
    cr_assert_eq(counting.live_blocks, 0U, "%zu blocks are lost after the failure of %llu",
                 counting.live_blocks, (unsigned long long)fail_at);
    lr_case_result_deinit(&result);
    return counting.calls;
}

/* How many of the runs were as expected all the same. */
static size_t play_all(const char *text) {
    char folder[64];
    char path[128];
    enum lr_case_outcome outcome;
    size_t as_expected = 0;
    lr_rig_make_folder(folder, sizeof folder);
    lr_rig_write(folder, "case.lua", text);
    (void)snprintf(path, sizeof path, "%s/case.lua", folder);
    uint64_t calls = play(path, 0, &outcome);
    uint64_t step = calls / RUNS + 1;
    for (uint64_t n = 1; n <= calls; n += step) {
        (void)play(path, n, &outcome);
        as_expected += outcome == LR_CASE_AS_EXPECTED;
    }
    lr_rig_remove_folder(folder);
    return as_expected;
}

Test(scenario_holders_memory, nothing_is_lost_wherever_memory_runs_out, .timeout = 600) {
    cr_expect_lt(play_all(script), (size_t)RUNS / 2, "want of memory is no success");
}

/* Lua collects and asks again: of its own allocations most succeed then. */
Test(scenario_holders_memory, a_look_at_luas_objects_loses_nothing_either, .timeout = 600) {
    cr_expect_lt(play_all(in_lua), (size_t)RUNS);
}
