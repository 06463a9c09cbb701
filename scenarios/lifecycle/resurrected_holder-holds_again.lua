-- SPDX-License-Identifier: Apache-2.0
-- __del__ runs once: an object that saved itself is not asked again. Where the collector finds holder and session
-- together it runs __del__ of both before it looks again: the session is over, whoever saved its holder.
scenario "a holder whose __del__ brings it back holds its session, unless the collector has ended that before" {
  matrix = { went_by = { "last reference", "collection" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython("3.8.10") }
    py:connect_tracker(tracker)
    local r = py:globals().t:request("test")
    local holder = py:object("Pool", { session = r })
    holder:revives_as("saved")
    py:del(r)
    if case.went_by == "collection" then
      holder:set("self", holder)
      py:del(holder)
      expect(r):held_by("uncollected cycle, generation 0", "instance Pool", "attribute session")
      py:gc()
      expect(r):released { after = "last reference" }
    else
      py:del(holder)
      expect(r:call("rpc.test.addone", 1)):is(2)
      expect(r):held { by = py, during = "50ms" }
    end
    expect(r):held_by("global saved", "instance Pool", "attribute session")

    py:globals().saved = nil
    py:gc()
    expect(r):gone()
    expect(r):released { after = "last reference" }
    expect(tracker):free("test", 1)
  end,
}

-- Until 3.8 one object that its __del__ saved spared everything that was found with it.
scenario "garbage beside an object that saves itself is collected at once from 3.9 on, and a collection later before" {
  matrix = { python = { "3.7.2", "3.8.10", "3.9.5", "3.12" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython(case.python) }
    local saves_all = case.python == "3.7.2" or case.python == "3.8.10"
    py:connect_tracker(tracker)
    local saved = py:object("Pool", {})
    saved:revives_as("saved")
    saved:set("self", saved)
    local other = py:object("Task", {})
    other:set("self", other)
    py:del(saved)
    py:del(other)
    py:gc()
    expect(other:alive()):is(saves_all)
    py:gc()
    expect(other:alive()):is(false)

    local session = py:globals().t:request("test")
    session:close()
    expect(session):released { after = "close" }
    expect(tracker):free("test", 1)
  end,
}

-- At exit its module goes first, and with it the name under which it would save itself: then it goes, too.
scenario "an interpreter that exits ends the session of a holder whose __del__ would bring it back" {
  matrix = { python = { "3.7.2", "3.8.10", "3.12" }, gc = { "on", "off" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython(case.python) }
    if case.gc == "off" then py:gc_disable() end
    py:connect_tracker(tracker)
    local r = py:globals().t:request("test")
    local holder = py:object("Pool", { session = r })
    holder:revives_as("saved")
    holder:set("self", holder)
    py:del(r)
    expect(r):held_by("module __main__", "instance Pool", "attribute session")
    py:exit()
    expect(r):released()
    expect(tracker):free("test", 1)
  end,
}
