-- SPDX-License-Identifier: Apache-2.0
-- However bytes arrive, in pieces, together, late or slowly, they are the same bytes.
scenario "a link that is slow, uneven or stands still for a while costs its session nothing but time" {
  matrix = {
    kind = { "stall", "split", "coalesce", "slow", "bandwidth", "latency", "jitter" },
    side = { "to_service", "from_service" },
  },
  run = function(w, case)
    local tracker = w:tracker { relay = true }
    local server = w:server { key = "test", tracker = tracker, relay = true }
    local client = w:client { tracker = tracker }
    local own = { coalesce = { "every", "20ms" }, slow = { "every", "5ms" }, bandwidth = { "to", 20000 },
                  latency = { "time", "20ms" }, jitter = { "time", "20ms" } }
    local name, value = table.unpack(own[case.kind] or { "nth", 1 })
    local lasts = case.kind == "stall" and "300ms" or nil
    local fault = w:fault { on = server, kind = case.kind, side = case.side, after = 40, lasts = lasts, [name] = value }
    local session = client:request("test")
    local text = ("abcdefgh"):rep(16)
    local array = session:array(#text)
    array:write(text)
    expect(array:read()):is(text)
    expect(session:call("rpc.test.addone", 1)):is(2)
    local fired, byte, at = fault:fired()
    expect(fired):is(1)
    expect(byte):is(40)
    if case.kind == "stall" then expect(w:now() - at >= 300000000):is(true) end
    if case.kind == "slow" then expect(w:now() - at >= 50000000):is(true) end
    fault:undo()
    local before = w:now()
    expect(session:call("rpc.test.addone", 2)):is(3)
    expect(w:now() - before < 300000000):is(true)
    session:close()
    expect(session):released { after = "close", within = "100ms", requestable = "300ms" }
    expect(tracker):free("test", 1)
  end,
}

scenario "a message that slow-loris or a stall never lets end is given up in its time, and its slot comes back" {
  matrix = { kind = { "slow", "stall" }, message = { "hello", "CallFunc" } },
  run = function(w, case)
    local tracker = w:tracker { relay = true }
    local server = w:server { key = "test", tracker = tracker, relay = true, handshake = "500ms", stalled = "500ms",
                              unused = "500ms" }
    local client = w:client { tracker = tracker, handshake = "2s", stalled = "2s", unread = "2s" }
    local every = case.kind == "slow" and "700ms" or nil
    local fault = w:fault { on = server, kind = case.kind, inside = case.message, every = every }
    local ok, session = pcall(client.request, client, "test", { tries = 1, wait = "1s" })
    if ok then expect(pcall(session.call, session, "rpc.test.addone", 1)):is(false) end
    expect((fault:fired())):is(1)
    expect(ok):is(case.message == "CallFunc")
    expect(tracker):free("test", 1, "5s")
    fault:undo()
    local again = client:request("test", { wait = "1s" })
    expect(again:call("rpc.test.addone", 1)):is(2)
    again:close()
    expect(again):released { after = "close" }
  end,
}
