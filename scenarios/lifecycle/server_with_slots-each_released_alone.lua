-- SPDX-License-Identifier: Apache-2.0
scenario "a server of three slots releases each of its sessions alone" {
  run = function(w)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker, sessions = 3 }
    local client = w:client { tracker = tracker }
    expect(tracker):free("test", 3)

    local a, b, c = client:request("test"), client:request("test"), client:request("test")
    expect(tracker):free("test", 0)
    b:close()
    expect(b):released { after = "close" }
    expect(tracker):free("test", 1)
    expect(a):held { by = client, during = "50ms" }
    expect(a:call("rpc.test.addone", 1)):is(2)
    w:fault { on = c, kind = "rst" }:fired()
    expect(c):released { after = "rst" }
    a:close()
    expect(a):released { after = "close" }
    expect(tracker):free("test", 3)
  end,
}
