-- SPDX-License-Identifier: Apache-2.0
-- What has been begun must go on: a peer that stops in the middle of a message, and keeps its link, is closed in the
-- time for that, while one that is silent between two messages may be.
scenario "a peer that stops in the middle of a message to the tracker is closed in time, and one behind it is not" {
  matrix = {
    stops = { "in the magic", "behind the magic", "in a length", "behind a length", "in PUT", "in REQUEST",
              "behind REQUEST", "in a second message" },
    keeps = { "silence", "a byte now and then" },
  },
  run = function(w, case)
    local tracker = w:tracker { handshake = "1s", stalled = "1s" }
    w:server { key = "other", tracker = tracker }
    local magic = string.pack("<i4", 0x2f271)
    local request = string.pack("<s4", '[4, "test", "", 1]')
    local put = string.pack("<s4", '[3, "test", [4711, "test:0.1"], null]')
    local said = {
      ["in the magic"]        = magic:sub(1, 3),
      ["behind the magic"]    = magic,
      ["in a length"]         = magic .. request:sub(1, 2),
      ["behind a length"]     = magic .. request:sub(1, 4),
      ["in PUT"]              = magic .. put:sub(1, -4),
      ["in REQUEST"]          = magic .. request:sub(1, -6),
      ["behind REQUEST"]      = magic .. request,
      ["in a second message"] = magic .. request .. put:sub(1, 12),
    }
    local whole = case.stops:find("behind the magic") or case.stops == "behind REQUEST"
    local link = w:peer { name = "stopping" }:open(tracker)
    link:send(said[case.stops])
    local before = w:now()
    if case.keeps == "a byte now and then" and case.stops ~= "in the magic" and
       case.stops ~= "in a length" and not whole then
      for _ = 1, 4 do w:pass("300ms"); link:send(" ") end -- the time is that of the message, from its first byte
      expect(link:ended("50ms") ~= nil):is(true)
    end
    if whole then
      expect(link:ended("2500ms")):is(nil)
      expect(tracker):pending("test", case.stops == "behind REQUEST" and 1 or 0)
      link:close()
    else
      expect(link:ended("3s") ~= nil):is(true)
      expect(w:now() - before < 2100000000):is(true)
    end
    expect(tracker):pending("test", 0)
    expect(tracker):free("test", 0)
    local client = w:client { tracker = tracker }
    local session = client:request("other", { wait = "1s" })
    expect(session:call("rpc.test.addone", 1)):is(2)
    session:close()
    expect(session):released { after = "close" }
  end,
}

scenario "a client that stops in the middle of a packet is released in time, and its slot is offered again" {
  matrix = {
    stops = { "in a length", "behind a length", "in the code", "in InitServer", "in GetFunction", "in a call",
              "in an array's bytes", "in a Shutdown" },
  },
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker, stalled = "1s" }
    local peer = w:peer { name = "stopping" }
    local asking = peer:open(tracker)
    asking:send(string.pack("<i4s4", 0x2f271, '[4, "test", "", 1]'))
    asking:read(4)
    local matchkey = asking:answer():match('"(test:[%d.]+)"')
    local link = peer:open(server)
    local init = string.pack("<s8", string.pack("<i4s8i4", 2, "0.8.0", 0))
    link:send(string.pack("<i4s4", 0xff271, "client:" .. matchkey))
    link:read(4); link:answer()
    local get = string.pack("<s8", string.pack("<i4i4i4s8", 9, 1, 8, "rpc.test.addone"))
    local call = string.pack("<s8", string.pack("<i4I8i4i4i8", 3, 0x1000000, 1, 1, 5))
    local tensor = string.pack("<I8i4i4i4BBI2i8I8", 0x1000000, 1, 0, 1, 1, 8, 1, 1000, 0)
    local copy = string.pack("<I8i4", 4 + #tensor + 8 + 1000, 7) .. tensor .. string.pack("<I8", 1000)
    local alloc = string.pack("<s8", string.pack("<i4i4i4i4i4i4i8i4i8i4I4I4", 13, 4, 6, 1, 0, 1, 1000, 1, 64, 5,
                                                 0x010801, 0))
    if case.stops ~= "in InitServer" then
      link:send(init)
      link:packet()
    end
    local said = {
      ["in a length"]         = get:sub(1, 5),
      ["behind a length"]     = get:sub(1, 8),
      ["in the code"]         = get:sub(1, 10),
      ["in InitServer"]       = init:sub(1, 15),
      ["in GetFunction"]      = get:sub(1, -3),
      ["in a call"]           = call:sub(1, -2),
      ["in an array's bytes"] = copy .. ("x"):rep(500),
      ["in a Shutdown"]       = string.pack("<s8", string.pack("<i4", 1)):sub(1, 11),
    }
    if case.stops == "in an array's bytes" then
      link:send(alloc)
      link:packet()
    end
    local session = w:session(peer, { waiting = true })
    link:send(said[case.stops])
    w:pass("500ms")
    expect(session):held { during = "300ms" }
    expect(link:ended("2s") ~= nil):is(true)
    expect(tracker):free("test", 1, "1s")
    local client = w:client { tracker = tracker }
    local again = client:request("test", { wait = "1s" })
    expect(again:call("rpc.test.addone", 1)):is(2)
    again:close()
    expect(again):released { after = "close" }
  end,
}
