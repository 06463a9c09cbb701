-- SPDX-License-Identifier: Apache-2.0
-- The answer to a free is read in a destructor: a garbage length there aborts TVM's client, and a server that does
-- not answer holds it, and its interpreter, for ever.
local function pack(format, ...) return string.pack("<s8", string.pack(format, ...)) end

scenario "what a server does instead of answering a client's free or call ends that session, and close() at once" {
  from   = "apache/tvm#1086; TVM: rpc_module.cc, rpc_device_api.cc (docs/history.md, F24, F25, F26)",
  matrix = {
    question = { "free", "call" },
    answer   = { "nothing", "garbage length", "a question", "half of it", "two answers", "fin", "rst" },
  },
  run = function(w, case)
    local peer = w:peer { name = "hostile", serves = "server" }
    local client = w:client { stalled = "500ms" }
    local opening = w:spawn(function() return client:connect(peer, { key = "test" }) end)
    local link = peer:accept()
    link:read(4); link:answer()
    link:send(string.pack("<i4s4", 0xff271, "server:test"))
    link:packet()
    link:send(pack("<i4i4i4", 4, 1, 0))
    local session = opening:join()
    local getting = w:spawn(function() return session:get_function("f") end)
    link:packet()
    link:send(pack("<i4i4i4I8", 4, 1, 4, 0x1234))
    local f = getting:join()

    local asking = w:spawn(function()
      if case.question == "free" then return pcall(f.free, f) end
      return pcall(f, 1)
    end)
    expect(string.unpack("<i4", link:packet())):is(case.question == "free" and 10 or 3)
    local answers = {
      ["nothing"]        = "",
      ["garbage length"] = string.pack("<I8i4", 0x7fffffffffffffff, 4),
      ["a question"]     = pack("<i4I8i4", 3, 1, 0),
      ["half of it"]     = pack("<i4i4i4", 4, 1, 0):sub(1, 13),
      ["two answers"]    = pack("<i4i4i4", 4, 1, 0) .. pack("<i4i4i4", 4, 1, 0),
    }
    if answers[case.answer] then link:send(answers[case.answer])
    elseif case.answer == "fin" then link:close()
    else link:reset() end

    if case.answer == "nothing" then
      w:pass("200ms")
      expect(asking:ended()):is(false) -- a call may last for as long as it likes
      session:close()
    end
    local before = w:now()
    local ok = asking:join()
    expect(w:now() - before < 1500000000):is(true)
    if case.answer ~= "two answers" then expect(ok):is(false) end
    w:await(function() return session:closed() end, "1s")
    if case.answer ~= "fin" and case.answer ~= "rst" then expect(link:ended("1s") ~= nil):is(true) end
    expect((pcall(f.free, f))):is(false)
    session:close()

    local tracker = w:tracker() -- the client itself is as good as before
    local server = w:server { key = "test", tracker = tracker }
    local second = w:client { tracker = tracker }
    local again = second:request("test")
    expect(again:call("rpc.test.addone", 1)):is(2)
    again:close()
    expect(again):released { after = "close" }
    expect(server:port() > 0):is(true)
  end,
}
