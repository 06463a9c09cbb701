-- SPDX-License-Identifier: Apache-2.0
-- What `with` is for: however its block is left, the session ends there, whoever still refers to it.
scenario "a with that an error leaves ends its session at once, also where the error is caught by a caller" {
  matrix = {
    python = { "3.8.8", "3.8.10", "3.12" },
    block  = { "with", "with of a frame", "with of a generator" },
    caught = { "by the caller", "by nobody" },
  },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython(case.python) }
    py:connect_tracker(tracker)
    local r
    local function measure(frame)
      frame.remote = py:globals().t:request("test")
      r = frame.remote
      py:globals().kept = r
      if case.block == "with" then
        py:with(r, function() py:raise("ValueError", "no such device") end)
      else
        py:enter_with(r)
        py:raise("ValueError", "no such device")
      end
    end
    local function run()
      if case.block == "with of a generator" then
        py:generator("measurements"):next(measure)
      else
        py:call("measure", measure)
      end
    end
    if case.caught == "by the caller" then
      py:call("tune", function() py:try(run, "err", function() end) end)
    else
      expect(run):fails("ValueError: no such device")
    end
    expect(r):alive()
    expect(r):released { after = "end of scope" }
    expect(function() r:call("rpc.test.addone", 1) end):fails("session is closed")
    expect(tracker):free("test", 1)
  end,
}
