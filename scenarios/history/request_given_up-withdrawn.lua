-- SPDX-License-Identifier: Apache-2.0
-- A TVM client asks twice after its time is over; what it asked for first stays in the queue at a high priority and
-- takes a server later that nobody comes for.
scenario "a request that its client gives up is withdrawn, and no later server is lost to it" {
  from   = "apache/tvm#10255, #13963, #6924 and #4995",
  matrix = { asked = { 1, 3 } },
  run = function(w, case)
    local tracker = w:tracker()
    local client = w:client { tracker = tracker }
    for _ = 1, case.asked do
      local before = w:now()
      expect(function() client:request("test", { wait = "500ms", priority = 100 }) end):fails("granted")
      expect(w:now() - before < 700000000):is(true)
      expect(tracker):pending("test", 0)
    end
    w:server { key = "test", tracker = tracker }
    expect(tracker):free("test", 1)
    w:pass("200ms")
    expect(tracker):free("test", 1)
    local session = client:request("test", { wait = "1s" })
    expect(session:call("rpc.test.addone", 1)):is(2)
    session:close()
    expect(session):released { after = "close" }
  end,
}

-- The time that a request may wait is over when it is granted: a handshake has its own.
scenario "a request that is granted in its last moment is not given up while its session is opened" {
  run = function(w)
    local peer = w:peer { name = "slow", serves = "server" }
    local tracker = w:peer { name = "late", serves = "tracker" }
    local client = w:client { tracker = tracker }
    local asking = w:spawn(function() return client:request("test", { wait = "1s", tries = 1 }) end)
    local link = tracker:accept()
    expect(link:read(4)):is(string.pack("<i4", 0x2f271))
    link:send(string.pack("<i4", 0x2f271))
    link:answer()
    w:pass("900ms")
    link:tell(string.format('[0, ["%s", %d, "test:0.5"]]', peer:host(), peer:port()))
    local data = peer:accept()
    data:read(4)
    data:answer()
    w:pass("500ms") -- beyond the second that the request had
    expect(data:ended("10ms")):is(nil)
    data:send(string.pack("<i4s4", 0xff271, "server:test"))
    data:packet()
    data:send(string.pack("<I8i4i4i4", 12, 4, 1, 4))
    local session = asking:join()
    session:close()
    expect(data:ended("1s")):is("fin")
  end,
}
