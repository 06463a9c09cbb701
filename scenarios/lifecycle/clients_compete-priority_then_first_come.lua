-- SPDX-License-Identifier: Apache-2.0
scenario "clients that wait for one server get it by priority, then in the order of their coming" {
  run = function(w)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local first = w:client { tracker = tracker }
    local holding = first:request("test")

    local order, sessions = {}, {}
    local function wait(name, priority)
      local client = w:client { tracker = tracker, name = name }
      local pending = #order
      w:spawn(function()
        local session = client:request("test", { priority = priority })
        order[#order + 1] = name
        sessions[name] = session
      end)
    end
    wait("low", 1);   expect(tracker):pending("test", 1)
    wait("high a", 5); expect(tracker):pending("test", 2)
    wait("high b", 5); expect(tracker):pending("test", 3)
    wait("urgent", 9); expect(tracker):pending("test", 4)

    holding:close()
    for _, name in ipairs { "urgent", "high a", "high b", "low" } do
      w:await(function() return sessions[name] ~= nil end, "2s")
      expect(order[#order]):is(name)
      sessions[name]:close()
      expect(sessions[name]):released { after = "close" }
    end
    expect(tracker):free("test", 1)
    expect(tracker):pending("test", 0)
  end,
}
