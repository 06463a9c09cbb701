-- SPDX-License-Identifier: Apache-2.0
-- `except E as err` unbinds err at the end of the clause: an error that nobody keeps holds nothing.
scenario "an error that is handled and not kept holds no session behind its handler" {
  matrix = { python = { "3.6", "3.7.2", "3.8.8", "3.8.10", "3.13" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython(case.python, { system = "linux" }) }
    local r = py:call("measure", function(frame)
      frame.tracker = py:connect_tracker(tracker)
      frame.remote = frame.tracker:request("test")
      py:try(function()
        py:call("run_on", function(inner)
          inner.remote = frame.remote
          inner.remote:call("rpc.test.except", "no such kernel")
        end)
      end, "err", function(err)
        expect(frame.remote:refcount()):is(3) -- the frame of run_on is there as long as the error
        expect(err:alive()):is(true)
      end)
      expect(frame.remote:refcount()):is(2)
      return frame.remote
    end)
    expect(r:refcount()):is(2)
    py:del(r)
    expect(r):released { after = "last reference" }
    expect(tracker):free("test", 1)
  end,
}
