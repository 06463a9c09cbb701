-- SPDX-License-Identifier: Apache-2.0
scenario "a session that a global variable holds ends with each cause, and the variable is not asked" {
  matrix = { cause = { "close", "scope", "last reference", "process death", "interpreter exit", "session timeout" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython("3.12") }
    local t = py:connect_tracker(tracker)
    local r = t:request("test", { timeout = "300ms" })
    expect(r:refcount()):is(2)
    expect(r):held_by("module __main__", "global r")

    if case.cause == "close" then r:close()
    elseif case.cause == "scope" then py:with(r, function() end)
    elseif case.cause == "last reference" then py:del(r)
    elseif case.cause == "process death" then py:kill()
    elseif case.cause == "interpreter exit" then py:exit()
    end
    expect(r):released { after = case.cause == "session timeout" and "timeout" or nil }
    if case.cause == "close" or case.cause == "scope" or case.cause == "session timeout" then
      expect(r):alive()
      expect(function() r:call("rpc.test.addone", 1) end):fails("session is closed")
    end
    expect(tracker):free("test", 1)
  end,
}
