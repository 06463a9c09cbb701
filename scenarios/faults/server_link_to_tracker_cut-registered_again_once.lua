-- SPDX-License-Identifier: Apache-2.0
scenario "a server whose link to the tracker is cut at any byte of its registering is registered within 5 s, once" {
  matrix = {
    kind  = { "fin", "rst", "half_close", "black_hole" },
    side  = { "to_service", "from_service" },
    place = { "connect", "in the magic", "magic", "in UPDATE_INFO", "UPDATE_INFO", "in PUT", "PUT", "in the question" },
  },
  worlds = { "sim" }, -- minutes of waiting, case by case: virtual time
  run = function(w, case)
    local tracker = w:tracker { handshake = "1s", stalled = "1s", silence = "1s" }
    local before = w:server { key = "before", tracker = tracker }
    local link = w:link(before, tracker)
    local put, told = link:bytes("to_service"), link:bytes("from_service") -- what a whole registering takes
    local client = w:client { tracker = tracker }
    local others = client:request("before")

    local server_magic, info = 4, put // 2
    local places = {
      to_service = {
        ["connect"] = 0, ["in the magic"] = 2, ["magic"] = server_magic, ["in UPDATE_INFO"] = 30,
        ["UPDATE_INFO"] = info, ["in PUT"] = put - 10, ["PUT"] = put - 2, ["in the question"] = put + 5,
      },
      from_service = {
        ["connect"] = 0, ["in the magic"] = 2, ["magic"] = 4, ["in UPDATE_INFO"] = 6, ["UPDATE_INFO"] = 9,
        ["in PUT"] = told - 2, ["PUT"] = told, ["in the question"] = told + 3,
      },
    }
    local fault = w:fault { on = tracker, kind = case.kind, side = case.side, after = places[case.side][case.place] }
    local starting = w:spawn(function()
      local stalled = case.kind == "black_hole" and "1s" or nil -- else it must hear what it is told
      return w:server { key = "test", tracker = tracker, handshake = "1s", stalled = stalled, silence = "1s" }
    end)
    expect((fault:fired())):is(1)
    starting:join()
    expect(tracker):free("test", 1, "6s")
    w:pass("2500ms") -- the dead link's matchkeys have gone, and nothing comes twice
    expect(tracker):free("test", 1)
    local session = client:request("test", { wait = "2s" })
    expect(session:call("rpc.test.addone", 1)):is(2)
    session:close()
    expect(session):released { after = "close" }
    expect(tracker):free("test", 1)
    expect(others:call("rpc.test.addone", 1)):is(2)
  end,
}

scenario "a server that loses its link to the tracker keeps its session, and is requestable when that ends" {
  matrix = {
    kind = { "fin", "rst", "half_close", "black_hole" },
    when = { "in the session", "in the PUT behind it", "behind that PUT", "in its answer" },
  },
  run = function(w, case)
    local tracker = w:tracker { silence = "1s", stalled = "1s" }
    local stalled = case.kind == "black_hole" and "1s" or nil
    local server = w:server { key = "test", tracker = tracker, silence = "1s", stalled = stalled }
    local client = w:client { tracker = tracker }
    local session = client:request("test")
    local link = w:link(server, tracker)
    local sent, told = link:bytes("to_service"), link:bytes("from_service")
    local cuts = {
      ["in the session"]       = { "to_service", 0 },
      ["in the PUT behind it"] = { "to_service", sent + 9 },
      ["behind that PUT"]      = { "to_service", sent + 20 },
      ["in its answer"]        = { "from_service", told + 2 },
    }
    local side, after = table.unpack(cuts[case.when])
    local fault = w:fault { on = link, kind = case.kind, side = side, after = after }
    if case.when == "in the session" then
      expect((fault:fired())):is(1)
      for _ = 1, 5 do
        w:pass("300ms")
        expect(session:call("rpc.test.addone", 1)):is(2)
      end
    end
    session:close()
    expect(session):released { after = "close", requestable = "7s" }
    expect((fault:fired())):is(1)
    expect(tracker):free("test", 1, "7s")
    w:pass("2500ms")
    expect(tracker):free("test", 1)
    local again = client:request("test", { wait = "1s" })
    expect(again:call("rpc.test.addone", 1)):is(2)
    again:close()
    expect(again):released { after = "close" }
  end,
}
