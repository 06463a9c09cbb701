-- SPDX-License-Identifier: Apache-2.0
-- bpo-34536 brought the defect in 3.7.2 and 3.8.0; bpo-42248 took it out in 3.8.10 and 3.9.5; bpo-44559 put it
-- back in 3.10.0. Nothing leaks where the system's getaddrinfo answers the kind of a socket.
local leaky = { ["3.7.2"] = true, ["3.7.15"] = true, ["3.8.8"] = true, ["3.9.0"] = true, ["3.10.0"] = true }

scenario "a version of CPython holds the session exactly where its enum keeps the exception" {
  from   = "Trouble with RPC session",
  matrix = {
    python = { "3.6", "3.7.1", "3.7.2", "3.7.15", "3.8.8", "3.8.10", "3.9.0", "3.9.5", "3.10.0", "3.11", "3.12",
               "3.13" },
    system = { "windows", "linux" },
  },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython(case.python, { system = case.system }) }
    local r = py:call("check_remote", function(frame)
      frame.t = py:connect_tracker(tracker)
      frame.r = frame.t:request("test")
      return frame.r
    end)
    local held = case.system == "windows" and leaky[case.python]
    expect(r:refcount()):is(held and 3 or 2)
    py:del(r)
    if held then
      expect(r):held_by("uncollected cycle, generation 0", "frame __new__", "exception ValueError",
                        "frame getaddrinfo", "local r")
      py:gc(0)
    end
    expect(r):released { after = "last reference" }
    expect(tracker):free("test", 1)
  end,
}
