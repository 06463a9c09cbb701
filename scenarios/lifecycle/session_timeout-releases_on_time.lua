-- SPDX-License-Identifier: Apache-2.0
-- The timeout counts the whole session, not its idle time.
scenario "a session is released at its timeout, idle, calling or in a call" {
  matrix = { client = { "idle", "calling", "in a call" } },
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
    if case.client == "calling" then
      for _ = 1, 5 do
        w:pass("100ms")
        expect(session:call("rpc.test.addone", 1)):is(2)
      end
    end
    expect(session):held { by = client, during = "400ms" }
    expect(session):released { after = "timeout" }
    if call then
      local ok, why = call:join()
      expect(ok):is(false)
      expect(why):contains("RPCSessionTimeoutError")
    else -- nobody was waiting for an answer, and the client is told nevertheless
      w:await(function() return session:closed() end, "1s")
    end
    expect(function() session:call("rpc.test.addone", 1) end):fails("session is closed")
    expect(tracker):free("test", 1)
  end,
}

scenario "the timeout of a session that was closed does not end the next one" {
  run = function(w)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local client = w:client { tracker = tracker }
    local short = client:request("test", { timeout = "500ms" })
    short:close()
    expect(short):released { after = "close" }

    local unlimited = client:request("test")
    expect(unlimited):held { by = client, during = "700ms" }
    expect(unlimited:call("rpc.test.addone", 1)):is(2)
    unlimited:close()
    expect(unlimited):released { after = "close" }

    local first = client:request("test", { timeout = "500ms" })
    first:close()
    local second = client:request("test", { timeout = "1s" })
    expect(second):held { by = client, during = "700ms" }
    expect(second):released { after = "timeout" }
    expect(tracker):free("test", 1)
  end,
}
