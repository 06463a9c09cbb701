-- SPDX-License-Identifier: Apache-2.0
-- What keep-alive is worth: a server of ours notices that the machine of a TVM client has gone; TVM's has none,
-- and is held by who no longer exists until its session's timeout, or for ever.
scenario "a real TVM client whose machine is lost is released by our server's patience" {
  matrix = {
    tvm  = { "ffi", "legacy" },
    step = { "idle", "in a call", "in an upload" },
  },
  limit  = "90s",
  worlds = { "live" },
  run = function(w, case)
    w:hosts()
    local tracker = w:tracker { silence = "3s" }
    w:server { key = "test", tracker = tracker, dialect = case.tvm, silence = "3s" }
    local client = w:tvm_client { tvm = case.tvm }
    client:step("tracker t " .. tracker:host() .. " " .. tracker:port())
    client:step("request s t test")
    local session = w:session(client)
    if case.step == "in a call" then
      client:begin("long-call s 1000")
      w:await(function() return session:in_call() end)
    elseif case.step == "in an upload" then
      client:begin("upload s big.bin 67108864")
      w:await(function() return session:bytes() > 1048576 end, "20s")
    end
    w:fault { on = client, kind = "power_off" }
    expect(session):released { after = "silence", within = "7s", requestable = "7s" }
    expect(tracker):free("test", 1)
  end,
}

scenario "a real TVM server is held by a client whose machine is lost until the session's timeout" {
  matrix = { tvm = { "ffi", "legacy" } },
  limit  = "90s",
  worlds = { "live" },
  run = function(w, case)
    w:hosts()
    local tracker = w:tracker()
    w:tvm_server { key = "test", tracker = tracker, tvm = case.tvm }
    local client = w:client { tracker = tracker }
    local session = client:request("test", { timeout = "8s" })
    local account = w:session(client)
    expect(session:call("rpc.test.addone", 41)):is(42)
    client:lose()
    expect(account):held { during = "6s" }
    expect(tracker):free("test", 1, "10s")
  end,
}
