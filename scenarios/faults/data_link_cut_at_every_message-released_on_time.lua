-- SPDX-License-Identifier: Apache-2.0
-- A whole session is measured first, message by message; the same session is then cut where the message begins,
-- within its length, in its middle, one byte before its end, and behind it.
local function steps(w, session)
  local held = {}
  return {
    { "GetFunction", function() held.f = session:get_function("rpc.test.strcat") end },
    { "CallFunc", function() expect(held.f("abc", 11)):is("abc:11") end },
    { "Alloc", function() held.array = session:array(1000) end },
    { "CopyToRemote", function() held.array:write(("a"):rep(1000)) end },
    { "CopyFromRemote", function() expect(#held.array:read()):is(1000) end },
    { "upload", function() session:upload("file.bin", ("u"):rep(3000)) end },
    { "FreeHandle", function() held.f:free() end },
    { "Shutdown", function() session:close() end },
  }
end

local function measure(w, client, name)
  local session = client:request("test")
  local account = w:session(client)
  for _, step in ipairs(steps(w, session)) do
    local from = { to_service = account:bytes("to_service"), from_service = account:bytes("from_service") }
    step[2]()
    if step[1] == name then
      if name == "Shutdown" then expect(session):released { after = "close" } end
      local to = { to_service = account:bytes("to_service"), from_service = account:bytes("from_service") }
      session:close()
      expect(session):released { after = "close" }
      return from, to
    end
  end
end

scenario "a session whose link is cut at any byte of any message is released on time, and its client told" {
  matrix = {
    kind = { "fin", "rst", "half_close", "black_hole" },
    message = {
      "GetFunction", "CallFunc", "Alloc", "CopyToRemote", "CopyFromRemote", "upload", "FreeHandle", "Shutdown",
    },
    side = { "to_service", "from_service" },
  },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker, silence = "900ms", stalled = "900ms", unread = "900ms" }
    w:server { key = "other", tracker = tracker }
    local other = w:client { tracker = tracker, name = "undisturbed" }
    local others = other:request("other")
    local client = w:client { tracker = tracker, silence = "900ms", stalled = "900ms", unread = "900ms" }
    local from, to = measure(w, client, case.message)
    if case.message == "Shutdown" and case.side == "from_service" then
      expect(to[case.side]):is(from[case.side]) -- it has no answer that could be cut
      return
    end
    from, to = from[case.side], to[case.side]
    expect(to > from):is(true)
    local places = { from, from + 3, (from + to) // 2, to - 1, to }
    if case.kind == "black_hole" then places = { (from + to) // 2, to } end

    for _, place in ipairs(places) do
      local session = client:request("test", { wait = "2s" })
      local fault = w:fault { on = session, kind = case.kind, side = case.side, after = place }
      local work = w:spawn(function()
        for _, step in ipairs(steps(w, session)) do
          if not pcall(step[2]) then break end
          if step[1] == case.message then break end
        end
      end)
      local fired, at = fault:fired()
      expect(fired):is(1)
      expect(at):is(place)
      local patience = case.kind == "black_hole" and "1500ms" or nil
      expect(session):released { within = patience, requestable = patience }
      if case.kind == "black_hole" then
        session:close() -- a client's own patience with a lost server: host_lost_at_every_step
      else
        w:await(function() return session:closed() end, "300ms")
      end
      work:join()
      expect(tracker):free("test", 1)
      expect(tracker):pending("test", 0)
    end
    expect(others:call("rpc.test.addone", 1)):is(2)
    local again = client:request("test", { wait = "1s" })
    expect(again:call("rpc.test.addone", 1)):is(2)
    again:close()
    expect(again):released { after = "close" }
  end,
}
