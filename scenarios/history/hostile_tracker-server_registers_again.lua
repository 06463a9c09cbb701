-- SPDX-License-Identifier: Apache-2.0
-- An answer that it does not expect, or none, is the end of a TVM server, or of its registration, for good.
scenario "a server leaves a tracker that is silent or talks nonsense, and registers again within 5 s" {
  from   = "apache/tvm#8203, #8388, #8327, #9192; TVM: server.py (docs/history.md, F11)",
  matrix = {
    tracker = {
      "wrong magic", "answer -1", "no JSON", "length -1", "length 2^31-1", "a list of numbers", "fin", "rst", "silent",
    },
    at = { "the magic", "UPDATE_INFO", "PUT", "GET_PENDING_MATCHKEYS" },
  },
  worlds = { "sim" }, -- minutes of waiting, case by case: virtual time
  run = function(w, case)
    local peer = w:peer { name = "hostile", serves = "tracker" }
    local starting = w:spawn(function()
      return w:server { key = "test", tracker = peer, handshake = "2s", stalled = "2s", unused = "1s" }
    end)
    local magic = string.pack("<i4", 0x2f271)
    local nonsense = {
      ["wrong magic"]       = string.pack("<i4", 0x2f299),
      ["answer -1"]         = string.pack("<s4", "-1"),
      ["no JSON"]           = string.pack("<s4", "nonsense"),
      ["length -1"]         = string.pack("<i4", -1),
      ["length 2^31-1"]     = string.pack("<i4", 0x7fffffff) .. "[0",
      ["a list of numbers"] = string.pack("<s4", "[1, 2, 3]"),
    }
    local function spoil(link)
      if nonsense[case.tracker] then link:send(nonsense[case.tracker])
      elseif case.tracker == "fin" then link:close()
      elseif case.tracker == "rst" then link:reset() end
    end
    local function register(link, last) -- answers as a tracker does until |last|
      expect(link:read(4)):is(magic)
      if last == "the magic" then return end
      link:send(magic)
      while true do
        local question = link:answer("8s")
        local code = string.unpack("B", question, 2) - 48
        local name = code == 5 and "UPDATE_INFO" or code == 3 and "PUT" or "GET_PENDING_MATCHKEYS"
        if name == last then return end
        link:tell(code == 7 and "[]" or "0")
        if last == nil and code == 3 then return end
      end
    end
    local first = peer:accept()
    register(first, case.at)
    spoil(first)
    local before = w:now()
    local second = peer:accept("10s")
    expect(w:now() - before < 5100000000):is(true)
    register(second, nil)
    expect(starting:join():port() > 0):is(true)
    if case.tracker ~= "fin" and case.tracker ~= "rst" then expect(first:ended("1s") ~= nil):is(true) end

    -- It looks after its grants as before: one that nobody uses is replaced.
    local code = 0
    while code ~= 3 do
      code = string.unpack("B", second:answer("4s"), 2) - 48
      second:tell(code == 7 and "[]" or "0")
    end
    expect(w:now() - before < 15000000000):is(true)
  end,
}
