-- SPDX-License-Identifier: Apache-2.0
scenario "a server or tracker that dies and comes back is there again under its address, and nothing is there twice" {
  matrix = { who = { "server", "tracker" }, ["in"] = { "idle", "a session" } },
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker }
    local client = w:client { tracker = tracker }
    local session = case["in"] == "a session" and client:request("test")
    local port = (case.who == "server" and server or tracker):port()
    local restart = w:fault { on = case.who == "server" and server or tracker, kind = "restart" }
    expect((restart:fired())):is(1)
    if session and case.who == "server" then
      w:await(function() return session:closed() end, "1s")
    elseif session then
      expect(session:call("rpc.test.addone", 1)):is(2)
      session:close()
      expect(session):released { after = "close", requestable = "6s" }
    end
    expect(tracker):free("test", 1, "6s")
    expect((case.who == "server" and server or tracker):port()):is(port)
    local again = client:request("test", { wait = "5s" })
    expect(again:call("rpc.test.addone", 1)):is(2)
    again:close()
    expect(again):released { after = "close" }
    expect(tracker):free("test", 1)
  end,
}
