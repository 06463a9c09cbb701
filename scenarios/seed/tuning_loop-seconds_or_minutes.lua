-- SPDX-License-Identifier: Apache-2.0
-- The report's loop: measurements one after the other through one server, each in a session of its own. Whoever
-- leaves the end to the last reference waits, in a leaky runtime, for the server's timeout each time.
local measurements = 10

-- Seconds until the server can be requested again after the last one.
local function tune(w, tracker, python, ended_by)
  local py = w:client { runtime = cpython(python) }
  local began = w:now()
  local last
  for i = 1, measurements do
    py:call("run_through_rpc", function(frame)
      frame.tracker = py:connect_tracker(tracker)
      frame.remote = frame.tracker:request("test", { timeout = "20s" })
      last = frame.remote
      local function measure() expect(last:call("rpc.test.addone", i)):is(i + 1) end
      if ended_by == "a scope" then py:with(last, measure) else measure() end
      if ended_by == "close()" then last:close() end
    end)
  end
  if last:alive() and not last:closed() then
    expect(last):held_by("uncollected cycle", "frame run_through_rpc", "local remote")
    expect(last):released { after = "timeout" }
  else
    expect(last):released()
  end
  expect(tracker):free("test", 1)
  return (w:now() - began) / 1e9
end

scenario "ten measurements take 200 s where sessions outlive their last reference, and under 1 s where closed" {
  from   = "Trouble with RPC session",
  worlds = { "sim" },
  limit  = "300s",
  matrix = { python = { "3.7.1", "3.7.2", "3.7.15", "3.8.8", "3.8.10" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local by_reference = tune(w, tracker, case.python, "the last reference")
    local by_close = tune(w, tracker, case.python, "close()")
    local by_scope = tune(w, tracker, case.python, "a scope")
    w:tell(string.format("%d measurements in CPython %s: %.3f s ended by the last reference, %.3f s by close(), " ..
                         "%.3f s by a scope", measurements, case.python, by_reference, by_close, by_scope))
    local leaky = case.python == "3.7.2" or case.python == "3.7.15" or case.python == "3.8.8"
    expect(by_reference > 199 and by_reference < 203):is(leaky)
    expect(by_reference < 1):is(not leaky)
    expect(by_close < 1):is(true)
    expect(by_scope < 1):is(true)
  end,
}
