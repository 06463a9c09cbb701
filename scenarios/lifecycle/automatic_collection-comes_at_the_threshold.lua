-- SPDX-License-Identifier: Apache-2.0
-- Who waits for the collector to end a session waits for as many new objects as its version allows: 700, or 2000 in
-- 3.13.
scenario "a cycle that holds a session goes when the program has made as many objects as its version allows" {
  matrix = { python = { "3.7.2", "3.8.10", "3.12", "3.13" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython(case.python) }
    py:connect_tracker(tracker)
    local r = py:globals().t:request("test")
    local holder = py:object("Pool", { session = r })
    holder:set("self", holder)
    py:gc() -- counts from here; the two that are garbage next are made of what is left
    local young = py:object("Task", { pool = holder })
    young:set("self", young)
    py:del(r)
    py:del(young)
    py:allocate(1000)
    expect(young:alive()):is(case.python == "3.13")
    py:allocate(1200)
    expect(young:alive()):is(false)
    expect(r):held_by("module __main__", "instance Pool", "attribute session")
    py:del(holder) -- grown old: not before the oldest generation's turn
    py:allocate(2200)
    expect(r):held_by("uncollected cycle", "instance Pool", "attribute session")
    py:gc()
    expect(r):released { after = "last reference" }
    expect(tracker):free("test", 1)
  end,
}
