-- SPDX-License-Identifier: Apache-2.0
-- The server would offer itself again after its time for an unused grant, 6 s; the tracker knows at once.
scenario "a grant that its client can read no more is on offer again at once, not when its server misses it" {
  matrix = { place = { "REQUEST", "the magic's answer", "in the grant" } },
  worlds = { "sim" },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local first = w:client { tracker = tracker, name = "first" }
    local session = first:request("test")
    local link = w:link(first, tracker)
    local asked, told = link:bytes("to_service"), link:bytes("from_service")
    session:close()
    expect(session):released { after = "close" }
    expect(tracker):free("test", 1)

    local places = {
      ["REQUEST"] = { "to_service", asked }, ["the magic's answer"] = { "from_service", 4 },
      ["in the grant"] = { "from_service", told - 5 },
    }
    local side, after = table.unpack(places[case.place])
    local client = w:client { tracker = tracker, name = "cut off" }
    local fault = w:fault { on = tracker, kind = "rst", side = side, after = after }
    local work = w:spawn(function() return pcall(client.request, client, "test", { tries = 1, wait = "3s" }) end)
    expect((fault:fired())):is(1)
    expect(tracker):free("test", 1, "100ms")
    expect((work:join())):is(false)
  end,
}
