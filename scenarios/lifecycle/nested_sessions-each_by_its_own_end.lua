-- SPDX-License-Identifier: Apache-2.0
scenario "nested scopes end their sessions from the inside out, also when an error leaves them all" {
  matrix = { left = { "at its end", "by an error" } },
  run = function(w, case)
    local tracker = w:tracker()
    for _, key in ipairs { "board", "gpu", "dsp" } do w:server { key = key, tracker = tracker } end
    local py = w:client { runtime = cpython("3.8.8") } -- one that leaks where nothing is scoped
    local sessions = {}
    local function nested(frame, keys, i)
      if i > #keys then
        expect(sessions[1]:call("rpc.test.addone", 1)):is(2)
        if case.left == "by an error" then py:raise("RuntimeError", "left early") end
        return
      end
      frame[keys[i]] = frame.t:request(keys[i])
      sessions[i] = frame[keys[i]]
      py:with(sessions[i], function() nested(frame, keys, i + 1) end)
      expect(sessions[i]):released { after = "end of scope" }
      if i > 1 then expect(sessions[i - 1]:closed()):is(false) end
    end
    local function measure()
      py:call("measure", function(frame)
        frame.t = py:connect_tracker(tracker)
        nested(frame, { "board", "gpu", "dsp" }, 1)
      end)
    end
    if case.left == "by an error" then
      expect(measure):fails("RuntimeError: left early")
    else
      measure()
    end
    for i, key in ipairs { "board", "gpu", "dsp" } do
      expect(sessions[i]):alive() -- by the cycle of connect, or by sys.last_traceback: it does not matter
      expect(sessions[i]):released { after = "end of scope" }
      expect(tracker):free(key, 1)
    end
  end,
}
