-- SPDX-License-Identifier: Apache-2.0
local function found_again(kind)
  return function(w)
    local tracker = w:tracker { relay = true }
    local fault = w:fault { on = tracker, kind = kind, lasts = "1500ms" }
    local server = w:server { key = "test", tracker = tracker }
    expect(w:now() >= 1500000000):is(true)
    expect((fault:fired()) >= 1):is(true)
    local session = w:client { tracker = tracker }:request("test", { wait = "5s" })
    expect(session:call("rpc.test.addone", 1)):is(2)
    session:close()
    expect(session):released { after = "close" }
    expect(server:port() > 0):is(true)
  end
end

scenario "a tracker that refuses is found again when it takes connections" {
  run = found_again("refuse"),
}

scenario "a tracker whose backlog is full is found again when it takes connections" {
  worlds = { "sim" }, -- when a backlog is full is the kernel's affair
  run = found_again("full_backlog"),
}

scenario "a server that refuses the client that it was granted to is offered again" {
  run = function(w)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker, relay = true, unused = "500ms" }
    local client = w:client { tracker = tracker }
    local fault = w:fault { on = server, kind = "refuse" }
    expect(function() client:request("test", { tries = 1, wait = "1s" }) end):fails("refused")
    expect((fault:fired()) >= 1):is(true)
    expect(tracker):free("test", 1, "5s")
    fault:undo()
    local session = client:request("test", { wait = "2s" })
    expect(session:call("rpc.test.addone", 1)):is(2)
    session:close()
    expect(session):released { after = "close" }
  end,
}
