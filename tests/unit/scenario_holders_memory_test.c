/* SPDX-License-Identifier: Apache-2.0 */
/* A program in the heap model whose memory runs out: wherever that is, the case ends, and nothing
 * is lost. */
#include <criterion/criterion.h>

#include "support/scenario_rig.h"

static const char story[] =
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
    "  expect(r):released()\n";

Test(scenario_holders_memory, nothing_is_lost_wherever_memory_runs_out, .timeout = 600) {
    lr_rig_each_failure(&(struct lr_rig_story){.body = story});
}
