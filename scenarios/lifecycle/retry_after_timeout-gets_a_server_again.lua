-- SPDX-License-Identifier: Apache-2.0
-- A measurement that ran into its session's timeout is tried again: with the server that was just freed, and
-- without the error of the first try holding anything.
scenario "after a session's timeout the same program gets a session again, and both end" {
  matrix = { python = { "3.8.8", "3.8.10" }, keeps_the_error = { true, false } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython(case.python) }
    local first, second
    py:call("measure_with_retry", function(frame)
      frame.t = py:connect_tracker(tracker)
      frame.remote = frame.t:request("test", { timeout = "200ms" })
      first = frame.remote
      py:try(function()
        w:await(function() return first:closed() end, "1s")
        first:call("rpc.test.addone", 1)
      end, "err", function(err)
        if case.keeps_the_error then frame.last_err = err end
      end)
      expect(first):released { after = "timeout" }
      frame.remote = frame.t:request("test", { timeout = "5s" })
      second = frame.remote
      expect(second:call("rpc.test.addone", 1)):is(2)
    end)
    expect(first):gone()
    if case.python == "3.8.8" or case.keeps_the_error then
      expect(second):held_by("uncollected cycle", "frame measure_with_retry", "local remote")
      expect(second):held { by = py, during = "50ms" }
      py:gc()
    end
    expect(second):released { after = "last reference" }
    expect(tracker):free("test", 1)
  end,
}
