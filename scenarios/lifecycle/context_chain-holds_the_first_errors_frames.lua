-- SPDX-License-Identifier: Apache-2.0
scenario "an error raised while another is handled holds the first one's frames through __context__" {
  matrix = { kept_by = { "nobody", "a list of errors" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython("3.11") }
    py:connect_tracker(tracker)
    local errors = py:list()
    local r
    py:call("main", function()
      py:try(function()
        py:call("measure", function(frame)
          py:try(function()
            py:call("run_on", function(inner)
              inner.remote = py:globals().t:request("test")
              r = inner.remote
              inner.remote:call("rpc.test.except", "no such kernel")
            end)
          end, "err", function() py:raise("MeasureError", "the run failed") end)
        end)
      end, "err", function(err)
        if case.kept_by ~= "nobody" then errors:append(err) end
        expect(r):alive()
      end)
    end)
    if case.kept_by ~= "nobody" then
      expect(r):held_by("global items", "exception MeasureError", "__context__", "exception RPCError", "frame run_on",
                        "local remote")
      expect(r):held { by = py, during = "50ms" }
      errors:clear()
    end
    expect(r):gone()
    expect(r):released { after = "last reference" }
    expect(tracker):free("test", 1)
  end,
}
