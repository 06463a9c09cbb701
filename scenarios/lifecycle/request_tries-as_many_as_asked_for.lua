-- SPDX-License-Identifier: Apache-2.0
-- A server that was granted and cannot be reached is no reason to give up, and none to go on for ever.
scenario "a request is tried as often as it was asked to be, and its wait ends when it is granted" {
  matrix = { tries = { 1, 2, 5 }, server = { "nobody there", "refuses", "leaves", "slow" } },
  run = function(w, case)
    local magic, rpc = string.pack("<i4", 0x2f271), string.pack("<i4", 0xff271)
    local gone = w:peer { name = "gone", serves = "server" }
    if case.server == "nobody there" then gone:kill() end
    local peer = w:peer { name = "tracker", serves = "tracker" }
    local client = w:client { tracker = peer }
    local opening = w:spawn(function()
      return pcall(client.request, client, "test", { tries = case.tries, wait = "300ms" })
    end)
    local asked = 0
    local answering = w:spawn(function()
      local link = peer:accept()
      expect(link:read(4)):is(magic)
      link:send(magic)
      while true do
        local ok, question = pcall(link.answer, link, "2s")
        if not ok then return end
        expect(question):contains('[4, "test"')
        asked = asked + 1
        link:tell(('[0, ["127.0.0.1", %d, "test:0.%d"]]'):format(gone:port(), asked))
      end
    end)
    if case.server == "slow" then
      local link = gone:accept()
      link:read(4)
      link:answer()
      w:pass("500ms") -- longer than the client waits for a grant
      link:send(rpc .. string.pack("<s4", "server:test"))
      link:packet()
      link:send(string.pack("<s8", string.pack("<i4i4i4", 4, 1, 0)))
      local ok, session = opening:join()
      expect(ok):is(true)
      session:close()
      expect(link:packet()):is(string.pack("<i4", 1))
      expect(link:ended()):is("fin")
      expect(asked):is(1)
    else
      for _ = 1, case.server == "nobody there" and 0 or case.tries do
        local link = gone:accept()
        if case.server == "refuses" then
          link:read(4)
          link:answer()
          link:send(string.pack("<i4", 0xff273))
        end
        link:close()
      end
      expect((opening:join())):is(false)
      expect(asked):is(case.tries)
    end
    client:close()
    answering:join()
  end,
}
