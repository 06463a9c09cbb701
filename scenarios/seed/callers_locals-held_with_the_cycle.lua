-- SPDX-License-Identifier: Apache-2.0
scenario "the cycle holds the locals of every caller, so one connect can hold several sessions" {
  matrix = { python = { "3.7.2", "3.8.8", "3.10.0", "3.8.10", "3.12" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker, sessions = 3 }
    local py = w:client { runtime = cpython(case.python) }
    local leaky = case.python == "3.7.2" or case.python == "3.8.8" or case.python == "3.10.0"
    local first, second, third
    py:call("main", function(frame)
      frame.t = py:connect_tracker(tracker)
      frame.first = frame.t:request("test")
      first = frame.first
      py:gc() -- what the first connect left behind is gone
      py:call("tune", function(inner)
        inner.second = frame.t:request("test")
        second = inner.second
        py:call("check_remote", function(innermost)
          innermost.t = py:connect_tracker(tracker)
          innermost.third = innermost.t:request("test")
          third = innermost.third
        end)
      end)
    end)
    if leaky then
      expect(first):held_by("uncollected cycle", "frame main", "local first")
      expect(second):held_by("uncollected cycle", "frame tune", "local second")
      expect(third):held_by("uncollected cycle", "frame check_remote", "local third")
      expect(tracker):free("test", 0)
      py:gc(0)
    end
    for _, session in ipairs { first, second, third } do
      expect(session):gone()
      expect(session):released { after = "last reference" }
    end
    expect(tracker):free("test", 3)
  end,
}
