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
