-- SPDX-License-Identifier: Apache-2.0
-- Everything that is expected is seen.
scenario "a session that is closed is released" {
  run = function(w)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local client = w:client { tracker = tracker }
    local session = client:request("test")
    expect(session:call("rpc.test.addone", 1)):is(2)
    session:close()
    expect(session):released { after = "close", within = "20s", requestable = "20s" } -- no measurement
    expect(tracker):free("test", 1)
  end,
}
