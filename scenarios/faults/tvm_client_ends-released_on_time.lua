-- SPDX-License-Identifier: Apache-2.0
scenario "a real TVM client that is killed, resets or leaves within a packet is released on time" {
  matrix = {
    tvm    = { "ffi", "legacy" },
    ending = { "killed idle", "killed in a call", "killed in an upload", "reset", "cut in a packet", "half-closed" },
  },
  worlds = { "live" },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker, dialect = case.tvm }
    local client = w:tvm_client { tvm = case.tvm }
    client:step("tracker t " .. tracker:host() .. " " .. tracker:port())
    client:step("request s t test")
    local session = w:session(client)

    if case.ending == "killed idle" then
      client:kill()
    elseif case.ending == "killed in a call" then
      client:begin("long-call s 20000")
      w:await(function() return session:in_call() end)
      w:pass("200ms") -- beyond the call that only asked for the evaluator
      expect(session:in_call()):is(true)
      client:kill()
    elseif case.ending == "killed in an upload" then
      client:begin("upload s big.bin 67108864")
      w:await(function() return session:bytes() > 1048576 end, "20s")
      client:kill()
    elseif case.ending == "reset" then
      client:step("reset s")
    elseif case.ending == "half-closed" then
      client:step("half-close s")
    else
      client:step("cut-packet s")
    end
    expect(session):released()
    expect(tracker):free("test", 1)

    local next_client = w:client { tracker = tracker }
    local again = next_client:request("test", { wait = "2s" })
    expect(again:call("rpc.test.addone", 1)):is(2)
    again:close()
    expect(again):released()
  end,
}
