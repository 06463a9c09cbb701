-- SPDX-License-Identifier: Apache-2.0
scenario "a session whose link ends by FIN, RST or half a close is released on time, idle, in a call or in an upload" {
  matrix = { kind = { "fin", "rst", "half_close" }, when = { "idle", "in a call", "in an upload" } },
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker }
    local client = w:client { tracker = tracker }
    local session = client:request("test")
    expect(session:call("rpc.test.addone", 1)):is(2)

    local fault
    if case.when == "idle" then
      fault = w:fault { on = session, kind = case.kind }
    elseif case.when == "in a call" then
      local evaluator = session:call("runtime.RPCTimeEvaluator", nil, "rpc.test.addone", 1, 0, 1, 1, 0, 1,
                                     20000, 1, 0, "")
      w:spawn(function() pcall(evaluator, 1) end)
      w:pass("50ms")
      fault = w:fault { on = session, kind = case.kind }
    else
      fault = w:fault { on = session, kind = case.kind, after = 500000 }
      w:spawn(function() pcall(session.upload, session, "big.bin", string.rep("x", 1000000)) end)
    end
    expect(fault:fired()):is(1)
    expect(session):released()
    expect(tracker):free("test", 1)
    w:await(function() return session:closed() end, "1s") -- the client is told, also while it asks for nothing
    expect(function() session:call("rpc.test.addone", 1) end):fails("session is closed")

    local again = client:request("test", { wait = "1s" })
    expect(again:call("rpc.test.strcat", "a", 1)):is("a:1")
    again:close()
    expect(again):released()
  end,
}
