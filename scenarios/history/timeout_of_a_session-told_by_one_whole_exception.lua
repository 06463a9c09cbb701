-- SPDX-License-Identifier: Apache-2.0
-- TVM up to 0.12 just ended the link; since then the parent writes an exception into a socket that the child may be
-- writing to, and may wait for ever for a client that does not read.
scenario "a session's timeout is told to its client by one whole exception, whatever the client is doing" {
  from   = "apache/tvm#15151 and #15187 (docs/history.md, U10 and F13)",
  matrix = { client = { "idle", "in a call", "reading a download", "not reading", "half closed", "sending" } },
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker }
    local peer = w:peer { name = "by hand" }
    local asking = peer:open(tracker)
    asking:send(string.pack("<i4s4", 0x2f271, '[4, "test", "", 1]'))
    asking:read(4)
    local matchkey = asking:answer():match('"(test:[%d.]+)"')
    local link = peer:open(server)
    link:send(string.pack("<i4s4", 0xff271, "client:" .. matchkey .. " -timeout=1"))
    link:read(4); link:answer()
    link:send(string.pack("<s8", string.pack("<i4s8i4", 2, "0.8.0", 0)))
    expect(link:packet():sub(1, 4)):is(string.pack("<i4", 4))
    local session = w:session(peer)

    local function ask(name) -- in the newer dialect
      link:send(string.pack("<s8", string.pack("<i4i4i4s8", 9, 1, 8, name)))
      return string.unpack("<I8", link:packet(), 13)
    end
    if case.client == "in a call" then
      local evaluator = ask("runtime.RPCTimeEvaluator")
      local arguments = string.pack("<i4i4", 12, 0) .. string.pack("<i4s8", 8, "rpc.test.addone")
      for _, number in ipairs { 1, 0, 1, 1, 0, 1, 20000, 1, 0 } do
        arguments = arguments .. string.pack("<i4i8", 1, number)
      end
      arguments = arguments .. string.pack("<i4s8", 8, "")
      link:send(string.pack("<s8", string.pack("<i4I8", 3, evaluator) .. arguments))
      local timed = string.unpack("<I8", link:packet(), 25)
      link:send(string.pack("<s8", string.pack("<i4I8i4i4i8", 3, timed, 1, 1, 1))) -- takes 20 s
    elseif case.client == "reading a download" or case.client == "not reading" then
      local upload, download = ask("tvm.rpc.server.upload"), ask("tvm.rpc.server.download")
      local file = ("x"):rep(8000000)
      link:send(string.pack("<s8", string.pack("<i4I8i4i4s8i4s8", 3, upload, 2, 8, "big", 9, file)))
      link:packet()
      if case.client == "not reading" then link:pause() end
      for _ = 1, 4 do
        link:send(string.pack("<s8", string.pack("<i4I8i4i4s8", 3, download, 1, 8, "big")))
      end
    elseif case.client == "half closed" then
      link:finish() -- which ends it by itself
      expect(session):released { after = "fin" }
      expect(link:ended("1s")):is("fin")
      expect(tracker):free("test", 1)
      return
    elseif case.client == "sending" then
      link:send(string.pack("<I8", 1000000) .. string.pack("<i4", 3) .. ("x"):rep(5000))
    end
    expect(session):released { after = "timeout" }
    expect(tracker):free("test", 1)

    if case.client == "not reading" then w:pass("300ms") end -- its end is behind what nobody reads
    link:resume()
    expect(link:ended("5s") ~= nil):is(true)
    local last, exceptions = nil, 0
    while link:unread() > 0 do -- whole packets to the end: a part of one would be an error here
      if case.client == "not reading" and not pcall(function() last = link:packet() end) then break end
      if case.client ~= "not reading" then last = link:packet() end
      if last:sub(1, 4) == string.pack("<i4", 5) then
        exceptions = exceptions + 1
        expect((last:gsub("\0", ""))):contains("RPCSessionTimeoutError")
      end
    end
    if case.client ~= "not reading" then expect(exceptions):is(1) end
  end,
}
