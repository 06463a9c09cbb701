-- SPDX-License-Identifier: Apache-2.0
-- atexit handlers first, then what the modules hold; a collector that is off is on once more.
scenario "an interpreter that exits releases what globals and cycles hold, behind its atexit handlers" {
  matrix = { python = { "3.7.2", "3.8.8", "3.8.10", "3.12" }, gc = { "on", "off" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker, sessions = 3 }
    local py = w:client { runtime = cpython(case.python) }
    if case.gc == "off" then py:gc_disable() end
    local in_cycle = py:call("check_remote", function(frame)
      frame.t = py:connect_tracker(tracker)
      py:globals().t = frame.t
      frame.r = frame.t:request("test")
      frame.r:get_function("rpc.test.addone")
      return frame.r
    end)
    local kept = py:globals().t:request("test")
    local last = py:globals().t:request("test")
    py:atexit("the atexit handler ran", last)
    py:del(last)
    py:del(in_cycle)
    expect(kept):held_by("module __main__")
    py:exit()
    for _, session in ipairs { in_cycle, kept, last } do expect(session):released() end
    local events = py:events()
    expect(#events):is(4) -- the interpreter itself let go of each, and not the end of its process
    if case.python == "3.8.10" or case.python == "3.12" then
      table.remove(events, 1) -- where nothing leaks, del has released the first already
    end
    expect(events[1]):is("the atexit handler ran")
    expect(tracker):free("test", 3)
  end,
}
