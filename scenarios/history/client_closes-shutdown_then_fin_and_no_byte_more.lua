-- SPDX-License-Identifier: Apache-2.0
-- TVM 0.10 had no way to say the end; when it got one, what was let go of later still wrote to the closed transport.
local function serve(peer)
  local link = peer:accept()
  expect(link:read(4)):is(string.pack("<i4", 0xff271))
  expect(link:answer()):contains("client:test")
  link:send(string.pack("<i4s4", 0xff271, "server:test"))
  expect(string.unpack("<i4", link:packet())):is(2)
  link:send(string.pack("<s8", string.pack("<i4i4i4", 4, 1, 0)))
  return link
end

scenario "a client that closes says Shutdown and FIN, once, and not a byte after it, whatever it still holds" {
  from   = "apache/tvm#12779 and #12960; apache/tvm#13310",
  matrix = { held = { "nothing", "a function", "an array" }, again = { "once", "twice" } },
  run = function(w, case)
    local peer = w:peer { name = "fake server", serves = "server" }
    local client = w:client()
    local opening = w:spawn(function() return client:connect(peer, { key = "test" }) end)
    local link = serve(peer)
    local session = opening:join()

    local held
    if case.held == "a function" then
      local getting = w:spawn(function() return session:get_function("f") end)
      expect(string.unpack("<i4", link:packet())):is(9)
      link:send(string.pack("<s8", string.pack("<i4i4i4I8", 4, 1, 4, 0x1234)))
      held = getting:join()
    elseif case.held == "an array" then
      local getting = w:spawn(function() return session:array(16) end)
      expect(string.unpack("<i4", link:packet())):is(17)
      link:send(string.pack("<s8", string.pack("<i4i4i4I8", 4, 1, 4, 0x5678)))
      held = getting:join()
    end
    session:close()
    if case.again == "twice" then session:close() end
    if held then expect((pcall(held.free, held))):is(false) end
    expect(link:packet()):is(string.pack("<i4", 1))
    expect(link:ended("1s")):is("fin")
    expect(link:unread()):is(0)
    link:finish()
    client:close()
    w:pass("100ms")
    expect(link:unread()):is(0)
  end,
}
