-- SPDX-License-Identifier: Apache-2.0
-- A server that only puts its matchkeys at a tracker that came back is listed nowhere, and TVM's tracker keeps what it
-- has put for ever.
scenario "a server that has lost its tracker says who it is before it puts anything" {
  from   = "apache/tvm#1500; TVM: tracker.py (docs/history.md, F4)",
  matrix = { lost = { "fin", "rst" }, times = { 1, 2 } },
  run = function(w, case)
    local peer = w:peer { name = "restarting", serves = "tracker" }
    local starting = w:spawn(function() return w:server { key = "test", tracker = peer } end)
    local function register()
      local link = peer:accept("10s")
      expect(link:read(4)):is(string.pack("<i4", 0x2f271))
      link:send(string.pack("<i4", 0x2f271))
      expect(link:answer()):contains('[5, {"key": "server:test"')
      link:tell("0")
      expect(link:answer()):contains("[3, ")
      link:tell("0")
      return link
    end
    local link = register()
    expect(starting:join():port() > 0):is(true)
    for _ = 1, case.times do
      if case.lost == "fin" then link:close() else link:reset() end
      link = register()
    end
  end,
}
