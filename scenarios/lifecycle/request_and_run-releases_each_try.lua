-- SPDX-License-Identifier: Apache-2.0
-- TVM's TrackerSession.request_and_run: request, run, and once more where that failed; `sess` is a local of the
-- loop, so that the failed session lives until the next request has replaced it.
scenario "request_and_run holds the failed try's session until the next one replaces it, or its scope ends it" {
  matrix = { written = { "as TVM does", "with a scope" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker, sessions = 2 }
    local py = w:client { runtime = cpython("3.11") }
    local t = py:connect_tracker(tracker)
    local tries = {}

    local function request_and_run(run)
      return py:call("request_and_run", function(frame)
        for attempt = 1, 2 do
          frame.sess = t:request("test", { timeout = "20s" })
          tries[attempt] = frame.sess
          if attempt == 2 then
            if case.written == "as TVM does" then
              expect(tries[1]):released { after = "last reference" } -- rebound, and gone
            end
          end
          local done = false
          py:try(function()
            if case.written == "with a scope" then py:with(frame.sess, run) else run(frame.sess) end
            done = true
          end, "err", function() end)
          if done then return end
          if case.written == "as TVM does" then
            expect(tries[attempt]):held { by = py, during = "50ms" }
          else
            expect(tries[attempt]):released { after = "end of scope" }
          end
        end
      end)
    end

    local calls = 0
    request_and_run(function(session)
      calls = calls + 1
      if calls == 1 then session:call("rpc.test.except", "the device hung") end
      expect(session:call("rpc.test.addone", 1)):is(2)
    end)
    expect(calls):is(2)
    for _, session in ipairs(tries) do
      expect(session):gone()
      expect(session):released()
    end
    expect(tracker):free("test", 2)
  end,
}
