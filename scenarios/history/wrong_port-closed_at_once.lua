-- SPDX-License-Identifier: Apache-2.0
-- Users who give a client the server's address for the tracker's, or the other way round: a reset, a minute of
-- retries, or nothing at all for ever.
scenario "who speaks to the wrong port is told so at once, and the service goes on" {
  from   = "apache/tvm#2505, #2980, #2151, #638, #740 and #13237",
  matrix = { mistake = { "server for a tracker", "tracker for a server" } },
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker }
    local to_server = case.mistake == "server for a tracker"
    local link = w:peer():open(to_server and server or tracker)
    link:send(to_server and string.pack("<i4s4", 0x2f271, "[6]") or string.pack("<i4s4", 0xff271, "client:test"))
    expect(link:ended("1s")):is("fin")

    local client = w:client { tracker = tracker }
    local session = client:request("test", { wait = "2s" })
    expect(session:call("rpc.test.addone", 1)):is(2)
    session:close()
    expect(session):released { after = "close" }
    expect(tracker):free("test", 1)
  end,
}
