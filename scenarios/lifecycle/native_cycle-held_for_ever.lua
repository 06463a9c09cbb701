-- SPDX-License-Identifier: Apache-2.0
scenario "a cycle of native handles holds its session for ever, unless the session is ended or a handle is weak" {
  matrix = { ended_by = { "nothing", "close", "session timeout", "process death", "a weak handle" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local client = w:client { tracker = tracker, runtime = native() }
    local timeout = case.ended_by == "session timeout" and "300ms" or nil
    local session = client:share(client:request("test", { timeout = timeout }))
    local runner, callback = client:node("runner"), client:node("callback")
    runner:set("session", session)
    runner:set("callback", callback)
    if case.ended_by == "a weak handle" then
      callback:set_weak("owner", runner)
    else
      callback:set("owner", runner)
    end
    session:reset()
    callback:reset()
    expect(session):held_by("variable runner", "member session")
    runner:reset()

    if case.ended_by == "a weak handle" then
      expect(session):gone()
      expect(session):released { after = "last reference" }
    else
      expect(session):held_by("cycle that nothing cuts", "member owner", "member session")
      expect(session):held { by = client, during = "100ms" }
      if case.ended_by == "close" then session:close()
      elseif case.ended_by == "process death" then client:kill()
      end
      if case.ended_by ~= "nothing" then
        expect(session):released { after = case.ended_by == "session timeout" and "timeout" or nil }
      else
        expect(tracker):free("test", 0) -- and stays so until its program ends
        client:kill()
        expect(session):released { after = "death" }
      end
    end
    expect(tracker):free("test", 1)
  end,
}
