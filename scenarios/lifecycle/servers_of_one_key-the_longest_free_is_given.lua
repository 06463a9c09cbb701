-- SPDX-License-Identifier: Apache-2.0
-- Work goes round: a server that has just come back is the last to be given again.
scenario "of several servers under one key the one that has been free for the longest is given" {
  from   = "docs/protocol.md, T-31",
  run = function(w)
    local tracker = w:tracker()
    local order, names = {}, {}
    for i = 1, 3 do
      names[w:server { key = "test", tracker = tracker }:port()] = "server " .. i
      expect(tracker):free("test", i)
    end
    local client = w:client { tracker = tracker }
    local function next_server()
      local session = client:request("test")
      local port = w:session(client):describe():match("%-> [%d.]+:(%d+)")
      session:close()
      expect(session):released { after = "close" }
      expect(tracker):free("test", 3)
      return names[math.tointeger(port)]
    end
    for i = 1, 6 do order[i] = next_server() end
    expect(table.concat(order, ", ")):is("server 1, server 2, server 3, server 1, server 2, server 3")
  end,
}
