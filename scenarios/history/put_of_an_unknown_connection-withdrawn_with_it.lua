-- SPDX-License-Identifier: Apache-2.0
-- TVM's tracker withdraws only what has told its info, and looks for it under the prefix of the matchkey: what is
-- put otherwise is immortal, and the next client is sent to a dead address.
local function open(peer, tracker)
  local link = peer:open(tracker)
  link:send(string.pack("<i4", 0x2f271))
  expect(link:read(4)):is(string.pack("<i4", 0x2f271))
  return link
end

scenario "what a connection has put goes with it, whatever it said of itself and however its matchkey looks" {
  from   = "apache/tvm#1500 and #1085; TVM: TrackerServerHandler.close (docs/history.md, F4 and F5)",
  matrix = {
    put    = { "without info", "a foreign matchkey", "a matchkey without a colon", "without an address" },
    ending = { "close", "reset" },
  },
  run = function(w, case)
    local tracker = w:tracker { stop_key = "stop it" }
    local peer = w:peer { name = "putting" }
    local link = open(peer, tracker)
    local matchkey = "test:0.1"
    if case.put == "a foreign matchkey" then matchkey = "other:0.1" end
    if case.put == "a matchkey without a colon" then matchkey = "anything" end
    if case.put ~= "without info" then
      local addr = case.put == "without an address" and "" or ', "addr": [null, 4711]'
      link:tell('[5, {"key": "server:test"' .. addr .. "}]")
      expect(link:answer()):is("0")
    end
    link:tell(string.format('[3, "test", [4711, "%s"], null]', matchkey))
    expect(link:answer()):is("0")
    link:tell("[7]")
    expect(link:answer()):contains(matchkey)
    expect(tracker):free("test", 1)

    link[case.ending](link)
    expect(tracker):free("test", 0, "1s")
    local asking = open(w:peer { name = "asking" }, tracker)
    asking:tell('[4, "test", "", 1]')
    expect(tracker):pending("test", 1) -- it waits, and is sent to nobody
    expect(asking:unread()):is(0)

    local stopping = open(w:peer { name = "stopping" }, tracker)
    stopping:tell('[2, "stop it"]')
    expect(stopping:answer()):is("0")
    expect(stopping:ended("1s")):is("fin")
    expect(asking:ended("1s")):is("fin")
    local late = w:peer()
    expect(function() late:open(tracker) end):fails("refused")
  end,
}
