-- SPDX-License-Identifier: Apache-2.0
scenario "what is said to a tracker and spoiled on its way costs that connection its life, at most" {
  matrix = {
    kind = { "corrupt_bit", "corrupt_length", "truncate", "garbage" },
    message = { "magic", "UPDATE_INFO", "PUT", "answer" },
  },
  run = function(w, case)
    local tracker = w:tracker { relay = true, handshake = "500ms", stalled = "500ms" }
    local before = w:server { key = "before", tracker = tracker }
    local client = w:client { tracker = tracker }
    local session = client:request("before")
    local bytes = case.kind == "truncate" and 2 or nil
    local fault = w:fault { on = tracker, kind = case.kind, inside = case.message, bytes = bytes }
    local server = w:server { key = "test", tracker = tracker, handshake = "500ms", stalled = "500ms" }
    expect((fault:fired())):is(1)
    expect(session:call("rpc.test.addone", 1)):is(2)
    session:close()
    expect(session):released { after = "close" }
    expect(before:port() ~= server:port()):is(true)
    expect(tracker):free("before", 1)
    local again = client:request("before", { wait = "1s" })
    again:close()
    expect(again):released { after = "close" }
  end,
}
