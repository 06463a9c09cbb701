-- SPDX-License-Identifier: Apache-2.0
-- Lua's own collector: __gc is the last reference, whenever it comes; <close> is the scope.
scenario "a session that Lua holds goes when its collector runs, and at once where a scope or close() ends it" {
  matrix = { holder = { "a local", "an upvalue", "a table", "a cycle of tables" },
             cause = { "collector", "close", "scope", "process death", "session timeout" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local client = w:client { tracker = tracker, runtime = lua() }
    local held, kept, account = {}, nil, nil
    local function open()
      local session = client:request("test", { timeout = "300ms" })
      account = w:session(client)
      if case.holder == "an upvalue" then held.call = function() return session:closed() end
      elseif case.holder == "a cycle of tables" then
        local a, b = { session = session }, {}
        a.b, b.a = b, a
        held.cycle = a
      elseif case.holder == "a table" then held.session = session
      else kept = session
      end
      if case.cause == "close" then session:close() end
      if case.cause == "scope" then local scoped <close> = session end
    end
    open()
    if case.cause == "process death" then client:kill() end
    if case.cause == "collector" then
      client:gc()
      expect(account):held { by = client, during = "20ms" } -- it is still referred to
      expect(account):held_by(table.unpack(({
        ["a local"]           = { "the scenario's run", "frame", "local kept" },
        ["an upvalue"]        = { "local held", "key call", "function", "upvalue session" },
        ["a table"]           = { "local held", "table", "key session" },
        ["a cycle of tables"] = { "local held", "key cycle", "table", "key session" },
      })[case.holder]))
      held, kept = nil, nil
      expect(account):held_by("uncollected garbage") -- nothing refers to it, and nobody has collected
      client:gc()
      expect(account):released { after = "last reference" }
    else
      expect(account):released { after = case.cause == "session timeout" and "timeout" or nil }
    end
    expect(tracker):free("test", 1)
  end,
}
