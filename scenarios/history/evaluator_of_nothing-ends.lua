-- SPDX-License-Identifier: Apache-2.0
-- Timing what takes no time: the number of runs grew and grew, and never filled the least time that was asked for.
scenario "an evaluator of a function that takes no time ends, and so does its session" {
  from   = "apache/tvm#12382",
  matrix = { least_ms = { 0, 5 }, number = { 1, 100 } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local client = w:client { tracker = tracker }
    local session = client:request("test", { timeout = "30s" })
    local evaluator = session:call("runtime.RPCTimeEvaluator", nil, "rpc.test.addone", 1, 0, case.number, 2,
                                   case.least_ms, 3, 0, 1, 0, "")
    local before = w:now()
    local times = evaluator(1)
    expect(#times):is(16) -- a double for each of two repeats
    expect(w:now() - before < 10000000000):is(true)
    expect(session:call("rpc.test.addone", 1)):is(2)
    session:close()
    expect(session):released { after = "close" }
    expect(tracker):free("test", 1)
  end,
}
