-- SPDX-License-Identifier: Apache-2.0
-- No FIN, no RST, no cable: the usual patience of keep-alive, 30 s and three probes of 5 s, in virtual time.
scenario "when a host is lost, what it held is given back after 45 s, and its peers have been told by then" {
  worlds = { "sim" },
  limit  = "300s",
  matrix = {
    lost = { "client", "server", "tracker" },
    step = { "idle", "in a call", "in an upload", "while a client waits" },
  },
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker }
    w:server { key = "other", tracker = tracker }
    local undisturbed = w:client { tracker = tracker, name = "undisturbed" }
    local others = undisturbed:request("other")
    local client = w:client { tracker = tracker }
    local session = client:request("test")
    local account = w:session(client)
    local work
    if case.step == "in a call" then
      local evaluator = session:call("runtime.RPCTimeEvaluator", nil, "rpc.test.addone", 1, 0, 1, 1, 0, 1,
                                     10000, 1, 0, "")
      work = w:spawn(function() return pcall(evaluator, 1) end)
      w:pass("100ms")
    elseif case.step == "in an upload" then
      local before = account:bytes() + 100000
      work = w:spawn(function() return pcall(session.upload, session, "big", ("x"):rep(2000000)) end)
      w:await(function() return account:bytes() >= before end, "2s")
    elseif case.step == "while a client waits" then
      work = w:spawn(function() return pcall(client.request, client, "test", { wait = "200s", tries = 1 }) end)
      expect(tracker):pending("test", 1)
    end
    local party = ({ client = client, server = server, tracker = tracker })[case.lost]
    party:lose()
    if case.lost == "client" then
      expect(account):released { after = "silence" }
      expect(tracker):free("test", 1, "46s")
      expect(tracker):pending("test", 0)
      client:kill()
    elseif case.lost == "server" then
      w:await(function() return session:closed() end, "46s")
      expect(tracker):free("test", 0, "46s")
      server:find()
      if case.step == "while a client waits" then
        local ok, again = work:join()
        expect(ok):is(true)
        again:close()
        expect(again):released { after = "close" }
      end
      expect(tracker):free("test", 1, "10s")
    else
      w:pass("50s")
      expect(others:call("rpc.test.addone", 1)):is(2)
      tracker:find()
      client:kill()
      expect(tracker):free("test", 1, "46s")
    end
    if work then work:join() end
    expect(others:call("rpc.test.addone", 1)):is(2)
    local last = undisturbed:request("test", { wait = "10s" })
    expect(last:call("rpc.test.addone", 1)):is(2)
    last:close()
    expect(last):released { after = "close" }
  end,
}
