-- SPDX-License-Identifier: Apache-2.0
scenario "a real TVM client's session is released at its timeout by our server and by TVM's" {
  matrix = {
    tvm    = { "ffi", "legacy" },
    server = { "ours", "tvm" },
    client = { "idle", "in a call" },
  },
  worlds = { "live" },
  run = function(w, case)
    local tracker = w:tracker()
    if case.server == "ours" then
      w:server { key = "test", tracker = tracker, dialect = case.tvm }
    else
      w:tvm_server { key = "test", tracker = tracker, tvm = case.tvm }
    end
    local client = w:tvm_client { tvm = case.tvm }
    client:step("tracker t " .. tracker:host() .. " " .. tracker:port())
    local minor = tonumber(client:step("dialect"):match("0%.(%d+)"))
    client:step("request s t test 2")
    if case.client == "in a call" then client:begin("long-call s 20000") end

    local session = w:session(client)
    expect(session):held { by = client, during = "1s" }
    -- TVM's server ends a process and then sends its PUT in two writes: its own pace, not a budget of ours
    local tvms = case.server == "tvm" and "2.5s" or nil
    expect(session):released { after = "timeout", within = tvms, requestable = tvms }
    if case.server == "ours" or minor >= 13 then -- before, TVM's server says nothing
      expect(session:exception()):contains("RPCSessionTimeoutError")
    end
    expect(tracker):free("test", 1)
    client:kill()
  end,
}
