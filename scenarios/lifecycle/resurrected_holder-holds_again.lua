-- SPDX-License-Identifier: Apache-2.0
-- __del__ runs once: an object that saved itself is not asked again. Where the collector finds holder and session
-- together it runs __del__ of both before it looks again: the session is over, whoever saved its holder.
scenario "a holder whose __del__ brings it back holds its session, unless the collector has ended that before" {
  matrix = { went_by = { "last reference", "collection" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython("3.8.10") }
    py:connect_tracker(tracker)
    local r = py:globals().t:request("test")
    local holder = py:object("Pool", { session = r })
    holder:revives_as("saved")
    py:del(r)
    if case.went_by == "collection" then
      holder:set("self", holder)
      py:del(holder)
      expect(r):held_by("uncollected cycle, generation 0", "instance Pool", "attribute session")
      py:gc()
      expect(r):released { after = "last reference" }
    else
      py:del(holder)
      expect(r:call("rpc.test.addone", 1)):is(2)
      expect(r):held { by = py, during = "50ms" }
    end
    expect(r):held_by("global saved", "instance Pool", "attribute session")

    py:globals().saved = nil
    py:gc()
    expect(r):gone()
    expect(r):released { after = "last reference" }
    expect(tracker):free("test", 1)
  end,
}
