-- SPDX-License-Identifier: Apache-2.0
-- Found by exploration: a client that is off the net gives its session up before its server does. Back on the net it
-- knows nothing of it, and its server must not take its being there for an answer.
scenario "a client that gave up while it was off the net keeps no server when it is back before the server gives up" {
  worlds = { "sim" },
  run = function(w)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker, silence = "3s" }
    local client = w:client { tracker = tracker, silence = "900ms" }
    local session = client:request("test")
    client:lose()
    w:pass("1s")
    expect(session:closed()):is(true)
    client:find()
    expect(session):released { after = "silence", within = "4s", requestable = "4s" }
    expect(tracker):free("test", 1)
  end,
}

-- The same the other way round: the client gives up while its tracker is off the net.
scenario "a client that gave its tracker up while that was off the net keeps no request there when it is back" {
  worlds = { "sim" },
  run = function(w)
    local tracker = w:tracker { silence = "3s" }
    local client = w:client { tracker = tracker, silence = "900ms" }
    local waiting = w:spawn(function()
      expect(function() client:request("test", { wait = "2s", tries = 1 }) end):fails("connection timed out")
    end)
    w:pass("10ms")
    tracker:lose()
    w:pass("1s")
    tracker:find()
    waiting:join()
    expect(tracker):pending("test", 0, "4s")
  end,
}
