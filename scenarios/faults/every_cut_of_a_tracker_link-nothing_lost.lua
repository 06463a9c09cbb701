-- SPDX-License-Identifier: Apache-2.0
-- What a client and a server say to the tracker, cut behind every byte, each way. The report is the table: when the
-- tracker was right again, the server to be had, and nobody waited for a client that was gone.
local said = {
  client = { to_service = { "magic", "REQUEST" }, from_service = { "magic", "grant" } },
  server = { to_service = { "magic", "UPDATE_INFO", "PUT" }, from_service = { "magic", "answer", "answer" } },
}

-- A case a message: who has it on its link, which way it goes, and where in that.
local names, messages = {}, {}
for _, who in ipairs { "client", "server" } do
  for _, side in ipairs { "to_service", "from_service" } do
    for i, what in ipairs(said[who][side]) do
      local name = ("%s %s %s, %d"):format(what, side == "to_service" and "of" or "to", who, i)
      names[#names + 1] = name
      messages[name] = { who = who, side = side, at = i, last = i == #said[who][side] }
    end
  end
end

local function ask(client)
  local session = client:request("test", { tries = 1, wait = "2s" })
  session:close()
end

local function ms(ns) return ("%.3f ms"):format(ns / 1e6) end

local patience = { handshake = "1s", stalled = "1s", silence = "1s", unread = "1s" }

local function with(options)
  for name, value in pairs(patience) do options[name] = options[name] or value end
  return options
end

-- What |who| says on a new link to the tracker, from the link's beginning; ended afterwards.
local function speak(w, who, tracker)
  if who == "client" then
    local client = w:client(with { tracker = tracker })
    pcall(ask, client)
    return client
  end
  return w:server(with { key = "test", tracker = tracker, unused = "1s" })
end

local function measure(w, message, tracker)
  local points, seen = {}, {}
  for i, name in ipairs(said[message.who][message.side]) do
    seen[name] = (seen[name] or 0) + 1
    points[i] = w:fault { on = tracker, kind = "jitter", time = 0, after = name, side = message.side, nth = seen[name] }
  end
  local party = speak(w, message.who, tracker)
  local ends = { [0] = 0 }
  for i, point in ipairs(points) do
    local _, byte = point:fired()
    ends[i] = byte
  end
  party:stop()
  return ends
end

scenario "a link to the tracker that is cut behind any byte leaves no request behind, and no server unregistered" {
  matrix = { kind = { "fin", "rst", "black_hole" }, message = names },
  worlds = { "sim" }, -- seconds of waiting, byte by byte: virtual time
  limit  = "3600s",
  run = function(w, case)
    local message = messages[case.message]
    local tracker = w:tracker(with {})
    local usual = message.who == "client" and 1 or 0 -- servers that are there all the time
    if usual == 1 then w:server { key = "test", tracker = tracker, unused = "1s" } end
    expect(tracker):free("test", usual)
    local ends = measure(w, message, tracker)
    local from, to = ends[message.at - 1], ends[message.at] - (message.last and 0 or 1)
    local worst, late = 0, 0
    for place = from, to do
      expect(tracker):free("test", usual, "6s")
      local fault = w:fault { on = tracker, kind = case.kind, side = message.side, after = place }
      local party = speak(w, message.who, tracker)
      local fired, byte, at = fault:fired()
      if fired ~= 1 or byte ~= place then error("cut at byte " .. byte .. ", not " .. place) end
      if message.who == "client" and case.kind == "fin" and place > 0 then
        -- who has asked and said FIN is answered: nobody sees that grant on a cut link until its server takes it back
        w:pass("2100ms")
      end
      expect(tracker):free("test", 1, "7s")
      expect(tracker):pending("test", 0, "2s")
      local took = w:now() - at
      worst = math.max(worst, took)
      if took > 5.2e9 then late = late + 1 end
      party:stop()
    end
    w:tell(("%-24s %s at %3d .. %3d: right again after %s at most"):format(case.message, case.kind, from, to,
      ms(worst)))
    expect(late):is(0)
    local client = w:client { tracker = tracker }
    if usual == 0 then w:server { key = "test", tracker = tracker } end
    local session = client:request("test", { wait = "3s" })
    expect(session:call("rpc.test.addone", 1)):is(2)
    session:close()
    expect(session):released { after = "close" }
  end,
}
