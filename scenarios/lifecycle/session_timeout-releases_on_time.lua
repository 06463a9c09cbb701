-- SPDX-License-Identifier: Apache-2.0
-- The timeout counts the whole session, not its idle time.
scenario "a session is released at its timeout, idle or in a call" {
  matrix = { client = { "idle", "in a call" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local client = w:client { tracker = tracker }

    local session = client:request("test", { timeout = "1s" })
    local call
    if case.client == "in a call" then
      local evaluator = session:call("runtime.RPCTimeEvaluator", nil, "rpc.test.addone", 1, 0, 1, 1, 0, 1,
                                     20000, 1, 0, "")
      call = w:spawn(function() return pcall(evaluator, 1) end)
    end
    expect(session):held { by = client, during = "500ms" }
    expect(session):released { after = "timeout" }
    if call then
      local ok, why = call:join()
      expect(ok):is(false)
      expect(why):contains("RPCSessionTimeoutError")
    end
    expect(tracker):free("test", 1)
  end,
}
