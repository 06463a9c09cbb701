-- SPDX-License-Identifier: Apache-2.0
-- Requests of one tick of the clock were compared by what cannot be compared, and lost.
local function join(peer, tracker)
  local link = peer:open(tracker)
  link:send(string.pack("<i4", 0x2f271))
  link:read(4)
  return link
end

local function put(link, i)
  link:tell(string.format('[3, "test", [4711, "test:0.%03d"], null]', i))
  expect(link:answer()):is("0")
end

scenario "a burst of requests of one priority in one segment is served, and none is lost" {
  from   = "apache/tvm#7389",
  matrix = { count = { 2, 500 } },
  run = function(w, case)
    local tracker = w:tracker()
    local asking = w:peer { name = "asking" }:open(tracker)
    local burst = {}
    for i = 1, case.count do burst[i] = string.pack("<s4", string.format('[4, "test", "user %d", 1]', i)) end
    asking:send(string.pack("<i4", 0x2f271) .. table.concat(burst))
    asking:read(4)
    expect(tracker):pending("test", case.count)
    local putting = join(w:peer { name = "putting" }, tracker)
    for i = 1, case.count do put(putting, i) end
    for i = 1, case.count do expect(asking:answer()):contains(string.format("test:0.%03d", i)) end
    putting:tell("[7]")
    expect(putting:answer()):is("[]")
    expect(tracker):pending("test", 0)
    expect(tracker):free("test", 0)
  end,
}

scenario "requests of one priority are served in the order of their coming, whoever asks" {
  from = "apache/tvm#7389",
  run = function(w)
    local tracker = w:tracker()
    local links = {}
    for i = 1, 20 do
      links[i] = join(w:peer { name = "asking " .. i }, tracker)
      links[i]:tell('[4, "test", "", 1]')
      expect(tracker):pending("test", i)
    end
    local putting = join(w:peer { name = "putting" }, tracker)
    for i = 1, 20 do
      put(putting, i)
      expect(links[i]:answer()):contains(string.format("test:0.%03d", i))
    end
    expect(tracker):pending("test", 0)
  end,
}
