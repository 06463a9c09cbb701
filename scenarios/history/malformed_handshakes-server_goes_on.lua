-- SPDX-License-Identifier: Apache-2.0
-- Each of these eight bytes or so ends a server of TVM's for good: an exception that nobody catches.
scenario "a server closes on a malformed handshake, loses nothing by it, and its session goes on undisturbed" {
  from   = "TVM: server.py, _accept_conn (docs/history.md, F11); apache/tvm#941",
  matrix = {
    handshake = {
      "wrong magic", "magic of the tracker", "length 0", "length -5", "length 2^31-1", "blank key", "no UTF-8",
      "timeout of text", "timeout nan", "timeout inf", "timeout negative", "part of the matchkey",
      "more than the matchkey", "matchkey of a running session",
    },
  },
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker, sessions = 2, unused = "1s" }
    local client = w:client { tracker = tracker }
    local asking = w:peer { name = "asking" }:open(tracker)
    asking:send(string.pack("<i4s4", 0x2f271, '[4, "test", "", 1]'))
    asking:read(4)
    local matchkey = asking:answer():match('"(test:[%d.]+)"')
    local session = client:request("test")

    local magic = string.pack("<i4", 0xff271)
    local function key(text) return magic .. string.pack("<s4", text) end
    local handshakes = {
      ["wrong magic"]            = string.pack("<i4s4", 0xff299, "client:" .. matchkey),
      ["magic of the tracker"]   = string.pack("<i4s4", 0x2f271, "[1]"),
      ["length 0"]               = magic .. string.pack("<i4", 0),
      ["length -5"]              = magic .. string.pack("<i4", -5),
      ["length 2^31-1"]          = magic .. string.pack("<i4", 0x7fffffff) .. "client:",
      ["blank key"]              = key("  "),
      ["no UTF-8"]               = key("client:" .. matchkey .. "\xff\xfe"),
      ["timeout of text"]        = key("client:" .. matchkey .. " -timeout=abc"),
      ["timeout nan"]            = key("client:" .. matchkey .. " -timeout=nan"),
      ["timeout inf"]            = key("client:" .. matchkey .. " -timeout=inf"),
      ["timeout negative"]       = key("client:" .. matchkey .. " -timeout=-1"),
      ["part of the matchkey"]   = key("client:" .. matchkey:sub(1, -2)),
      ["more than the matchkey"] = key("client:" .. matchkey .. "1"),
    }
    local bytes = handshakes[case.handshake]
    local link = w:peer { name = "malformed" }:open(server)
    if not bytes then -- whoever has held it once may not come again
      local first = w:peer { name = "first" }:open(server)
      first:send(key("client:" .. matchkey))
      expect(first:read(4)):is(magic)
      bytes = key("client:" .. matchkey)
    end
    link:send(bytes)
    expect(link:ended("1s")):is("fin")

    expect(session:call("rpc.test.addone", 1)):is(2)
    session:close()
    expect(session):released { after = "close" }
    local again = client:request("test", { wait = "2s" })
    expect(again:call("rpc.test.addone", 1)):is(2)
    again:close()
    expect(again):released { after = "close" }
    if case.handshake ~= "matchkey of a running session" then
      expect(tracker):free("test", 2, "4s") -- the slot that was granted and not used comes back, too
    end
  end,
}
