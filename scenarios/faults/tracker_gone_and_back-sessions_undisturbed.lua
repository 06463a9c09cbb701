-- SPDX-License-Identifier: Apache-2.0
scenario "a tracker that goes and comes back, twice, disturbs no session and finds its servers again" {
  run = function(w)
    local tracker = w:tracker()
    local port = tracker:port()
    local busy = w:server { key = "busy", tracker = tracker }
    local idle = w:server { key = "idle", tracker = tracker }
    local client = w:client { tracker = tracker }
    local session = client:request("busy")

    for round = 1, 2 do
      tracker:kill()
      w:pass("300ms")
      expect(session:call("rpc.test.addone", round)):is(round + 1)
      tracker = w:tracker { port = port, name = "tracker after loss " .. round }
      expect(tracker):free("idle", 1, "5s")
      expect(session:call("rpc.test.addone", round)):is(round + 1)
    end
    session:close()
    expect(session):released { after = "close" }
    expect(tracker):free("busy", 1, "5s")
  end,
}
