-- SPDX-License-Identifier: Apache-2.0
-- TVM's tracker wants the four bytes of the magic alone in one read: a client that pipelines, or a link that cuts
-- segments, cannot connect. None of it is the client's fault.
scenario "a tracker answers a magic that comes in pieces, or with messages right behind it" {
  from   = "TVM: TCPEventHandler._init_conn, open in its newest version (docs/history.md, F1)",
  matrix = { magic = { "in two pieces", "byte by byte", "with a message", "with a message cut in half" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local peer = w:peer()
    local link = peer:open(tracker)
    local magic = string.pack("<i4", 0x2f271)
    local ping = string.pack("<s4", "[1]")

    if case.magic == "in two pieces" then
      link:send(magic:sub(1, 2)); w:pass("200ms"); link:send(magic:sub(3))
    elseif case.magic == "byte by byte" then
      for i = 1, 4 do link:send(magic:sub(i, i)); w:pass("20ms") end
    elseif case.magic == "with a message" then
      link:send(magic .. ping)
    else
      link:send(magic .. ping:sub(1, 5)); w:pass("100ms"); link:send(ping:sub(6))
    end
    expect(link:read(4)):is(magic)
    if case.magic:find("piece") or case.magic == "byte by byte" then link:send(ping) end
    expect(link:answer()):is("0")
    link:tell('[4, "test", "", 1]')
    expect(link:answer()):contains("test:0.")
    link:close()
    expect(tracker):pending("test", 0)
  end,
}
