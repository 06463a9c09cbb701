-- SPDX-License-Identifier: Apache-2.0
-- The cache that somebody wrote so that a session is not opened twice.
scenario "a module's registry of sessions holds each until its entry is taken out" {
  matrix = { cause = { "close", "scope", "last reference", "process death", "session timeout" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython("3.8.10") }
    py:connect_tracker(tracker)
    local r = py:globals().t:request("test", { timeout = "300ms" })
    local entries = py:dict { test = r }
    py:module("registry").sessions = entries
    py:del(entries)
    py:del(r)
    expect(r):held_by("module registry", "global sessions", "key test")
    expect(r:call("rpc.test.addone", 1)):is(2) -- held, and good for use

    if case.cause == "close" then r:close()
    elseif case.cause == "scope" then py:with(r, function() end)
    elseif case.cause == "last reference" then py:module("registry").sessions:unset("test")
    elseif case.cause == "process death" then py:kill()
    end
    expect(r):released { after = case.cause == "session timeout" and "timeout" or nil }
    if case.cause == "last reference" then expect(r):gone() end
    expect(tracker):free("test", 1)
  end,
}
