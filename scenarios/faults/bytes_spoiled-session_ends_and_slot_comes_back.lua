-- SPDX-License-Identifier: Apache-2.0
-- What arrives is not what was sent: nobody may take it for something that nobody said, wait for ever for what will
-- not come, or lose a slot over it. A value that is another one passes; what is no message ends the session.
local kinds = { "corrupt_bit", "corrupt_byte", "corrupt_length", "truncate", "garbage" }
local messages = { "hello", "InitServer", "GetGlobalFunc", "CallFunc", "reply", "Return" }

local function play(w, case)
  local tracker = w:tracker { relay = true }
  local server = w:server { key = "test", tracker = tracker, relay = true, handshake = "500ms", stalled = "500ms",
                            unused = "500ms" }
  w:server { key = "other", tracker = tracker }
  local others = w:client { tracker = tracker, name = "undisturbed" }:request("other")
  local client = w:client { tracker = tracker, handshake = "500ms", stalled = "500ms", unread = "500ms" }
  local fault = w:fault { on = server, kind = case.kind, [case.place] = case.message }
  local ok, session = pcall(client.request, client, "test", { tries = 1, wait = "1s" })
  if ok then
    for _ = 1, 2 do
      local answered, value = pcall(session.call, session, "rpc.test.addone", 1)
      if not answered then break end
      if case.kind ~= "corrupt_bit" and case.kind ~= "corrupt_byte" then expect(value):is(2) end
    end
  end
  expect((fault:fired())):is(1)
  if ok then session:close() end
  expect(tracker):free("test", 1, "5s")
  expect(tracker):pending("test", 0)
  local again = client:request("test", { wait = "1s" })
  expect(again:call("rpc.test.addone", 1)):is(2)
  again:close()
  expect(again):released { after = "close" }
  expect(others:call("rpc.test.addone", 1)):is(2)
end

scenario "a session whose bytes are spoiled on their way gives a wrong answer or ends, and its slot comes back" {
  matrix = { kind = kinds, place = { "inside" }, message = messages },
  run = play,
}

scenario "a session whose bytes are spoiled between messages gives a wrong answer or ends, and its slot comes back" {
  matrix = { kind = kinds, place = { "before", "after" }, message = messages },
  worlds = { "sim" }, -- half a second each: virtual time
  run = play,
}
