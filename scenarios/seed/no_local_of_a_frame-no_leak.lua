-- SPDX-License-Identifier: Apache-2.0
-- What counts is whether a local of a frame on the stack at the time of the exception holds the session when
-- that frame finishes.
scenario "a defective interpreter holds no session that no finished frame has as a local" {
  matrix = { python = { "3.7.2", "3.8.8", "3.9.0", "3.10.0" },
             written = { "return t.request()", "r = None", "another frame", "finally: del r" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython(case.python) }
    local r = py:call("check_remote", function(frame)
      frame.t = py:connect_tracker(tracker)
      if case.written == "return t.request()" then
        return frame.t:request("test")
      elseif case.written == "another frame" then
        return py:call("request_it", function(inner)
          inner.r = frame.t:request("test")
          return inner.r
        end)
      end
      frame.r = frame.t:request("test")
      py:globals().kept = frame.r
      if case.written == "r = None" then frame.r = nil else py:del(frame.r) end
    end)
    r = r or py:globals().kept
    expect(r:refcount()):is(2)
    py:del(r)
    expect(r):released { after = "last reference" }
    expect(tracker):free("test", 1)
  end,
}
