-- SPDX-License-Identifier: Apache-2.0
scenario "when a server dies or stops its client is told, and the tracker offers it no more" {
  matrix = { server = { "killed", "stopped" }, client = { "idle", "in a call" } },
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker, sessions = 2 }
    local client = w:client { tracker = tracker }
    local session = client:request("test")
    expect(tracker):free("test", 1)

    local call
    if case.client == "in a call" then
      local evaluator = session:call("runtime.RPCTimeEvaluator", nil, "rpc.test.addone", 1, 0, 1, 1, 0, 1,
                                     20000, 1, 0, "")
      call = w:spawn(function() return pcall(evaluator, 1) end)
      w:pass("50ms")
    end
    local before = w:now()
    if case.server == "killed" then server:kill() else server:stop() end
    expect(tracker):free("test", 0)
    if call then
      expect((call:join())):is(false)
    else
      w:await(function() return session:closed() end, "1s")
    end
    expect(w:now() - before < 100000000):is(true)
    expect(function() session:call("rpc.test.addone", 1) end):fails("session is closed")
  end,
}
