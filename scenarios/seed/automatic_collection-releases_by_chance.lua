-- SPDX-License-Identifier: Apache-2.0
-- Why nobody saw it: a program that allocates enough is cleaned up by accident, one that waits is not.
scenario "a program that goes on allocating releases by accident, one with its collector off never does" {
  matrix = { python = { "3.7.2", "3.8.8", "3.10.0" },
             then_it = { "allocates", "waits", "allocates with gc off", "drops what it allocates" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython(case.python) }
    local r = py:call("check_remote", function(frame)
      frame.t = py:connect_tracker(tracker)
      frame.r = frame.t:request("test", { timeout = "300ms" })
      return frame.r
    end)
    py:del(r)
    expect(r):held_by("uncollected cycle", "local r")
    if case.then_it == "allocates with gc off" then py:gc_disable() end
    if case.then_it == "drops what it allocates" then
      for _ = 1, 2000 do py:call("work", function(frame) frame.box = py:list() end) end
    elseif case.then_it ~= "waits" then
      py:allocate(701)
    end
    if case.then_it == "allocates" then
      expect(r):released { after = "last reference" }
    else
      expect(r):held { by = py, during = "50ms" }
      expect(r):released { after = "timeout" } -- the server's patience, not the client
      expect(r):alive()
    end
    expect(tracker):free("test", 1)
  end,
}
