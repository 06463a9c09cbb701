-- SPDX-License-Identifier: Apache-2.0
-- The session hangs off the cycle, it is no part of it: the cycle is garbage from the handler's end on.
local leaky = { "3.7.2", "3.7.15", "3.8.8", "3.9.0", "3.10.0" }

scenario "a collection before the last reference goes brings the count back, and the last reference releases" {
  matrix = { python = leaky, collected = { "in the function", "behind it" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython(case.python) }
    local r = py:call("check_remote", function(frame)
      frame.t = py:connect_tracker(tracker)
      frame.r = frame.t:request("test")
      if case.collected == "in the function" then py:gc(0) end
      return frame.r
    end)
    if case.collected == "behind it" then
      expect(r:refcount()):is(3)
      py:gc(0)
    end
    expect(r:refcount()):is(2)
    expect(r):held_by("module __main__", "global r")
    py:del(r)
    expect(r):released { after = "last reference" }
    expect(tracker):free("test", 1)
  end,
}
