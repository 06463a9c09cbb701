-- SPDX-License-Identifier: Apache-2.0
-- The report's first transcript, in five versions: what getrefcount says, and what ends the session.
scenario "a traceback cycle outlives the last visible reference" {
  from   = "Trouble with RPC session",
  matrix = { python = { "3.7.1", "3.7.2", "3.7.15", "3.8.8", "3.8.10" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython(case.python) }

    local r = py:call("check_remote", function(frame)
      frame.t = py:connect_tracker(tracker) -- a ValueError is raised and handled inside
      frame.r = frame.t:request("test")
      return frame.r
    end)
    local leaky = case.python == "3.7.2" or case.python == "3.7.15" or case.python == "3.8.8"

    expect(r:refcount()):is(leaky and 3 or 2)
    py:del(r)
    if leaky then
      expect(r):held_by("traceback", "frame __new__", "frame check_remote", "local r")
      expect(r):held { by = py, during = "50ms" }
      py:gc(0)
    end
    expect(r):gone()
    expect(r):released { within = "100ms" }
    expect(tracker):free("test", 1)
  end,
}
