-- SPDX-License-Identifier: Apache-2.0
-- After a reset the session process of TVM's newest server ends with an error, which the server takes for its
-- own and never comes back: listed in known_failures.txt.
scenario "a real TVM server is requestable again after our client's Shutdown, FIN and RST" {
  limit  = "90s",
  matrix = { tvm = { "ffi", "legacy" }, ending = { "shutdown", "fin", "rst" } },
  worlds = { "live" },
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:tvm_server { key = "test", tracker = tracker, tvm = case.tvm, direct = true }
    local client = w:client { tracker = tracker }
    local session = client:request("test")
    expect(session:dialect()):is(case.tvm)
    expect(session:call("rpc.test.addone", 41)):is(42)

    if case.ending == "shutdown" then
      session:close()
    else
      expect(w:fault { on = session, kind = case.ending }:fired()):is(1)
    end
    -- TVM's own pace: a process ends, the PUT takes two writes; after a reset, which nothing but that PUT
    -- shows to be over, TVM 0.16 formats a backtrace first
    expect(session):released { within = "1s", requestable = "1s" }
    expect(tracker):free("test", 1)
    server:kill()
  end,
}
