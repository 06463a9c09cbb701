-- SPDX-License-Identifier: Apache-2.0
-- The layout of InitServer drifted between two implementations: the server threw in its handler, and the client
-- waited for an answer for ever.
scenario "an InitServer that a server does not understand is answered, and a client is never left waiting" {
  from   = "apache/tvm#13862, #18683 and #18687",
  matrix = {
    init = { "another version", "no version", "arguments cut", "twice", "length beyond the packet", "never" },
  },
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker, stalled = "1s" }
    local peer = w:peer { name = "by hand" }
    local asking = peer:open(tracker)
    asking:send(string.pack("<i4s4", 0x2f271, '[4, "test", "", 1]'))
    asking:read(4)
    local matchkey = asking:answer():match('"(test:[%d.]+)"')
    local link = peer:open(server)
    link:send(string.pack("<i4s4", 0xff271, "client:" .. matchkey))
    link:read(4); link:answer()
    local good = string.pack("<s8", string.pack("<i4s8i4", 2, "0.8.0", 0))
    local inits = {
      ["another version"]          = string.pack("<s8", string.pack("<i4s8i4", 2, "9.9.9", 0)),
      ["no version"]               = string.pack("<s8", string.pack("<i4i4", 2, 0)),
      ["arguments cut"]            = string.pack("<s8", string.pack("<i4s8i4i4", 2, "0.8.0", 3, 11)),
      ["twice"]                    = good .. good,
      ["length beyond the packet"] = string.pack("<s8", string.pack("<i4I8", 2, 1 << 40)),
      ["never"]                    = string.pack("<s8", string.pack("<i4i4i4s8", 9, 1, 8, "rpc.test.addone")),
    }
    link:send(inits[case.init])
    local code = string.unpack("<i4", link:packet("2s")) -- an answer of whichever kind, and no silence
    if case.init == "twice" then
      expect(code):is(4)
      code = string.unpack("<i4", link:packet("2s"))
    end
    expect(code == 4 or code == 5):is(true)
    link:reset()
    expect(tracker):free("test", 1)
    local client = w:client { tracker = tracker }
    local session = client:request("test", { wait = "2s" })
    expect(session:call("rpc.test.addone", 1)):is(2)
    session:close()
    expect(session):released { after = "close" }
  end,
}
