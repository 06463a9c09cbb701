-- SPDX-License-Identifier: Apache-2.0
scenario "a thread that hangs holds its session although the program has let go of it" {
  matrix = { ended_by = { "its return", "an uncaught error", "close", "scope", "process death", "session timeout" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython("3.10.0", { system = "linux" }) }
    py:connect_tracker(tracker)
    local r = py:globals().t:request("test", { timeout = "300ms" })
    local go_on = false
    local worker = py:thread("worker", function(frame)
      frame.remote = r
      w:await(function() return go_on end, "5s")
      if case.ended_by == "an uncaught error" then py:raise("ValueError", "in a thread: printed, and over") end
    end)
    w:await(function() return r:refcount() == 3 end, "1s")
    py:del(r)
    expect(r):held_by("thread worker", "frame worker", "local remote")

    if case.ended_by == "close" then r:close()
    elseif case.ended_by == "scope" then py:with(r, function() end)
    elseif case.ended_by == "process death" then py:kill()
    elseif case.ended_by == "session timeout" then expect(r):released { after = "timeout" }
    end
    local before = case.ended_by ~= "its return" and case.ended_by ~= "an uncaught error"
    if before then expect(r):released { after = case.ended_by == "session timeout" and "timeout" or nil } end
    go_on = true
    worker:join()
    if not before then expect(r):released { after = "last reference" } end
    expect(tracker):free("test", 1)
  end,
}
