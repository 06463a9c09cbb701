-- SPDX-License-Identifier: Apache-2.0
-- The rewrite of the arrays freed a returned one by the address of its data: the server crashed at the end.
scenario "an array that a call returned is freed by its handle and not by its data, exactly once" {
  from   = "apache/tvm#18923 and #19410",
  matrix = { freed = { "by the script", "never" } },
  run = function(w, case)
    local peer = w:peer { name = "fake server", serves = "server" }
    local client = w:client()
    local opening = w:spawn(function() return client:connect(peer, { key = "test" }) end)
    local link = peer:accept()
    link:read(4); link:answer()
    link:send(string.pack("<i4s4", 0xff271, "server:test"))
    link:packet()
    link:send(string.pack("<s8", string.pack("<i4i4i4", 4, 1, 0)))
    local session = opening:join()

    local calling = w:spawn(function()
      local array = session:call("gives.an_array")
      if case.freed ~= "never" then array:free() end
      return array
    end)
    expect(string.unpack("<i4", link:packet())):is(9)
    link:send(string.pack("<s8", string.pack("<i4i4i4I8", 4, 1, 4, 0x77)))
    expect(string.unpack("<i4", link:packet())):is(3)
    local tensor = string.pack("<I8i4i4i4BBI2i8I8", 0xaaaa, 1, 0, 1, 2, 32, 1, 4, 0)
    link:send(string.pack("<s8", string.pack("<i4i4i4i8i4", 4, 3, 1, 70, 7) .. tensor
                                 .. string.pack("<i4I8", 4, 0xbbbb)))
    local freed = {}
    local void = string.pack("<s8", string.pack("<i4i4i4", 4, 1, 0))
    for _ = 1, case.freed == "never" and 1 or 2 do
      local packet = link:packet("2s")
      expect(string.unpack("<i4", packet)):is(10)
      freed[#freed + 1] = string.unpack("<I8", packet, #packet - 7)
      link:send(void)
    end
    expect(freed[1]):is(0x77) -- the function that was called
    if freed[2] then expect(freed[2]):is(0xbbbb) end
    calling:join()
    session:close()
    expect(link:packet()):is(string.pack("<i4", 1))
    expect(link:ended("1s")):is("fin")
    expect(link:unread()):is(0)
    link:close()
  end,
}
