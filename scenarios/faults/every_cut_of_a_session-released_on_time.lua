-- SPDX-License-Identifier: Apache-2.0
-- Messages are small: no cut need be left out. A life is measured first, then it is lived once for every byte of
-- one of its messages at which its link can be cut, and the report is the table of them: when the server had let go of
-- it, and was to be had again. In the live world it is cut at the edges and in the middle of each message, unless
-- make cuts asks for every byte.
local every_byte = false

-- What is said in a life, each way, and the how manyeth of its kind it is.
local said = {
  to_service = {
    { "hello" }, { "InitServer" }, { "GetGlobalFunc" }, { "CallFunc" }, { "FreeHandle" }, { "DevAllocDataWithScope" },
    { "CopyToRemote" }, { "CopyFromRemote" }, { "DevFreeData" }, { "Shutdown" },
  },
  from_service = {
    { "reply" }, { "Return", 1 }, { "Return", 2 }, { "Return", 3 }, { "Return", 4 }, { "Return", 5 }, { "Return", 6 },
    { "CopyAck" }, { "Return", 7 },
  },
}

-- A case a message: which way it goes, and where in that.
local names, messages = {}, {}
for _, side in ipairs { "to_service", "from_service" } do
  for i, message in ipairs(said[side]) do
    local name = message[1] .. (message[2] and " " .. message[2] or "")
    names[#names + 1] = name
    messages[name] = { side = side, at = i, last = i == #said[side] }
  end
end

local function live(client)
  local session = client:request("test", { tries = 1, wait = "2s" })
  local f = session:get_function("rpc.test.strcat")
  f("a", 1)
  f:free()
  local array = session:array(8)
  array:write("12345678")
  array:read()
  array:free()
  session:close()
end

-- Where each message ends, the first one's beginning before them: a fault that does nothing is put behind each.
local function measure(w, client, server, side)
  local points = {}
  for i, message in ipairs(said[side]) do
    points[i] = w:fault { on = server, kind = "jitter", time = 0, after = message[1], nth = message[2] }
  end
  live(client)
  local ends = { [0] = 0 }
  for i, point in ipairs(points) do
    local _, byte = point:fired()
    ends[i] = byte
  end
  return ends
end

local function places_of(w, from, to)
  local places = {}
  if every_byte or w:world() == "sim" then
    for byte = from, to do places[#places + 1] = byte end
  else
    places = { from, from + 1, (from + to) // 2, to - 1 }
  end
  return places
end

local function ms(ns) return ("%.3f ms"):format(ns / 1e6) end

-- One life that is cut behind |place| bytes: how long after that it was released, and requestable again.
local function cut(w, case, client, server, place)
  local last = w:session(client, { waiting = true })
  local fault = w:fault { on = server, kind = case.kind, side = messages[case.message].side, after = place }
  pcall(live, client)
  local session = w:session(client, { waiting = true, after = last, first = true }) -- the one that was asked for
  local fired, byte, at = fault:fired()
  if fired ~= 1 or byte ~= place then error("cut at byte " .. byte .. ", not " .. place) end
  w:await(function() return session:requestable_at() end, "6s")
  local released, requestable = session:released_at() or session:requestable_at(), session:requestable_at()
  return math.max(released - at, 0), requestable - at
end

-- What the report says of one message: each run of bytes at which the same came of it.
local function tell(w, case, rows)
  local first = 1
  for i = 1, #rows do
    local next = rows[i + 1]
    local same = next and (w:world() == "live" or next[2] == rows[first][2] and next[3] == rows[first][3])
    if not same then
      local released, requestable = 0, 0
      for j = first, i do
        released, requestable = math.max(released, rows[j][2]), math.max(requestable, rows[j][3])
      end
      w:tell(("%-22s %s at %4d .. %4d: released after %s, requestable after %s"):format(case.message, case.kind,
        rows[first][1], rows[i][1], ms(released), ms(requestable)))
      first = i + 1
    end
  end
end

local function play(w, case)
  local message = messages[case.message]
  local tracker = w:tracker { relay = true }
  local server = w:server { key = "test", tracker = tracker, dialect = case.dialect, relay = true, handshake = "1s",
                            stalled = "1s", silence = "1s", unused = "1s" }
  local client = w:client { tracker = tracker, handshake = "1s", stalled = "1s", silence = "1s", unread = "1s" }
  local ends = measure(w, client, server, message.side)
  local from, to = ends[message.at - 1], ends[message.at] - (message.last and 0 or 1)
  local patience = case.kind == "black_hole" and 1.2e9 or 0.25e9
  -- before the server has the key nothing tells it whose slot is lost: it asks every 2 s what was granted
  local keyed = message.side == "to_service" and ends[1] or 1
  local rows, late = {}, 0
  local places = places_of(w, from, to)
  if w:world() == "live" and case.dialect == "legacy" and from == 0 then
    places = { from } -- the same in both dialects, and 2 s each
  end
  for _, place in ipairs(places) do
    local released, requestable = cut(w, case, client, server, place)
    rows[#rows + 1] = { place, released, requestable }
    local allowed = place >= keyed and patience or 2e9 + patience
    if requestable > allowed or (place >= keyed and released > patience) then late = late + 1 end
  end
  tell(w, case, rows)
  expect(late):is(0)
  expect(tracker):free("test", 1)
  expect(tracker):pending("test", 0)
end

scenario "a session whose link is cut behind any byte of its life is released on time, and its slot is back" {
  matrix = { kind = { "fin", "rst" }, message = names, dialect = { "ffi", "legacy" } },
  limit = "3600s",
  run = play,
}

scenario "a session whose link falls silent behind any byte of its life is released on time, and its slot is back" {
  matrix = { kind = { "black_hole" }, message = names, dialect = { "ffi", "legacy" } },
  worlds = { "sim" }, -- seconds for each byte: virtual time
  limit = "3600s",
  run = play,
}
