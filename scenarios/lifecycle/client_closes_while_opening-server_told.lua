-- SPDX-License-Identifier: Apache-2.0
-- A session that nobody has yet holds a server already.
scenario "a client that is closed while a session is being opened lets its server go, at every step of that" {
  matrix = { step = { "before the magic", "before the key", "before InitServer's answer" },
             ending = { "close", "stop", "kill" } },
  run = function(w, case)
    local peer = w:peer { name = "slow", serves = "server" }
    local client = w:client {}
    local opening = w:spawn(function() return pcall(client.connect, client, peer, { key = "test" }) end)
    local link = peer:accept()
    link:read(4)
    link:answer()
    if case.step ~= "before the magic" then link:send(string.pack("<i4", 0xff271)) end
    if case.step == "before InitServer's answer" then
      link:send(string.pack("<s4", "server:test"))
      expect(string.unpack("<i4", link:packet())):is(2)
    else
      w:pass("1ms")
    end
    client[case.ending](client)
    if case.step == "before InitServer's answer" and case.ending ~= "kill" then
      expect(link:packet()):is(string.pack("<i4", 1)) -- Shutdown
    end
    expect(link:ended("100ms")):is(case.ending == "kill" and "rst" or "fin")
    if case.ending == "close" then expect((opening:join())):is(false) end
  end,
}
