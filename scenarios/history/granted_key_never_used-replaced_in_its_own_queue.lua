-- SPDX-License-Identifier: Apache-2.0
-- Before 0.3 a key granted to a client that died was lost for ever; since 0.11 TVM's proxy puts the new one under a
-- corrupt name, and what it had put before stays when the server has gone.
local function ask(w, name, tracker)
  local link = w:peer { name = name }:open(tracker)
  link:send(string.pack("<i4s4", 0x2f271, '[4, "dev", "", 1]'))
  link:read(4)
  return link
end

scenario "a granted key that nobody uses is replaced under the same key, and works no more" {
  from   = "apache/tvm#1085; TVM: TCPHandler of its proxy (docs/history.md, F15 and F17)",
  matrix = { grants = { 1, 3 }, holder = { "stays", "leaves" } },
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:server { key = "dev", tracker = tracker, unused = "1s" }
    local client = w:client { tracker = tracker }
    local stale
    for i = 1, case.grants do
      local link = ask(w, "holder " .. i, tracker)
      stale = link:answer("8s"):match('"(dev:[%d.]+)"')
      expect(tracker):free("dev", 0)
      if case.holder == "leaves" then link:close() end
      expect(tracker):free("dev", 1, "4s")
    end
    for key in pairs(client:summary()) do expect(key):is("dev") end

    local late = w:peer { name = "late" }:open(server)
    late:send(string.pack("<i4s4", 0xff271, "client:" .. stale))
    expect(late:read(4)):is(string.pack("<i4", 0xff273))
    expect(late:ended("1s")):is("fin")

    local session = client:request("dev", { wait = "2s" })
    session:close()
    expect(session):released { after = "close" }
    server:kill()
    expect(tracker):free("dev", 0, "1s") -- no ghost of any of the keys
  end,
}
