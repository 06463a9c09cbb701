-- SPDX-License-Identifier: Apache-2.0
-- TVM's tracker grants a server to a client that has gone (TVM_BUGS F3): it is lost for 8 s.
scenario "the request of a waiting client that has gone is withdrawn" {
  matrix = { gone = { "killed", "closed" } },
  run = function(w, case)
    local tracker = w:tracker()
    local waiting = w:client { tracker = tracker, name = "waiting" }
    w:spawn(function() pcall(waiting.request, waiting, "test") end)
    expect(tracker):pending("test", 1)

    if case.gone == "killed" then waiting:kill() else waiting:close() end
    expect(tracker):pending("test", 0)

    w:server { key = "test", tracker = tracker }
    expect(tracker):free("test", 1)
    local client = w:client { tracker = tracker }
    local session = client:request("test", { wait = "2s" })
    session:close()
    expect(session):released()
  end,
}
