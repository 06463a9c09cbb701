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
