-- SPDX-License-Identifier: Apache-2.0
scenario "a weak reference holds no session, and hears of its end" {
  run = function(w)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython("3.8.10") }
    py:connect_tracker(tracker)
    local r = py:globals().t:request("test")
    local ref = py:weakref(r, "the weak reference was told")
    expect(r:refcount()):is(2)
    expect(ref:target() == r):is(true)
    py:del(r)
    expect(r):released { after = "last reference" }
    expect(ref:target()):is(nil)
    expect(table.concat(py:events(), "; ")):is("session 1 released: its last reference; the weak reference was told")
    expect(tracker):free("test", 1)
  end,
}

-- The order of CPython's: of several to one object the last made is told first.
scenario "weak references to one session hear of its end, the last made first" {
  matrix = { python = { "3.7.2", "3.8.10", "3.12" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython(case.python) }
    py:connect_tracker(tracker)
    local r = py:globals().t:request("test")
    local refs = py:list(py:weakref(r, "first"), py:weakref(r, "second"))
    expect(refs:alive()):is(true)
    py:del(r)
    expect(r):released { after = "last reference" }
    expect(table.concat(py:events(), "; ")):contains("second; first")
    expect(tracker):free("test", 1)
  end,
}

scenario "a weak reference to what the collector finds is told before anything in it is finalized" {
  matrix = { python = { "3.7.2", "3.8.10", "3.12" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython(case.python) }
    py:connect_tracker(tracker)
    local r = py:globals().t:request("test")
    local holder = py:object("Pool", { session = r })
    local ref = py:weakref(holder, "the holder is garbage")
    holder:set("self", holder)
    py:del(r)
    py:del(holder)
    py:gc()
    expect(r):released { after = "last reference" }
    expect(ref:target()):is(nil)
    expect(py:events()[1]):is("the holder is garbage")
    expect(tracker):free("test", 1)
  end,
}
