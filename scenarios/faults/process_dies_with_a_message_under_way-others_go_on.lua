-- SPDX-License-Identifier: Apache-2.0
-- Every byte travels alone, and the process dies while a part of a message is under way: what its system has taken
-- still arrives, and then RST. (A message that never arrives whole: data_link_cut_at_every_message.) A whole session is
-- measured first, to know where its messages lie.
local function steps(session)
  local held = {}
  return {
    { "GetFunction", function() held.f = session:get_function("rpc.test.strcat") end },
    { "CallFunc", function() expect(held.f("abc", 11)):is("abc:11") end },
    { "CopyToRemote", function() held.array = session:array(300); held.array:write(("a"):rep(300)) end },
    { "CopyFromRemote", function() expect(#held.array:read()):is(300) end },
    { "FreeHandle", function() held.f:free() end },
    { "Shutdown", function() session:close() end },
  }
end

local function measure(w, client, name, side)
  local session = client:request("test")
  local account = w:session(client)
  for _, step in ipairs(steps(session)) do
    local from = account:bytes(side)
    step[2]()
    if step[1] == name then
      if name == "Shutdown" then expect(session):released { after = "close", within = "50ms" } end
      local to = account:bytes(side)
      session:close()
      expect(session):released { after = "close", within = "50ms" }
      return from, to
    end
  end
end

scenario "whatever has been said of a message when its process dies, the others are told and go on" {
  worlds = { "sim" },
  matrix = {
    dies    = { "client", "server" },
    message = { "GetFunction", "CallFunc", "CopyToRemote", "CopyFromRemote", "FreeHandle", "Shutdown" },
    side    = { "to_service", "from_service" },
  },
  run = function(w, case)
    w:network { segments = "bytes", bandwidth = 1000000 }
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker }
    w:server { key = "other", tracker = tracker }
    local other = w:client { tracker = tracker, name = "undisturbed" }
    local others = other:request("other")
    local from, to = measure(w, w:client { tracker = tracker }, case.message, case.side)
    if case.message == "Shutdown" and case.side == "from_service" then
      expect(to):is(from)
      return
    end
    for _, place in ipairs { from + 1, (from + to) // 2, to } do
      local client = w:client { tracker = tracker }
      local session = client:request("test", { wait = "1s" })
      local account = w:session(client)
      local work = w:spawn(function()
        for _, step in ipairs(steps(session)) do
          if not pcall(step[2]) or step[1] == case.message then break end
        end
      end)
      if case.side == "to_service" then
        w:await(function() return account:bytes() >= place end, "2s")
        expect(account:bytes()):is(place)
      else -- an answer is seen as it leaves: a byte a microsecond, and 50 of them on the way
        w:await(function() return account:bytes("from_service") > from end, "2s")
        w:pass(string.format("%dus", 50 + place - from))
      end
      if case.dies == "client" then
        client:kill()
        expect(account):released { within = "20ms" }
      else
        server:kill()
        local before = w:now()
        w:await(function() return session:closed() end, "1s")
        expect(w:now() - before < 100000000):is(true)
        expect(tracker):free("test", 0)
        server = w:server { key = "test", tracker = tracker }
      end
      work:join()
      expect(tracker):free("test", 1)
      expect(tracker):pending("test", 0)
    end
    expect(others:call("rpc.test.addone", 1)):is(2)
    others:close()
    expect(others):released { within = "50ms" }
  end,
}
