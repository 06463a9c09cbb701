-- SPDX-License-Identifier: Apache-2.0
-- Two objects that know each other, as a runner and its callback do. The longer they live, the rarer the
-- collection that could free them.
scenario "a session in a cycle of the program's own objects waits for the collection of its generation" {
  matrix = { collections_before = { 0, 1, 2 } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython("3.8.10") }
    py:connect_tracker(tracker)
    local r = py:globals().t:request("test")
    local runner = py:object("Runner", { session = r })
    local callback = py:method(runner, "on_done")
    runner:set("callback", callback)
    for generation = 1, case.collections_before do py:gc(generation - 1) end
    py:del(r)
    py:del(callback)
    py:del(runner)
    expect(r):held_by("uncollected cycle, generation " .. case.collections_before, "instance Runner",
                      "attribute session")
    for generation = 0, case.collections_before do
      expect(r):alive()
      py:gc(generation)
    end
    expect(r):released { after = "last reference" }
    expect(tracker):free("test", 1)
  end,
}
