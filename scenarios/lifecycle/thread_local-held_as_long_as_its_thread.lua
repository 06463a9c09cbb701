-- SPDX-License-Identifier: Apache-2.0
scenario "a thread's own session goes with its thread, and no other thread's does" {
  matrix = { ended_by = { "the thread's end", "process death" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker, sessions = 2 }
    local py = w:client { runtime = cpython("3.8.10") }
    py:connect_tracker(tracker)
    local own = py:thread_local()
    local sessions, done = {}, false
    local function work(name)
      return py:thread(name, function()
        own:set("session", py:globals().t:request("test"))
        sessions[name] = own:get("session")
        w:await(function() return done == name end, "10s")
      end)
    end
    local first, second = work("first"), work("second")
    w:await(function() return sessions.first and sessions.second end, "2s")
    expect(sessions.first == sessions.second):is(false)
    expect(sessions.first):held_by("threading.local", "attribute session")
    expect(sessions.first):held { by = py, during = "50ms" }

    if case.ended_by == "process death" then
      py:kill()
      expect(sessions.first):released { after = "death" }
      done = "first"
      first:join()
    else
      done = "first"
      first:join()
      expect(sessions.first):released { after = "last reference" }
      expect(sessions.second):alive()
      expect(tracker):free("test", 1)
    end
    done = "second"
    second:join()
    expect(sessions.second):released()
    expect(tracker):free("test", 2)
  end,
}
