-- SPDX-License-Identifier: Apache-2.0
-- A C++ client's shared_ptr: no collector, and none needed as long as nothing is a cycle.
scenario "a session behind native handles goes with the last of them, and with each other cause at once" {
  matrix = { cause = { "close", "scope", "last reference", "end of its owner", "process death",
                       "session timeout" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local client = w:client { tracker = tracker, runtime = native() }
    local session = client:share(client:request("test", { timeout = "300ms" }))
    local measurer = client:node("measurer")
    measurer:set("session", session)
    measurer:set_weak("cached", session)
    local copy = session:copy()
    expect(session:use_count()):is(3)
    session:reset()
    copy:reset()
    expect(session):held_by("variable measurer", "member session")
    expect(measurer:lock("cached")):is(true)
    expect(session):held { by = client, during = "50ms" }

    if case.cause == "close" then session:close()
    elseif case.cause == "scope" then
      do local scoped <close> = session end
    elseif case.cause == "last reference" then measurer:set("session", nil)
    elseif case.cause == "end of its owner" then measurer:reset()
    elseif case.cause == "process death" then client:kill()
    end
    expect(session):released { after = case.cause == "session timeout" and "timeout" or nil }
    if case.cause == "end of its owner" then
      expect(session):gone()
    elseif case.cause == "last reference" then
      expect(session):gone()
      expect(measurer:lock("cached")):is(false)
    end
    expect(tracker):free("test", 1)
  end,
}
