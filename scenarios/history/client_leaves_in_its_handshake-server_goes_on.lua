-- SPDX-License-Identifier: Apache-2.0
-- The second write to a client that has gone raises SIGPIPE, which ends TVM's server in C++; each such client costs
-- it a descriptor besides, and its place at the tracker.
scenario "clients that leave at once after a right handshake cost a server nothing, however many" {
  from   = "TVM: cpp_rpc, rpc_server.cc (docs/history.md, F32b and F32c)",
  matrix = {
    ending = { "close", "reset", "finish" },
    count  = { 1, 20 },
    sent   = { "the key", "the key and InitServer" },
  },
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker }
    local peer = w:peer { name = "leaving" }
    local asking = peer:open(tracker)
    asking:send(string.pack("<i4", 0x2f271))
    asking:read(4)
    for _ = 1, case.count do
      asking:tell('[4, "test", "", 1]')
      local matchkey = asking:answer("1s"):match('"(test:[%d.]+)"')
      local link = peer:open(server)
      local init = case.sent == "the key" and "" or string.pack("<s8", string.pack("<i4s8i4", 2, "0.8.0", 0))
      link:send(string.pack("<i4s4", 0xff271, "client:" .. matchkey) .. init)
      link[case.ending](link)
      if case.ending == "finish" then expect(link:ended("1s") ~= nil):is(true) end
      if case.ending == "reset" then expect(tracker):free("test", 1, "7s") end -- the key may not have been read
    end
    local client = w:client { tracker = tracker }
    local session = client:request("test", { wait = "7s" })
    expect(session:call("rpc.test.addone", 1)):is(2)
    session:close()
    expect(session):released { after = "close" }
    expect(tracker):free("test", 1)
  end,
}
