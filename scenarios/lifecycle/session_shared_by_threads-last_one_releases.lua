-- SPDX-License-Identifier: Apache-2.0
scenario "a session that several threads use goes with the last of them, or at once where one closes it" {
  matrix = { ended_by = { "last thread", "close in a thread", "process death" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython("3.8.10") }
    py:connect_tracker(tracker)
    local r = py:globals().t:request("test")
    local may_end, calls = {}, 0
    local function work(name)
      return py:thread(name, function(frame)
        frame.remote = r
        for i = 1, 5 do
          expect(r:call("rpc.test.addone", i)):is(i + 1)
          calls = calls + 1
        end
        w:await(function() return may_end[name] end, "5s")
        if case.ended_by == "close in a thread" and name == "b" then frame.remote:close() end
      end)
    end
    local threads = { a = work("a"), b = work("b"), c = work("c") }
    w:await(function() return calls == 15 end, "2s")
    expect(r:refcount()):is(5)
    py:del(r)
    expect(r):held_by("frame", "local remote")

    if case.ended_by == "process death" then
      py:kill()
      expect(r):released { after = "death" }
    end
    for _, name in ipairs { "b", "a", "c" } do
      may_end[name] = true
      threads[name]:join()
      if case.ended_by == "close in a thread" then expect(r):released { after = "close" } end
      if case.ended_by == "last thread" and name ~= "c" then expect(r):held { by = py, during = "20ms" } end
    end
    if case.ended_by == "last thread" then expect(r):released { after = "last reference" } end
    expect(tracker):free("test", 1)
  end,
}
