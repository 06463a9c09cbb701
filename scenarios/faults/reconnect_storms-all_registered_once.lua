-- SPDX-License-Identifier: Apache-2.0
scenario "a tracker whose connections all break again and again has every server once, and loses no session" {
  matrix = { times = { 1, 3 } },
  run = function(w, case)
    local tracker = w:tracker()
    for i = 1, 5 do w:server { key = "test", tracker = tracker, name = "server" .. i } end
    local client = w:client { tracker = tracker }
    local sessions = { client:request("test"), client:request("test") }
    local storm = w:fault { on = tracker, kind = "storm", times = case.times, every = "400ms" }
    w:pass("1200ms")
    expect((storm:fired())):is(case.times)
    for _, session in ipairs(sessions) do expect(session:call("rpc.test.addone", 1)):is(2) end
    expect(tracker):free("test", 3, "6s")
    for _, session in ipairs(sessions) do
      session:close()
      expect(session):released { after = "close", requestable = "6s" }
    end
    expect(tracker):free("test", 5, "6s")
  end,
}

scenario "a server whose sessions are all reset at once has all its slots again" {
  run = function(w)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker, sessions = 3 }
    local clients, sessions = {}, {}
    for i = 1, 3 do
      clients[i] = w:client { tracker = tracker }
      sessions[i] = clients[i]:request("test")
    end
    w:fault { on = server, kind = "storm" }
    for _, session in ipairs(sessions) do expect(session):released { after = "rst" } end
    expect(tracker):free("test", 3)
    for i = 1, 3 do
      local again = clients[i]:request("test", { wait = "2s" })
      expect(again:call("rpc.test.addone", i)):is(i + 1)
      again:close()
      expect(again):released { after = "close" }
    end
  end,
}
