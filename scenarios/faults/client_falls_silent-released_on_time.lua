-- SPDX-License-Identifier: Apache-2.0
-- No FIN and no RST: the client's host is lost. Only the server's own patience ends the session.
scenario "a session whose client falls silent is released when the server's patience ends" {
  matrix = { client = { "idle", "in an upload", "reading no more" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker, silence = case.client == "idle" and "900ms" or nil,
               stalled = "900ms", unread = "900ms" }
    local client = w:client { tracker = tracker }
    local session = client:request("test")
    expect(session:call("rpc.test.addone", 1)):is(2)

    local fault, work
    if case.client == "idle" then
      fault = w:fault { on = session, kind = "black_hole" }
    elseif case.client == "in an upload" then
      fault = w:fault { on = session, kind = "black_hole", after = 500000 }
      work = w:spawn(function() return pcall(session.upload, session, "big.bin", string.rep("x", 1000000)) end)
    else
      session:upload("big.bin", string.rep("x", 16000000))
      fault = w:fault { on = session, kind = "black_hole", side = "from_service", after = 500000 }
      work = w:spawn(function() return pcall(session.download, session, "big.bin") end)
    end
    expect(fault:fired()):is(1)
    expect(session):released { after = case.client == "in an upload" and "stalled" or "silence",
                                within = "1s", requestable = "1s" }
    expect(tracker):free("test", 1)
    client:close()
    if work then expect((work:join())):is(false) end
  end,
}
