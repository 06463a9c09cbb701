-- SPDX-License-Identifier: Apache-2.0
scenario "of a hundred sessions in one program each ends by its own holder, and none is forgotten" {
  matrix = { python = { "3.8.8", "3.8.10" } },
  run = function(w, case)
    local count = 100
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker, sessions = count }
    local py = w:client { runtime = cpython(case.python) }
    local t = py:connect_tracker(tracker)
    local pool = py:list()
    local sessions = {}
    for i = 1, count do
      py:call("open_one", function(frame)
        frame.remote = t:request("test")
        sessions[i] = frame.remote
        pool:append(frame.remote)
      end)
    end
    expect(tracker):free("test", 0)
    expect(sessions[37]):held_by("global items", "list", "RPCSession")
    for i = count, 51, -1 do
      pool:pop()
      expect(sessions[i]):released { after = "last reference" }
    end
    expect(tracker):free("test", 50)
    expect(sessions[50]:call("rpc.test.addone", 50)):is(51)
    py:with(sessions[50], function() end)
    expect(sessions[50]):released { after = "end of scope" }
    pool:clear()
    for i = 1, 49 do
      expect(sessions[i]):gone()
      expect(sessions[i]):released { after = "last reference" }
    end
    expect(tracker):free("test", count)
  end,
}
