-- SPDX-License-Identifier: Apache-2.0
-- Wherever the link breaks once the server has the key, its slot is offered again at once.
scenario "a link that breaks in the opening of a session costs no server" {
  matrix = {
    kind  = { "fin", "rst", "half_close" },
    point = { "key sent", "in InitServer", "first byte back", "in the server's key", "in the void" },
  },
  run = function(w, case)
    local points = { -- the key of this session is 8 bytes of head and client:test:0. with 16 digits: 38
      ["key sent"]            = { "to_service", 38 },
      ["in InitServer"]       = { "to_service", 50 },
      ["first byte back"]     = { "from_service", 1 },
      ["in the server's key"] = { "from_service", 11 },
      ["in the void"]         = { "from_service", 30 },
    }
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker }
    local client = w:client { tracker = tracker }
    local side, after = table.unpack(points[case.point])
    local fault = w:fault { on = server, kind = case.kind, side = side, after = after }

    local session = client:request("test", { wait = "2s" }) -- the first try is the broken one
    expect(fault:fired()):is(1)
    expect(session:call("rpc.test.addone", 1)):is(2)
    session:close()
    expect(session):released { after = "close" }
    expect(tracker):free("test", 1)
  end,
}

-- Of a handshake that is cut the server knows no key: the grant is unused, and replaced after its 6 s. What is left
-- of a connection that fell silent the audit would find.
scenario "a server whose client never finished its handshake is requestable again after the time of an unused grant" {
  matrix = { kind = { "fin", "rst", "black_hole" }, after = { 3, 20 } },
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker, unused = "2s", handshake = "1s" }
    local client = w:client { tracker = tracker, handshake = "1s" }
    local fault = w:fault { on = server, kind = case.kind, after = case.after }
    local session = client:request("test", { wait = "5s" })
    expect(fault:fired()):is(1)
    session:close()
    expect(session):released { after = "close" }
    expect(tracker):free("test", 1)
  end,
}
