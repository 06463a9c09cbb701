-- SPDX-License-Identifier: Apache-2.0
-- gc: a callback runs when its weak reference outlives what it refers to, and is not itself among the garbage.
scenario "a weak reference is told of a session that the collector frees, unless it is freed with it" {
  matrix = { python = { "3.7.1", "3.8.10", "3.12" }, reference = { "outside", "in the cycle" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython(case.python) }
    py:connect_tracker(tracker)
    local r = py:globals().t:request("test")
    local node = py:object("Runner", { session = r })
    local ref = py:weakref(r, "told")
    node:set("itself", node)
    if case.reference == "in the cycle" then node:set("watch", ref) py:del(ref) end
    py:del(r)
    py:del(node)
    expect(r):held_by("uncollected cycle", "Runner", "session")
    py:gc()
    expect(r):gone()
    expect(r):released { after = "last reference" }
    local told = table.concat(py:events(), "; ")
    expect(told):contains("session 1 released")
    expect(told:find("told") ~= nil):is(case.reference == "outside")
    expect(tracker):free("test", 1)
  end,
}
