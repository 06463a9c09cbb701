-- SPDX-License-Identifier: Apache-2.0
-- The report's five transcripts, step by step, and what an explicit end would have made of each: close() and a
-- scope release at once in every version, whatever still refers to the session.
local leaky = { ["3.7.2"] = true, ["3.7.15"] = true, ["3.8.8"] = true }

scenario "what ends a session decides when: the last reference by version, close() and a scope in all at once" {
  from   = "Trouble with RPC session",
  matrix = {
    python     = { "3.7.1", "3.7.2", "3.7.15", "3.8.8", "3.8.10" },
    discipline = { "last reference", "close", "scope" },
  },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython(case.python) }
    local held = leaky[case.python]

    local r = py:call("check_remote", function(frame)
      frame.t = py:connect_tracker(tracker)
      frame.r = frame.t:request("test")
      expect(frame.r:call("rpc.test.addone", 1)):is(2)
      return frame.r
    end)
    expect(r:refcount()):is(held and 3 or 2)
    expect(tracker):free("test", 0)

    if case.discipline == "close" then
      r:close()
      expect(r):released { after = "close" }
      expect(r):alive() -- the object is there; what it stood for is not
      expect(r:refcount()):is(held and 3 or 2)
    elseif case.discipline == "scope" then
      py:with(r, function(session) expect(session:call("rpc.test.addone", 2)):is(3) end)
      expect(r):released { after = "end of scope" }
      expect(r):alive()
    else
      py:del(r)
      if held then
        expect(r):held { by = py, during = "50ms" }
        expect(py:gc(0) > 0):is(true)
      end
      expect(r):released { after = "last reference" }
      expect(r):gone()
    end
    expect(tracker):free("test", 1)
  end,
}
