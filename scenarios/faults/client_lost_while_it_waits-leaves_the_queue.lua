-- SPDX-License-Identifier: Apache-2.0
-- The tracker's own keep-alive, 30 s and three probes of 5 s: nothing else tells it that who waits is gone.
scenario "a client whose host is lost while it waits leaves the queue, and the next in it is served first" {
  worlds = { "sim" },
  limit  = "300s",
  run = function(w)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local holder = w:client { tracker = tracker, name = "holder" }
    local held = holder:request("test")
    local lost = w:client { tracker = tracker, name = "lost" }
    local waiting = w:spawn(function() return pcall(lost.request, lost, "test", { wait = "200s", tries = 1 }) end)
    expect(tracker):pending("test", 1)
    lost:lose()
    expect(tracker):pending("test", 0, "46s")
    local next_one = w:client { tracker = tracker, name = "next" }
    local served = w:spawn(function() return next_one:request("test", { wait = "5s" }) end)
    expect(tracker):pending("test", 1)
    held:close()
    expect(held):released { after = "close" }
    local session = served:join()
    expect(session:call("rpc.test.addone", 1)):is(2)
    session:close()
    expect(session):released { after = "close" }
    lost:kill()
    waiting:join()
  end,
}
