-- SPDX-License-Identifier: Apache-2.0
-- Memory, descriptors, whole reads and writes: what a system may be short of.
scenario "whoever runs out of memory at any allocation of a life says so, and the slot comes back" {
  matrix = { who = { "client", "server", "tracker" } },
  worlds = { "sim" },
  limit = "3600s",
  run = function(w, case)
    local tracker = w:tracker { handshake = "1s", stalled = "1s" }
    local server = w:server { key = "test", tracker = tracker, handshake = "1s", stalled = "1s", unused = "1s" }
    local client = w:client { tracker = tracker, handshake = "1s", stalled = "1s" }
    local party = ({ client = client, server = server, tracker = tracker })[case.who]
    local n = 0
    repeat
      n = n + 1
      local fault = w:fault { on = party, kind = "no_memory", allocation = n }
      local ok, session = pcall(client.request, client, "test", { tries = 1, wait = "2s" })
      if ok then
        pcall(function() session:array(8):write("12345678") end)
        session:close()
      end
      w:pass("2500ms") -- an unused grant is replaced, a lost tracker found again
      expect(tracker):free("test", 1, "6s")
      expect(tracker):pending("test", 0)
      local hit = pcall(function() return fault:undo() end) and n < 8
    until not hit
    expect(n):is(8)
  end,
}

scenario "a party whose allocations fail by chance loses no slot" {
  matrix = { who = { "client", "server", "tracker" } },
  worlds = { "sim" },
  limit = "600s",
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker, unused = "1s" }
    local client = w:client { tracker = tracker }
    local party = ({ client = client, server = server, tracker = tracker })[case.who]
    local fault = w:fault { on = party, kind = "no_memory", chance = { 1, 10 } }
    local served = 0
    for _ = 1, 40 do
      local ok, session = pcall(client.request, client, "test", { tries = 1, wait = "1s" })
      if ok then
        if pcall(session.call, session, "rpc.test.addone", 1) then served = served + 1 end
        session:close()
      end
    end
    expect((fault:fired()) > 3):is(true)
    expect(served > 0):is(true)
    fault:undo()
    expect(tracker):free("test", 1, "10s")
    expect(tracker):pending("test", 0)
    local again = client:request("test", { wait = "5s" })
    expect(again:call("rpc.test.addone", 1)):is(2)
    again:close()
    expect(again):released { after = "close" }
  end,
}

scenario "a service without descriptors lets who comes wait, and serves all when there are some again" {
  matrix = { who = { "server", "tracker" } },
  worlds = { "sim" },
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker }
    local fault = w:fault { on = case.who == "server" and server or tracker, kind = "no_descriptors", lasts = "2s" }
    local client = w:client { tracker = tracker }
    local session = client:request("test", { wait = "5s" })
    expect(w:now() >= 2000000000):is(true)
    expect((fault:fired()) >= 1):is(true)
    expect(session:call("rpc.test.addone", 1)):is(2)
    session:close()
    expect(session):released { after = "close" }
  end,
}

scenario "a client without descriptors is told so, and its grant does not get lost" {
  worlds = { "sim" },
  run = function(w)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker, unused = "1s" }
    local client = w:client { tracker = tracker }
    client:summary() -- it has its link to the tracker
    local fault = w:fault { on = client, kind = "no_descriptors" }
    expect(function() client:request("test", { tries = 1, wait = "1s" }) end):fails("too many open files")
    expect((fault:fired()) >= 1):is(true)
    expect(tracker):free("test", 1, "5s")
    fault:undo()
    local session = client:request("test", { wait = "1s" })
    session:close()
    expect(session):released { after = "close" }
  end,
}

scenario "reads and writes that are short or interrupted change nothing but their number" {
  matrix = {
    kind = { "short_reads", "short_writes", "interrupts" },
    who  = { "client", "server", "tracker" },
    how  = { "each", "by chance" },
  },
  worlds = { "sim" },
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker }
    local client = w:client { tracker = tracker }
    local party = ({ client = client, server = server, tracker = tracker })[case.who]
    local chance = case.how == "by chance" and { 1, 2 } or nil
    local bytes = case.kind ~= "interrupts" and 3 or nil
    local fault = w:fault { on = party, kind = case.kind, chance = chance, bytes = bytes }
    for i = 1, 4 do
      local session = client:request("test", { wait = "1s" })
      local text = ("x"):rep(1000 * i)
      session:upload("file", text)
      expect(session:download("file")):is(text)
      session:close()
      expect(session):released { after = "close" }
    end
    expect((fault:fired()) > 0):is(true)
    expect(tracker):free("test", 1)
  end,
}

scenario "a wall clock that jumps moves no deadline" {
  matrix = { back = { true, false }, who = { "client", "server", "tracker" } },
  worlds = { "sim" },
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker }
    local client = w:client { tracker = tracker }
    local session = client:request("test", { timeout = "10s" })
    local party = ({ client = client, server = server, tracker = tracker })[case.who]
    local before = party:wall_clock()
    w:fault { on = party, kind = "clock_jump", by = 86400, back = case.back, at = "1s" }
    w:pass("2s")
    expect(math.abs(party:wall_clock() - before) > 86000 * 10 ^ 9):is(true)
    expect(session:call("rpc.test.addone", 1)):is(2)
    expect(session):released { after = "timeout", timeout = "10s" }
    expect(tracker):free("test", 1)
  end,
}
