-- SPDX-License-Identifier: Apache-2.0
-- The end of each transcript: `del server` and `del tracker` while a session is connected, where the report shows
-- a reset at the tracker, then "Terminating Tracker Server".
scenario "server and tracker that are deleted under a session leave nobody waiting" {
  from   = "Trouble with RPC session",
  matrix = {
    python = { "3.7.1", "3.7.2", "3.7.15", "3.8.8", "3.8.10" },
    ending = { "stop", "kill" },
  },
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython(case.python) }
    local t, r
    py:call("check_remote", function(frame)
      frame.t = py:connect_tracker(tracker)
      frame.r = frame.t:request("test")
      py:globals().t, py:globals().r = frame.t, frame.r
    end)
    t, r = py:globals().t, py:globals().r
    local registered, asked = w:link(server, tracker), w:link(py, tracker)
    local how = case.ending == "kill" and "rst" or "fin"
    expect(tracker):free("test", 0)

    server[case.ending](server)
    w:await(function() return registered:ended() ~= nil end, "100ms")
    expect(registered:ended()):is(how) -- at the tracker
    w:await(function() return r:closed() end, "100ms")
    expect(tracker):free("test", 0, "100ms")
    expect(function() r:call("rpc.test.addone", 1) end):fails("RPCError: session is closed")
    expect(r):alive() -- the program still has its object, of a session that is over

    tracker[case.ending](tracker)
    w:await(function() return asked:ended("from_service") ~= nil end, "100ms")
    expect(asked:ended("from_service")):is(how) -- at the client
    expect(function() t:request("test", { tries = 1, wait = "1s" }) end):fails("RPCError")
    for _, name in ipairs { "last_type", "last_value", "last_traceback" } do py:module("sys")[name] = nil end
    py:del(r)
    py:gc()
    expect(r):gone()
  end,
}
