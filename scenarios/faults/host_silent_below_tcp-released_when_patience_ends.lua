-- SPDX-License-Identifier: Apache-2.0
-- In the live world each party is a network namespace here, so that the silence is the system's: what was sent
-- waits for its acknowledgement, probes are not answered, and the kernel has to give up by itself.
-- The end of whoever lost its power is heard by nobody.
local patience = "3s"
local given_up = "6s" -- an answer that comes late, the last probe's second, and the machine's own

local function stage(w)
  w:hosts()
  local tracker = w:tracker { silence = patience }
  local server = w:server { key = "test", tracker = tracker, silence = patience, unused = "1s" }
  local client = w:client { tracker = tracker, silence = patience }
  local undisturbed = w:client { tracker = tracker, name = "undisturbed" }
  return tracker, server, client, undisturbed
end

local function served_again(undisturbed)
  local again = undisturbed:request("test", { wait = "10s" })
  expect(again:call("rpc.test.addone", 1)):is(2)
  again:close()
  expect(again):released { after = "close" }
end

scenario "a client that is lost below TCP is released when patience ends, whatever is under way" {
  matrix = {
    lost = { "off the net", "without power" },
    step = { "idle", "just answered", "in a call", "in an upload" },
  },
  limit = "60s",
  run = function(w, case)
    local tracker, _, client, undisturbed = stage(w)
    local session = client:request("test")
    local account = w:session(client)
    local work
    if case.step == "idle" then
      w:pass("300ms")
    elseif case.step == "just answered" then
      session:call("rpc.test.addone", 1)
    elseif case.step == "in a call" then
      local evaluator = session:call("runtime.RPCTimeEvaluator", nil, "rpc.test.addone", 1, 0, 1, 1, 0, 1,
                                     500, 1, 0, "")
      work = w:spawn(function() return pcall(evaluator, 1) end)
      w:pass("100ms") -- its answer comes when nobody acknowledges it any more
    else
      local before = account:bytes() + 100000
      work = w:spawn(function() return pcall(session.upload, session, "big", ("x"):rep(4000000)) end)
      w:await(function() return account:bytes() >= before end, "2s")
    end
    w:fault { on = client, kind = case.lost == "off the net" and "lose" or "power_off" }
    expect(account):released { after = "silence", within = given_up, requestable = given_up }
    expect(tracker):free("test", 1, "2s")
    served_again(undisturbed)
    client:kill()
    if work then work:join() end
  end,
}

scenario "a server that is lost below TCP is withdrawn, its client is told, and it is found again" {
  limit = "60s",
  run = function(w)
    local tracker, server, client, undisturbed = stage(w)
    local session = client:request("test")
    expect(session:call("rpc.test.addone", 1)):is(2)
    server:lose()
    w:await(function() return session:closed() end, given_up)
    expect(tracker):free("test", 0, given_up)
    server:find()
    expect(tracker):free("test", 1, "10s")
    served_again(undisturbed)
  end,
}

scenario "a server without power is withdrawn, and comes back as another one" {
  limit = "60s",
  run = function(w)
    local tracker, server, _, undisturbed = stage(w)
    expect(tracker):free("test", 1)
    w:fault { on = server, kind = "power_off" }
    expect(tracker):free("test", 0, given_up)
    w:server { key = "test", tracker = tracker, name = "another" }
    served_again(undisturbed)
  end,
}

scenario "a tracker that is lost for long leaves sessions alone, and is found again" {
  limit = "60s",
  run = function(w)
    local tracker, _, client, undisturbed = stage(w)
    local session = client:request("test")
    tracker:lose()
    w:pass("6s")
    expect(session:call("rpc.test.addone", 1)):is(2)
    session:close()
    tracker:find()
    expect(tracker):free("test", 1, "10s")
    served_again(undisturbed)
  end,
}

scenario "a partition that heals within patience costs time, and no session" {
  matrix = { alone = { "client", "server" } },
  limit = "60s",
  run = function(w, case)
    w:hosts()
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker }
    local client = w:client { tracker = tracker }
    local session = client:request("test")
    local fault = w:fault { on = ({ client = client, server = server })[case.alone], kind = "partition",
                            lasts = "1s" }
    local work = w:spawn(function() return session:call("rpc.test.addone", 1) end)
    w:pass("500ms")
    expect(work:ended()):is(false)
    expect(work:join()):is(2)
    expect((fault:fired())):is(1)
    session:close()
    expect(session):released { after = "close" }
  end,
}

scenario "a group that is parted from a client goes on without it" {
  limit = "60s",
  run = function(w)
    local tracker, server, client, undisturbed = stage(w)
    local session = client:request("test")
    local fault = w:fault { on = server, kind = "partition", with = { tracker, undisturbed } }
    expect(session):released { after = "silence", within = given_up, requestable = given_up }
    expect((fault:fired())):is(1)
    served_again(undisturbed)
    fault:undo()
    served_again(client)
  end,
}
