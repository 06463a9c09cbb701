-- SPDX-License-Identifier: Apache-2.0
-- A client may ask for many servers over one connection; when that ends, TVM's tracker goes on granting to it.
scenario "all that one connection has asked for is withdrawn with it, and nobody else's" {
  from   = "TVM: tracker.py (docs/history.md, F3)",
  matrix = { ending = { "close", "finish", "reset" }, requests = { 2, 5 } },
  run = function(w, case)
    local tracker = w:tracker()
    local link = w:peer { name = "greedy" }:open(tracker)
    link:send(string.pack("<i4", 0x2f271))
    expect(link:read(4)):is(string.pack("<i4", 0x2f271))
    for i = 1, case.requests do
      link:tell('[4, "' .. (i % 2 == 0 and "even" or "odd") .. '", "", ' .. i .. "]")
    end
    local waiting = w:client { tracker = tracker, name = "waiting" }
    local work = w:spawn(function() return waiting:request("even", { wait = "10s" }) end)
    expect(tracker):pending("odd", (case.requests + 1) // 2)
    expect(tracker):pending("even", case.requests // 2 + 1)

    link[case.ending](link)
    expect(tracker):pending("odd", 0)
    expect(tracker):pending("even", 1)
    w:server { key = "even", tracker = tracker }
    w:server { key = "odd", tracker = tracker }
    local session = work:join()
    expect(session:call("rpc.test.addone", 1)):is(2)
    expect(tracker):free("odd", 1)
    session:close()
    expect(session):released { after = "close" }
    expect(tracker):free("even", 1)
  end,
}
