-- SPDX-License-Identifier: Apache-2.0
local function busy(w, session, what)
  if what == "in a call" then
    local evaluator = session:call("runtime.RPCTimeEvaluator", nil, "rpc.test.addone", 1, 0, 1, 1, 0, 1,
                                   20000, 1, 0, "")
    return w:spawn(function() return pcall(evaluator, 1) end), 0
  elseif what == "in an upload" then
    return w:spawn(function() return pcall(session.upload, session, "big", ("x"):rep(6000000)) end), 100000
  elseif what == "in a download" then
    session:upload("big", ("x"):rep(6000000))
    return w:spawn(function() return pcall(session.download, session, "big") end), 0
  end
end

scenario "a client that dies or ends at any step of its session costs neither its server nor anybody else" {
  matrix = {
    ending = { "killed", "stopped", "closed" },
    step   = { "idle", "in a call", "in an upload", "in a download", "holding arrays and functions" },
  },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker, sessions = 2 }
    local other = w:client { tracker = tracker, name = "undisturbed" }
    local others = other:request("test")
    local client = w:client { tracker = tracker }
    local session = client:request("test")
    expect(tracker):free("test", 0)
    local account = w:session(client)
    local work, least = busy(w, session, case.step)
    if case.step == "holding arrays and functions" then
      for i = 1, 20 do session:array(1000 * i) end
      session:get_function("rpc.test.addone")
    end
    if work then
      local before = account:bytes() + least
      w:await(function() return account:bytes() >= before end, "2s")
      if case.step == "in a call" then w:pass("20ms") end
      expect(work:ended()):is(false)
    end
    if case.ending == "killed" then client:kill()
    elseif case.ending == "stopped" then client:stop()
    else client:close() end
    expect(account):released()
    if work then expect((work:join())):is(false) end
    expect(tracker):free("test", 1)
    expect(others:call("rpc.test.addone", 1)):is(2)
    others:close()
    expect(others):released { after = "close" }
    expect(tracker):free("test", 2)
  end,
}

scenario "a client that dies before it has a session leaves no request and no grant behind" {
  matrix = { ending = { "killed", "stopped" }, step = { "waiting", "granted", "in the handshake" } },
  run = function(w, case)
    local tracker = w:tracker()
    local client = w:client { tracker = tracker, name = "dying" }
    local server
    if case.step ~= "waiting" then
      server = w:server { key = "test", tracker = tracker, unused = "1s", handshake = "1s", silence = "1s" }
    end
    local fault
    if case.step == "granted" then
      fault = w:fault { on = server, kind = "black_hole", after = 0 }
    elseif case.step == "in the handshake" then
      fault = w:fault { on = server, kind = "black_hole", side = "from_service", after = 4 }
    end
    local work = w:spawn(function() return pcall(client.request, client, "test") end)
    if fault then expect((fault:fired())):is(1) else expect(tracker):pending("test", 1) end
    client[case.ending == "killed" and "kill" or "stop"](client)
    expect((work:join())):is(false)
    expect(tracker):pending("test", 0)
    if case.step == "waiting" then server = w:server { key = "test", tracker = tracker } end
    expect(tracker):free("test", 1, "5s")
    expect(server:port() > 0):is(true)
  end,
}
