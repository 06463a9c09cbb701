-- SPDX-License-Identifier: Apache-2.0
-- A Shutdown ends a session by itself: one server took it for an error and answered it, one ignores it until the link
-- ends.
scenario "a Shutdown ends its session at once though the client keeps the link, and is answered by FIN alone" {
  from   = "apache/tvm#15788 (Hexagon); TVM: minrpc since apache/tvm#17931 (docs/history.md, F31)",
  matrix = { init = { "before", "left out" }, more = { "nothing", "another packet behind it" } },
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker }
    local peer = w:peer { name = "leaving" }
    local asking = peer:open(tracker)
    asking:send(string.pack("<i4s4", 0x2f271, '[4, "test", "", 1]'))
    asking:read(4)
    local matchkey = asking:answer():match('"(test:[%d.]+)"')
    local link = peer:open(server)
    link:send(string.pack("<i4s4", 0xff271, "client:" .. matchkey))
    expect(link:read(4)):is(string.pack("<i4", 0xff271))
    expect(link:answer()):is("server:test")
    if case.init == "before" then
      link:send(string.pack("<s8", string.pack("<i4s8i4", 2, "0.8.0", 0)))
      expect(string.unpack("<i4", link:packet())):is(4)
    end
    local session = w:session(peer, { waiting = true })
    local behind = case.more == "nothing" and "" or string.pack("<s8", string.pack("<i4i4i4s8", 9, 1, 8, "x"))
    link:send(string.pack("<s8", string.pack("<i4", 1)) .. behind)
    expect(link:ended("1s")):is("fin")
    expect(link:unread()):is(0)
    expect(tracker):free("test", 1, "1s")
    expect(session:shutdown_seen()):is(true)
    link:close()
  end,
}
