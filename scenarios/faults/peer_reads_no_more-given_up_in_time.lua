-- SPDX-License-Identifier: Apache-2.0
-- Answers that nobody reads must not grow without a bound, nor keep a session or a tracker's memory for ever.
scenario "a client that reads no more is released in time, whatever it has asked for" {
  matrix = { asked = { "a download", "many calls", "an array" } },
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker, unread = "1s", sessions = 2 }
    local other = w:client { tracker = tracker, name = "undisturbed" }
    local others = other:request("test")
    local peer = w:peer { name = "deaf" }
    local asking = peer:open(tracker)
    asking:send(string.pack("<i4s4", 0x2f271, '[4, "test", "", 1]'))
    asking:read(4)
    local matchkey = asking:answer():match('"(test:[%d.]+)"')
    local link = peer:open(server)
    link:send(string.pack("<i4s4", 0xff271, "client:" .. matchkey))
    link:read(4); link:answer()
    link:send(string.pack("<s8", string.pack("<i4s8i4", 2, "0.8.0", 0)))
    link:packet()
    local session = w:session(peer)
    local function ask(name)
      link:send(string.pack("<s8", string.pack("<i4i4i4s8", 9, 1, 8, name)))
      return string.unpack("<I8", link:packet(), 13)
    end
    if case.asked == "many calls" then
      local strcat = ask("rpc.test.strcat")
      local call = string.pack("<s8", string.pack("<i4I8i4i4s8i4i8", 3, strcat, 2, 8, ("s"):rep(50000), 1, 7))
      link:pause()
      for _ = 1, 400 do link:send(call) end
    elseif case.asked == "a download" then
      local upload, download = ask("tvm.rpc.server.upload"), ask("tvm.rpc.server.download")
      link:send(string.pack("<s8", string.pack("<i4I8i4i4s8i4s8", 3, upload, 2, 8, "big", 9, ("x"):rep(16000000))))
      link:packet("20s")
      link:pause()
      link:send(string.pack("<s8", string.pack("<i4I8i4i4s8", 3, download, 1, 8, "big")))
    else
      link:send(string.pack("<s8", string.pack("<i4i4i4i4i4i4i8i4i8i4I4I4", 13, 4, 6, 1, 0, 1, 16000000, 1, 64, 5,
                                               0x010801, 0)))
      local data = string.unpack("<I8", link:packet(), 13)
      link:pause()
      local tensor = string.pack("<I8i4i4i4BBI2i8I8", data, 1, 0, 1, 1, 8, 1, 16000000, 0)
      link:send(string.pack("<s8", string.pack("<i4", 6) .. tensor .. string.pack("<I8", 16000000)))
    end
    expect(session):held { during = "500ms" }
    expect(session):released { within = "4s", requestable = "4s" }
    expect(tracker):free("test", 1)
    expect(others:call("rpc.test.addone", 1)):is(2)
    link:reset()
    others:close()
    expect(others):released { after = "close" }
    expect(tracker):free("test", 2)
  end,
}

scenario "who asks a tracker and reads no answers is given up in time, and what it asked for is withdrawn" {
  matrix = { asked = { "summaries", "requests and summaries" } },
  run = function(w, case)
    local tracker = w:tracker { unread = "1s" }
    w:server { key = "test", tracker = tracker, unused = "1s" }
    local link = w:peer { name = "deaf" }:open(tracker)
    link:send(string.pack("<i4", 0x2f271))
    link:read(4)
    local info = string.pack("<s4", '[5, {"key": "server:' .. ("k"):rep(900) .. '", "addr": [null, 1]}]')
    local summary = string.pack("<s4", "[6]")
    link:send(info)
    link:answer()
    link:pause()
    if case.asked ~= "summaries" then link:send(string.pack("<s4", '[4, "other", "", 1]')) end
    for _ = 1, 40 do link:send(summary:rep(500)) end
    expect(tracker):pending("other", case.asked == "summaries" and 0 or 1)
    w:pass("8s")
    expect(tracker):pending("other", 0)
    expect(tracker):free("test", 1)
    link:resume()
    expect(link:ended("5s") ~= nil):is(true)
    local client = w:client { tracker = tracker }
    local session = client:request("test", { wait = "1s" })
    expect(session:call("rpc.test.addone", 1)):is(2)
    session:close()
    expect(session):released { after = "close" }
  end,
}
