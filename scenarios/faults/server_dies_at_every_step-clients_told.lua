-- SPDX-License-Identifier: Apache-2.0
scenario "clients of a server that dies at any step are told at once, and another server is there for them" {
  matrix = {
    ending = { "killed", "stopped" },
    step   = { "idle", "in a call", "in an upload", "in a download", "with a client that waits for it" },
  },
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker }
    local client = w:client { tracker = tracker }
    local session = client:request("test")
    local account = w:session(client)
    local held = session:array(100)
    local work
    if case.step == "in a call" then
      local evaluator = session:call("runtime.RPCTimeEvaluator", nil, "rpc.test.addone", 1, 0, 1, 1, 0, 1,
                                     20000, 1, 0, "")
      work = w:spawn(function() return pcall(evaluator, 1) end)
      w:pass("20ms")
    elseif case.step == "in an upload" then
      local before = account:bytes() + 100000
      work = w:spawn(function() return pcall(session.upload, session, "big", ("x"):rep(6000000)) end)
      w:await(function() return account:bytes() >= before end, "2s")
    elseif case.step == "in a download" then
      local big = session:array(6000000)
      local before = account:bytes("from_service") + 1000
      work = w:spawn(function() return pcall(big.read, big) end)
      w:await(function() return account:bytes("from_service") >= before end, "2s")
    elseif case.step == "with a client that waits for it" then
      local waiting = w:client { tracker = tracker, name = "waiting" }
      work = w:spawn(function() return pcall(waiting.request, waiting, "test", { wait = "5s" }) end)
      expect(tracker):pending("test", 1)
    end
    server[case.ending == "killed" and "kill" or "stop"](server)
    local before = w:now()
    w:await(function() return session:closed() end, "1s")
    expect(w:now() - before < 100000000):is(true)
    expect((pcall(held.free, held))):is(false)
    expect(tracker):free("test", 0)

    w:server { key = "test", tracker = tracker, name = "second" }
    if case.step == "with a client that waits for it" then
      local ok, again = work:join()
      expect(ok):is(true)
      again:close()
      expect(again):released { after = "close" }
    elseif work then
      -- one that stops sends what it had begun to answer
      expect((work:join())):is(case.step == "in a download" and case.ending == "stopped")
    end
    local again = client:request("test", { wait = "1s" })
    expect(again:call("rpc.test.addone", 1)):is(2)
    again:close()
    expect(again):released { after = "close" }
    expect(tracker):free("test", 1)
  end,
}
