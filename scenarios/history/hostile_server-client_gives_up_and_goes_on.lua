-- SPDX-License-Identifier: Apache-2.0
-- TVM's client waits for ever for a silent server, grows a buffer to whatever length it is told, keeps a descriptor
-- for each handshake that failed, and does what a server asks of it.
local function pack(format, ...) return string.pack("<s8", string.pack(format, ...)) end

scenario "a client gives up a server that is silent or talks nonsense, says why, and its other session goes on" {
  from   = "TVM: rpc_socket_impl.cc, rpc_endpoint.cc (docs/history.md, F22, F23, F24, F28); apache/tvm#13862, #10240",
  matrix = {
    server = {
      "silent at the magic", "wrong magic", "half a magic", "no match", "length -1", "length 2^31-1",
      "silent at its key", "silent at InitServer", "garbage length", "half an answer", "a question",
      "the other dialect", "Shutdown", "fin", "rst",
    },
  },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "good", tracker = tracker }
    local client = w:client { tracker = tracker, handshake = "500ms", stalled = "500ms" }
    local good = client:request("good")
    local peer = w:peer { name = "hostile", serves = "server" }
    local opening = w:spawn(function() return pcall(client.connect, client, peer, { key = "test" }) end)
    local link = peer:accept()
    expect(link:read(4)):is(string.pack("<i4", 0xff271))
    link:answer()
    local magic = string.pack("<i4", 0xff271)
    local hello = {
      ["silent at the magic"] = "",
      ["wrong magic"]         = string.pack("<i4s4", 0xff299, "server:test"),
      ["half a magic"]        = magic:sub(1, 3),
      ["no match"]            = string.pack("<i4", 0xff273),
      ["length -1"]           = magic .. string.pack("<i4", -1),
      ["length 2^31-1"]       = magic .. string.pack("<i4", 0x7fffffff) .. "server:",
      ["silent at its key"]   = magic,
    }
    local answers = {
      ["silent at InitServer"] = "",
      ["garbage length"]       = string.pack("<I8i4", 0x7fffffffffffffff, 4),
      ["half an answer"]       = pack("<i4i4i4", 4, 1, 0):sub(1, 13),
      ["a question"]           = pack("<i4I8i4", 3, 1, 0),
      ["the other dialect"]    = pack("<i4i4i4", 4, 1, 99),
      ["Shutdown"]             = pack("<i4", 1),
    }
    if hello[case.server] then
      link:send(hello[case.server])
    else
      link:send(string.pack("<i4s4", 0xff271, "server:test"))
      link:packet()
      if answers[case.server] then
        link:send(answers[case.server])
      else
        link[case.server == "fin" and "close" or "reset"](link)
      end
    end
    local ok, why = opening:join()
    expect(ok):is(false)
    expect(#why > 10):is(true)
    if case.server ~= "fin" and case.server ~= "rst" then expect(link:ended("2s") ~= nil):is(true) end

    expect(good:call("rpc.test.addone", 1)):is(2)
    good:close()
    expect(good):released { after = "close" }
    expect(tracker):free("good", 1)
  end,
}
