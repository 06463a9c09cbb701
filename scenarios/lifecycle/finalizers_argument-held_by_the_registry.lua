-- SPDX-License-Identifier: Apache-2.0
-- weakref.finalize(task, session.close) keeps the session: of task alone it holds no more than a weak reference.
scenario "the argument of a finalizer is held by the registry until what it waits for has gone" {
  matrix = { cause = { "close", "scope", "last reference", "process death", "session timeout" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython("3.8.10") }
    py:connect_tracker(tracker)
    local r = py:globals().t:request("test", { timeout = "300ms" })
    local task = py:object("Task")
    local finalizer = py:finalize(task, "task is finalized", { argument = r })
    py:del(r)
    expect(r):held_by("module weakref", "finalize._registry", "instance finalizer", "argument")
    expect(r:call("rpc.test.addone", 1)):is(2) -- held, and good for use

    if case.cause == "close" then r:close()
    elseif case.cause == "scope" then py:with(r, function() end)
    elseif case.cause == "last reference" then py:del(task)
    elseif case.cause == "process death" then py:kill()
    end
    expect(r):released { after = case.cause == "session timeout" and "timeout" or nil }
    if case.cause == "last reference" then expect(r):gone() end
    expect(tracker):free("test", 1)
  end,
}

scenario "finalizers that wait for the exit run there, the last made first" {
  matrix = { python = { "3.7.2", "3.8.10", "3.12" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker, sessions = 2 }
    local py = w:client { runtime = cpython(case.python) }
    py:connect_tracker(tracker)
    local one, two = py:globals().t:request("test"), py:globals().t:request("test")
    py:finalize(py:object("Task"), "the first is finalized", { argument = one, atexit = true })
    py:finalize(py:object("Task"), "the second is finalized", { argument = two, atexit = true })
    py:exit()
    expect(one):released()
    expect(two):released()
    expect(table.concat(py:events(), "; ")):contains("the second is finalized")
    expect(table.concat(py:events(), "; ")):contains("second is finalized; the first is finalized")
    expect(tracker):free("test", 2)
  end,
}
