-- SPDX-License-Identifier: Apache-2.0
-- TVM's request() keeps the error of a failed try in a local: in every version of Python, to this day.
scenario "an error that a function keeps in a local holds all its locals until a collection" {
  matrix = {
    python = { "3.8.10", "3.12", "3.13" },
    cause  = { "gc.collect(0)", "automatic collection", "close", "scope", "process death", "session timeout" },
  },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython(case.python) }
    local r = py:call("request_with_retries", function(frame)
      frame.tracker = py:connect_tracker(tracker)
      py:try(function() py:raise("RuntimeError", "no server is free") end, "err", function(err)
        frame.last_err = err
      end)
      frame.sess = frame.tracker:request("test", { timeout = "300ms" })
      return frame.sess
    end)
    expect(r:refcount()):is(3)
    py:del(r)
    expect(r):held_by("uncollected cycle", "frame request_with_retries", "local sess")

    if case.cause == "gc.collect(0)" then py:gc(0)
    elseif case.cause == "automatic collection" then py:allocate(2001)
    elseif case.cause == "close" then r:close()
    elseif case.cause == "scope" then py:with(r, function() end)
    elseif case.cause == "process death" then py:kill()
    end
    expect(r):released { after = case.cause == "session timeout" and "timeout" or nil }
    expect(tracker):free("test", 1)
  end,
}
