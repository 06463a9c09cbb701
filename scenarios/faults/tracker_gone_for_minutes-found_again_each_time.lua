-- SPDX-License-Identifier: Apache-2.0
-- TVM's server gives its tracker up after a minute; its proxy registers once more, and never a second time.
scenario "however long and however often a tracker is away, its servers are there again within 5 s of its return" {
  from   = "TVM: server.py, proxy.py (docs/history.md, U43, F16)",
  worlds = { "sim" }, -- half an hour of waiting
  limit  = "3000s",
  matrix = { away = { "1s", "20s", "61s", "600s" }, ending = { "kill", "stop", "lose" } },
  run = function(w, case)
    local tracker = w:tracker()
    local port = tracker:port()
    w:server { key = "test", tracker = tracker }
    w:server { key = "many", tracker = tracker, sessions = 3 }
    local client = w:client { tracker = tracker }
    local busy = client:request("many")
    for round = 1, 3 do
      tracker[case.ending](tracker)
      w:pass(case.away)
      if case.ending == "lose" then
        tracker:find()
      else
        tracker = w:tracker { port = port, name = "tracker after loss " .. round }
      end
      expect(tracker):free("test", 1, "5s")
      expect(tracker):free("many", 2, "5s")
      expect(busy:call("rpc.test.addone", round)):is(round + 1)
      local session = client:request("test", { wait = "5s" })
      expect(session:call("rpc.test.addone", round)):is(round + 1)
      session:close()
      expect(session):released { after = "close" }
    end
    busy:close()
    expect(busy):released { after = "close" }
    expect(tracker):free("many", 3)
  end,
}
