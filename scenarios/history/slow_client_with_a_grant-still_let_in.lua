-- SPDX-License-Identifier: Apache-2.0
-- TVM's proxy keeps a stale time of a key's grant, and takes a key back that was granted a moment ago.
local function grant(w, tracker, name)
  local peer = w:peer { name = name }
  local asking = peer:open(tracker)
  asking:send(string.pack("<i4s4", 0x2f271, '[4, "test", "", 1]'))
  asking:read(4)
  return peer, asking:answer("8s"):match('"(test:[%d.]+)"')
end

scenario "a key that was granted is good until its time is over, also when the one before was not used" {
  from   = "TVM: proxy.py, _regenerate_server_keys (docs/history.md, F19)",
  matrix = { before = { "nothing", "an unused grant", "a session" } },
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker, unused = "3s" }
    if case.before == "an unused grant" then
      grant(w, tracker, "first")
      expect(tracker):free("test", 1, "6s")
    elseif case.before == "a session" then
      local client = w:client { tracker = tracker }
      local session = client:request("test")
      session:close()
      expect(session):released { after = "close" }
    end
    local peer, matchkey = grant(w, tracker, "slow")
    w:pass("2800ms")
    local link = peer:open(server)
    link:send(string.pack("<i4s4", 0xff271, "client:" .. matchkey))
    expect(link:read(4)):is(string.pack("<i4", 0xff271))
    link:close()
    expect(tracker):free("test", 1)
  end,
}

scenario "a client that comes just before its grant's time is over keeps its session when that time comes" {
  run = function(w)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker, unused = "3s" }
    local peer, matchkey = grant(w, tracker, "slow")
    w:pass("2800ms")
    local link = peer:open(server)
    link:send(string.pack("<i4s4", 0xff271, "client:" .. matchkey))
    expect(link:read(4)):is(string.pack("<i4", 0xff271))
    expect(link:ended("5s")):is(nil)
    expect(tracker):free("test", 0)
    link:close()
    expect(tracker):free("test", 1)
  end,
}
