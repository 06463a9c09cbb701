-- SPDX-License-Identifier: Apache-2.0
-- A collection that runs while the exception is being handled finds it alive, and moves it on.
scenario "a cycle that was alive in two collections is freed by that of its generation, and by no younger one" {
  run = function(w)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython("3.8.10") }
    local r = py:call("measure", function(frame)
      frame.t = py:connect_tracker(tracker)
      frame.r = frame.t:request("test")
      py:try(function() py:raise("TimeoutError", "the device is busy") end, "err", function(err)
        frame.last_err = err -- kept in a local: error, traceback and frame are a cycle
        py:gc(0)
        py:gc(1)
      end)
      return frame.r
    end)
    expect(r:refcount()):is(3)
    py:del(r)
    expect(r):held_by("uncollected cycle, generation 2", "frame measure", "local r")
    py:gc(0)
    expect(r):alive()
    py:gc(1)
    expect(r):alive()
    expect(r):held { by = py, during = "50ms" }
    py:gc(2)
    expect(r):released { after = "last reference" }
    expect(tracker):free("test", 1)
  end,
}
