-- SPDX-License-Identifier: Apache-2.0
-- Before the server has the key nothing tells it whose slot is lost: the grant is unused, and replaced in its time.
-- From then on the slot is back at once.
scenario "a link that is cut at any byte of handshake and InitServer costs no slot, and nobody waits for ever" {
  matrix = {
    kind  = { "fin", "rst", "half_close", "black_hole" },
    side  = { "to_service", "from_service" },
    place = { "connect", "in the magic", "magic", "in the length", "in the key", "key", "in InitServer", "InitServer" },
  },
  worlds = { "sim" }, -- minutes of waiting, case by case: virtual time
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker, handshake = "1s", stalled = "1s", silence = "1s",
                              unused = "2s" }
    w:server { key = "other", tracker = tracker }
    local other = w:client { tracker = tracker, name = "undisturbed" }
    local others = other:request("other")
    local client = w:client { tracker = tracker, handshake = "1s", stalled = "1s", silence = "1s" }
    local measured = client:request("test", { timeout = "20s" })
    local account = w:session(client)
    local whole = { to_service = account:bytes("to_service"), from_service = account:bytes("from_service") }
    measured:close()
    expect(measured):released { after = "close" }

    local init = case.side == "to_service" and 8 + 4 + 8 + 5 + 4 or 8 + 4 + 4 + 4
    local key = whole[case.side] - init
    local places = {
      ["connect"] = 0, ["in the magic"] = 2, ["magic"] = 4, ["in the length"] = 6, ["in the key"] = key - 3,
      ["key"] = key, ["in InitServer"] = key + 9, ["InitServer"] = whole[case.side],
    }
    local fault = w:fault { on = server, kind = case.kind, side = case.side, after = places[case.place] }
    local work = w:spawn(function() return pcall(client.request, client, "test", { tries = 1, timeout = "20s" }) end)
    expect((fault:fired())):is(1)
    local before = w:now()
    local ok, session = work:join()
    expect(w:now() - before < 2500000000):is(true)
    if ok then -- it was opened, and broke behind its opening
      w:await(function() return session:closed() end, "2s")
    end
    local had_key = case.side == "from_service" and case.place ~= "connect" or places[case.place] >= key
    local patience = case.kind == "black_hole" and "2s" or "300ms"
    expect(tracker):free("test", 1, had_key and patience or "5s")
    expect(tracker):pending("test", 0)
    local again = client:request("test", { wait = "1s" })
    expect(again:call("rpc.test.addone", 1)):is(2)
    again:close()
    expect(again):released { after = "close" }
    expect(others:call("rpc.test.addone", 1)):is(2)
  end,
}
