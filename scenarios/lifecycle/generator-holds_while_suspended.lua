-- SPDX-License-Identifier: Apache-2.0
scenario "a generator that is suspended inside a with holds its session until it is closed or dropped" {
  matrix = { cause = { "generator closed", "generator dropped", "close", "process death", "session timeout" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython("3.8.10") }
    py:connect_tracker(tracker)
    local r
    local g = py:generator("measurements")
    g:next(function(frame)
      frame.remote = py:globals().t:request("test", { timeout = "300ms" })
      r = frame.remote
      py:enter_with(r)
      expect(r:call("rpc.test.addone", 1)):is(2)
    end)
    expect(r):held_by("module __main__", "generator measurements", "frame measurements")
    g:next(function() expect(r:call("rpc.test.addone", 2)):is(3) end)

    if case.cause == "generator closed" then g:finish() -- GeneratorExit runs the with's end
    elseif case.cause == "generator dropped" then py:del(g)
    elseif case.cause == "close" then r:close()
    elseif case.cause == "process death" then py:kill()
    end
    expect(r):released { after = case.cause == "session timeout" and "timeout" or nil }
    if case.cause == "generator closed" or case.cause == "generator dropped" then expect(r):gone() end
    expect(tracker):free("test", 1)
  end,
}

scenario "a generator that is dropped inside a with ends its session, though others hold it" {
  matrix = { python = { "3.7.2", "3.8.10", "3.12" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython(case.python) }
    py:connect_tracker(tracker)
    local r = py:globals().t:request("test")
    local g = py:generator("measurements")
    g:next(function() py:enter_with(r) end)
    expect(r:call("rpc.test.addone", 1)):is(2)
    py:del(g)
    expect(r):released()
    expect(r):alive()
    expect(tracker):free("test", 1)
  end,
}
