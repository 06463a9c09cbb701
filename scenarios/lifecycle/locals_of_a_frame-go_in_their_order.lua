-- SPDX-License-Identifier: Apache-2.0
-- A frame lets go of its locals in the order of their first use, then of its caller.
scenario "sessions that one frame holds end in the order of its locals, before those of its caller" {
  matrix = { python = { "3.7.1", "3.8.10", "3.11", "3.13" }, freed = { "at the return", "with a kept error" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker, sessions = 3 }
    local py = w:client { runtime = cpython(case.python) }
    py:connect_tracker(tracker)
    local sessions = {}
    py:call("tune", function(outer)
      outer.first = py:globals().t:request("test")
      sessions[1] = outer.first
      py:call("measure", function(frame)
        frame.second = py:globals().t:request("test")
        sessions[2] = frame.second
        frame.third = py:globals().t:request("test")
        sessions[3] = frame.third
        if case.freed == "with a kept error" then
          py:try(function() py:raise("ValueError", "kept") end, "err",
                 function(err) py:globals().last_err = err end)
        end
      end)
    end)
    if case.freed == "with a kept error" then
      for i = 1, 3 do expect(sessions[i]):alive() end
      py:globals().last_err = nil
    end
    expect(table.concat(py:events(), "; ")):is(
      "session 2 released: its last reference; session 3 released: its last reference; " ..
      "session 1 released: its last reference")
    for i = 1, 3 do expect(sessions[i]):released { after = "last reference" } end
    expect(tracker):free("test", 3)
  end,
}
