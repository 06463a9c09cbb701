-- SPDX-License-Identifier: Apache-2.0
-- What a thread holds that was not joined is not released by the interpreter: no Shutdown. The kernel closes.
scenario "a session of a thread that outlives the interpreter's exit ends with the process, and without a Shutdown" {
  run = function(w)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker, sessions = 2 }
    local py = w:client { runtime = cpython("3.8.10") }
    py:connect_tracker(tracker)
    local own, over
    local daemon = py:thread("daemon", function(frame)
      frame.remote = py:globals().t:request("test")
      own = w:session(py)
      w:await(function() return over end, "5s")
    end)
    w:await(function() return own ~= nil end, "2s")
    local of_main = py:globals().t:request("test")
    expect(of_main):held_by("module __main__", "global r")
    py:exit()
    expect(own):released { after = "death" }
    expect(own:shutdown_seen()):is(false)
    expect(of_main):released { after = "last reference" }
    expect(tracker):free("test", 2)
    over = true
    daemon:join()
  end,
}
