-- SPDX-License-Identifier: Apache-2.0
scenario "close() in the middle of a long call releases the session at once" {
  run = function(w)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local client = w:client { tracker = tracker }

    local session = client:request("test")
    local evaluator = session:call("runtime.RPCTimeEvaluator", nil, "rpc.test.addone", 1, 0, 1, 1, 0, 1,
                                   20000, 1, 0, "")
    local call = w:spawn(function()
      local ok, why = pcall(evaluator, 1)
      return ok, why
    end)
    w:pass("100ms")
    expect(call:ended()):is(false)

    session:close()
    local ok, why = call:join()
    expect(ok):is(false)
    expect(why):contains("closed")
    expect(session):released { after = "close" }
    expect(w:session(client):shutdown_seen()):is(true)
    expect(tracker):free("test", 1)
  end,
}
