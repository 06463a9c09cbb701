-- SPDX-License-Identifier: Apache-2.0
-- At a prompt or in a notebook: the last error that nobody caught keeps its frames, until the next one.
scenario "the last uncaught error of an interactive session holds the session it happened with" {
  matrix = {
    ended_by = { "the next error", "del sys.last_..", "close", "scope", "session timeout", "interpreter exit",
                 "process death" },
  },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython("3.12") }
    py:connect_tracker(tracker)
    local r
    expect(function()
      py:call("measure", function(frame)
        frame.remote = py:globals().t:request("test", { timeout = "300ms" })
        r = frame.remote
        frame.remote:call("rpc.test.except", "no such kernel")
      end)
    end):fails("no such kernel")
    expect(r):held_by("module sys", "global last_traceback", "frame measure", "local remote")
    py:gc()
    expect(r):held { by = py, during = "50ms" }

    if case.ended_by == "the next error" then
      expect(function() py:call("typo", function() py:raise("NameError", "meassure") end) end):fails("NameError")
    elseif case.ended_by == "del sys.last_.." then
      local sys = py:module("sys")
      sys.last_type, sys.last_value, sys.last_traceback, sys.last_exc = nil, nil, nil, nil
    elseif case.ended_by == "close" then r:close()
    elseif case.ended_by == "scope" then py:with(r, function() end)
    elseif case.ended_by == "interpreter exit" then py:exit()
    elseif case.ended_by == "process death" then py:kill()
    end
    expect(r):released { after = case.ended_by == "session timeout" and "timeout" or nil }
    expect(tracker):free("test", 1)
  end,
}
