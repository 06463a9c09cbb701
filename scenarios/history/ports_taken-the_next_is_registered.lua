-- SPDX-License-Identifier: Apache-2.0
-- A server that had to take a later port of its range told the tracker the first one, and clients came to another
-- server; one failed instead of trying the next; where the system let two have one port, either was reached.
scenario "a server whose port is taken listens on the next one, and the tracker sends clients to that" {
  from   = "apache/tvm#9642, #15292, #15188, #13207, #13172 and #13244",
  matrix = { taken = { 1, 3 } },
  run = function(w, case)
    local tracker = w:tracker()
    local first = w:server { key = "test", tracker = tracker }
    local servers = { first }
    for i = 1, case.taken do
      servers[#servers + 1] = w:server { key = "test-" .. i, tracker = tracker, port = first:port(), ports = 40 }
      for j = 1, i do expect(servers[j]:port() ~= servers[i + 1]:port()):is(true) end
      expect(servers[i + 1]:port() > first:port()):is(true)
    end
    local client = w:client { tracker = tracker }
    for i = 1, case.taken do
      local session = client:request("test-" .. i)
      session:upload("who", "server " .. i)
      expect(w:link(client, servers[i + 1]):open()):is(true)
      session:close()
      expect(session):released { after = "close" }
      expect(tracker):free("test-" .. i, 1)
    end
    expect(tracker):free("test", 1)
  end,
}
