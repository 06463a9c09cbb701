-- SPDX-License-Identifier: Apache-2.0
-- A TVM server reads a handshake without a time limit and alone: who connects and is silent blocks all others, while
-- the tracker says that it is free. A proxy keeps such connections for ever.
scenario "clients that connect and say nothing keep a server and a tracker from nobody, and are closed in time" {
  from   = "TVM: server.py, _accept_conn, and the proxy's handlers (docs/history.md, F14b, F18 and F32c)",
  matrix = { said = { "nothing", "half a magic", "the magic", "half a key" }, count = { 1, 30 } },
  run = function(w, case)
    local tracker = w:tracker { handshake = "1s", stalled = "1s" }
    local server = w:server { key = "test", tracker = tracker, handshake = "1s" }
    local data = {
      ["nothing"]      = "",
      ["half a magic"] = string.pack("<i4", 0xff271):sub(1, 2),
      ["the magic"]    = string.pack("<i4", 0xff271),
      ["half a key"]   = string.pack("<i4s4", 0xff271, "client:test:0.123"):sub(1, 15),
    }
    local control = {
      ["nothing"]      = "",
      ["half a magic"] = string.pack("<i4", 0x2f271):sub(1, 2),
      ["the magic"]    = string.pack("<i4", 0x2f271), -- who has said it may be idle for as long as it likes
      ["half a key"]   = string.pack("<i4s4", 0x2f271, "[1]"):sub(1, 9),
    }
    local peer, links = w:peer { name = "silent" }, {}
    for _ = 1, case.count do
      links[#links + 1] = peer:open(server)
      links[#links]:send(data[case.said])
      local link = peer:open(tracker)
      link:send(control[case.said])
      if case.said ~= "the magic" then links[#links + 1] = link end
    end

    local client = w:client { tracker = tracker }
    local before = w:now()
    local session = client:request("test", { wait = "900ms" })
    expect(session:call("rpc.test.addone", 1)):is(2)
    session:close()
    expect(session):released { after = "close" }
    expect(w:now() - before < 900000000):is(true)
    for _, link in ipairs(links) do expect(link:ended("3s") ~= nil):is(true) end
    expect(tracker):free("test", 1)
  end,
}
