-- SPDX-License-Identifier: Apache-2.0
-- What a client and a server say to the tracker, cut behind every byte, each way. The report is the table: when the
-- tracker was right again, the server to be had, and nobody waited for a client that was gone.
local said = {
  client = { to_service = { "magic", "REQUEST" }, from_service = { "magic", "grant" } },
  server = { to_service = { "magic", "UPDATE_INFO", "PUT" }, from_service = { "magic", "answer", "answer" } },
}

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
local function speak(w, case, tracker)
  if case.who == "client" then
    local client = w:client(with { tracker = tracker })
    pcall(ask, client)
    return client
  end
  return w:server(with { key = "test", tracker = tracker, unused = "1s" })
end

local function measure(w, case, tracker)
  local points, seen = {}, {}
  for i, name in ipairs(said[case.who][case.side]) do
    seen[name] = (seen[name] or 0) + 1
    points[i] = w:fault { on = tracker, kind = "jitter", time = 0, after = name, side = case.side, nth = seen[name] }
  end
  local party = speak(w, case, tracker)
  local ends = {}
  for i, point in ipairs(points) do
    local _, byte = point:fired()
    ends[i] = byte
  end
  party:stop()
  return ends
end

scenario "a link to the tracker that is cut behind any byte leaves no request behind, and no server unregistered" {
  matrix = {
    kind = { "fin", "rst", "black_hole" },
    side = { "to_service", "from_service" },
    who  = { "client", "server" },
  },
  worlds = { "sim" }, -- seconds of waiting, byte by byte: virtual time
  limit  = "3600s",
  run = function(w, case)
    local tracker = w:tracker(with {})
    local usual = case.who == "client" and 1 or 0 -- servers that are there all the time
    if usual == 1 then w:server { key = "test", tracker = tracker, unused = "1s" } end
    expect(tracker):free("test", usual)
    local ends = measure(w, case, tracker)
    local from = 0
    for i, name in ipairs(said[case.who][case.side]) do
      local worst, late = 0, 0
      for place = from, ends[i] - (i == #ends and 0 or 1) do
        expect(tracker):free("test", usual, "6s")
        local fault = w:fault { on = tracker, kind = case.kind, side = case.side, after = place }
        local party = speak(w, case, tracker)
        local fired, byte, at = fault:fired()
        if fired ~= 1 or byte ~= place then error("cut at byte " .. byte .. ", not " .. place) end
        if case.who == "client" and case.kind == "fin" and place > 0 then
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
      w:tell(("%-12s %s at %3d .. %3d: right again after %s at most"):format(name, case.kind, from, ends[i] - 1,
        ms(worst)))
      expect(late):is(0)
      from = ends[i]
    end
    local client = w:client { tracker = tracker }
    if usual == 0 then w:server { key = "test", tracker = tracker } end
    local session = client:request("test", { wait = "3s" })
    expect(session:call("rpc.test.addone", 1)):is(2)
    session:close()
    expect(session):released { after = "close" }
  end,
}
