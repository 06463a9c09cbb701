-- SPDX-License-Identifier: Apache-2.0
-- SIGSTOP, a laptop's lid, a debugger: the machine answers for a process that does nothing. Keep-alive sees nothing
-- wrong; what has been begun and does not go on does.
scenario "a frozen process holds what it has, nothing more, and goes on where it was when it thaws" {
  worlds = { "sim" },
  limit  = "600s",
  matrix = {
    frozen = { "client", "server", "tracker" },
    step   = { "idle", "in a call", "in an upload", "in a download", "with a timeout" },
  },
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker }
    w:server { key = "other", tracker = tracker }
    local other = w:client { tracker = tracker, name = "undisturbed" }
    local others = other:request("other")
    local client = w:client { tracker = tracker }
    local session = client:request("test", { timeout = case.step == "with a timeout" and "60s" or nil })
    local account = w:session(client)
    local work
    if case.step == "in a call" then
      local evaluator = session:call("runtime.RPCTimeEvaluator", nil, "rpc.test.addone", 1, 0, 1, 1, 0, 1,
                                     200, 1, 0, "")
      work = w:spawn(function() return pcall(evaluator, 1) end)
      w:pass("100ms")
    elseif case.step == "in an upload" then
      local before = account:bytes() + 100000
      work = w:spawn(function() return pcall(session.upload, session, "big", ("x"):rep(2000000)) end)
      w:await(function() return account:bytes() >= before end, "2s")
    elseif case.step == "in a download" then
      session:upload("big", ("x"):rep(4000000))
      local before = account:bytes("from_service") + 100000
      work = w:spawn(function() return pcall(session.download, session, "big") end)
      w:await(function() return account:bytes("from_service") >= before end, "2s")
    end
    local party = ({ client = client, server = server, tracker = tracker })[case.frozen]
    party:freeze()
    expect(account):held { during = "20s" }

    local gone = false
    if case.frozen == "client" and (case.step == "in an upload" or case.step == "in a download") then
      expect(account):released { after = case.step == "in an upload" and "stalled" or "silence", within = "31s" }
      gone = true
    elseif case.frozen == "client" and case.step == "with a timeout" then
      expect(account):released { after = "timeout" }
      gone = true
    end
    if case.frozen ~= "tracker" then expect(others:call("rpc.test.addone", 1)):is(2) end
    party:thaw()

    if work then
      local ok = work:join()
      expect(ok):is(not gone)
    elseif gone then
      w:await(function() return session:closed() end, "1s")
    end
    if not gone then
      expect(session:call("rpc.test.addone", 1)):is(2)
      session:close()
      expect(account):released { after = "close", requestable = "6s" }
    end
    expect(tracker):free("test", 1, "6s")
    expect(others:call("rpc.test.addone", 1)):is(2)
    local last = client:request("test", { wait = "5s" })
    expect(last:call("rpc.test.addone", 1)):is(2)
    last:close()
    expect(last):released { after = "close" }
  end,
}
