-- SPDX-License-Identifier: Apache-2.0
-- What TVM has not: an end that is said, and needs nobody's reference count.
scenario "close() releases a session at once while two references to it remain" {
  run = function(w)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local client = w:client { tracker = tracker }

    local session = client:request("test")
    local second = session:ref()
    local third = session:ref()
    expect(session:call("rpc.test.addone", 41)):is(42)
    expect(session:references()):is(3)

    session:close()
    expect(session):released { after = "close" }
    expect(w:session(client):shutdown_seen()):is(true)
    expect(second:references()):is(3)
    expect(function() third:call("rpc.test.addone", 1) end):fails("session is closed")
    session:close() -- twice is once
    expect(tracker):free("test", 1)
  end,
}
