-- SPDX-License-Identifier: Apache-2.0
-- Whoever asks the tracker and loses the link: the request goes with it, and what was granted is free again, at once
-- where it never left, in the time of an unused grant where it did.
scenario "a client's link to the tracker that is cut at any byte leaves no request behind, and loses no server" {
  matrix = {
    kind  = { "fin", "rst", "half_close", "black_hole" },
    place = {
      "connect", "in the magic", "magic", "in the length", "in REQUEST", "REQUEST", "in the magic's answer",
      "the magic's answer", "in the grant's length", "in the grant", "the grant",
    },
  },
  worlds = { "sim" }, -- minutes of waiting, case by case: virtual time
  run = function(w, case)
    local tracker = w:tracker { handshake = "1s", stalled = "1s", silence = "1s" }
    w:server { key = "test", tracker = tracker, unused = "1s" }
    w:server { key = "other", tracker = tracker }
    local other = w:client { tracker = tracker, name = "undisturbed" }
    local others = other:request("other")
    local first = w:client { tracker = tracker, name = "first" }
    local session = first:request("test")
    local link = w:link(first, tracker)
    local asked, told = link:bytes("to_service"), link:bytes("from_service")
    session:close()
    expect(session):released { after = "close" }
    expect(tracker):free("test", 1)

    local places = {
      ["connect"] = { "to_service", 0 }, ["in the magic"] = { "to_service", 3 }, ["magic"] = { "to_service", 4 },
      ["in the length"] = { "to_service", 6 }, ["in REQUEST"] = { "to_service", asked - 2 },
      ["REQUEST"] = { "to_service", asked }, ["in the magic's answer"] = { "from_service", 1 },
      ["the magic's answer"] = { "from_service", 4 }, ["in the grant's length"] = { "from_service", 7 },
      ["in the grant"] = { "from_service", told - 5 }, ["the grant"] = { "from_service", told },
    }
    local side, after = table.unpack(places[case.place])
    local client = w:client { tracker = tracker, name = "cut off", handshake = "1s", stalled = "1s", silence = "1s" }
    local fault = w:fault { on = tracker, kind = case.kind, side = side, after = after }
    local work = w:spawn(function() return pcall(client.request, client, "test", { tries = 1, wait = "3s" }) end)
    expect((fault:fired())):is(1)
    local ok, opened = work:join()
    if ok then
      expect(opened:call("rpc.test.addone", 1)):is(2)
      opened:close()
      expect(opened):released { after = "close" }
    elseif case.kind == "fin" or case.kind == "half_close" then
      -- who has asked and said FIN is answered: nobody sees that grant on a cut link until its server takes it back
      w:pass("4s")
    end
    expect(tracker):pending("test", 0, "2s")
    expect(tracker):free("test", 1, "5s")
    local again = client:request("test", { wait = "3s" }) -- its idle link to the tracker may be a black hole
    expect(again:call("rpc.test.addone", 1)):is(2)
    again:close()
    expect(again):released { after = "close" }
    expect(others:call("rpc.test.addone", 1)):is(2)
  end,
}
