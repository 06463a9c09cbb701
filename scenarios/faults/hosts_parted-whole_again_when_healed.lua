-- SPDX-License-Identifier: Apache-2.0
-- Who is cut off from whom: a short partition costs time, a long one what keep-alive says.
scenario "a partition that heals before anybody's patience ends leaves everything as it was" {
  matrix = { alone = { "client", "server", "tracker" } },
  worlds = { "sim" },
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker }
    local client = w:client { tracker = tracker }
    local session = client:request("test")
    local party = ({ client = client, server = server, tracker = tracker })[case.alone]
    local fault = w:fault { on = party, kind = "partition", lasts = "20s" }
    local work = w:spawn(function() return session:call("rpc.test.addone", 1) end)
    w:pass("10s")
    expect(work:ended()):is(case.alone == "tracker")
    expect(work:join()):is(2)
    expect((fault:fired())):is(1)
    w:pass("20s")
    session:close()
    expect(session):released { after = "close" }
    expect(tracker):free("test", 1, "6s")
  end,
}

scenario "a client that is parted from its server for long is released by keep-alive, and its group goes on" {
  worlds = { "sim" },
  limit = "300s",
  run = function(w)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker }
    local client = w:client { tracker = tracker }
    local near = w:client { tracker = tracker, name = "near" }
    local session = client:request("test")
    local fault = w:fault { on = server, kind = "partition", with = { tracker, near } }
    expect(session):released { after = "silence" }
    expect((fault:fired())):is(1)
    local again = near:request("test", { wait = "2s" })
    expect(again:call("rpc.test.addone", 1)):is(2)
    again:close()
    expect(again):released { after = "close" }
    fault:undo()
    local far = client:request("test", { wait = "5s" })
    expect(far:call("rpc.test.addone", 1)):is(2)
    far:close()
    expect(far):released { after = "close" }
  end,
}

scenario "a client whose power fails says nothing, and is released by keep-alive" {
  worlds = { "sim" },
  limit = "300s",
  run = function(w)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local client = w:client { tracker = tracker }
    client:request("test")
    local session = w:session(client)
    local fault = w:fault { on = client, kind = "power_off", at = "1s" }
    expect(session):held { during = "20s" }
    expect((fault:fired())):is(1)
    expect(session):released { after = "silence" }
    expect(tracker):free("test", 1)
  end,
}

scenario "a client that is off the net for a while keeps its session, and one that stays off loses it" {
  matrix = { lasts = { "20s", "never back" } },
  worlds = { "sim" },
  limit = "300s",
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local client = w:client { tracker = tracker }
    local session = client:request("test")
    local account = w:session(client)
    w:fault { on = client, kind = "lose", lasts = case.lasts ~= "never back" and case.lasts or nil }
    if case.lasts == "never back" then
      expect(account):released { after = "silence" }
      expect(tracker):free("test", 1)
    else
      w:pass("30s")
      expect(session:call("rpc.test.addone", 1)):is(2)
      session:close()
      expect(session):released { after = "close" }
    end
  end,
}
