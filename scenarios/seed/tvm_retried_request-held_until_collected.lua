-- SPDX-License-Identifier: Apache-2.0
-- The report's cycle, alive in the newest TVM under any Python: TrackerSession.request keeps the error of the
-- try that failed in a local; error, traceback and frame are a cycle, and the caller's frame hangs off it.
scenario "a session whose request was retried outlives its last reference until the collector runs" {
  from   = "Trouble with RPC session",
  matrix = { tvm = { "ffi", "legacy" }, ended_by = { "collector", "close" } },
  worlds = { "live" },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker, dialect = case.tvm }
    local client = w:tvm_client { tvm = case.tvm }
    client:step("tracker t " .. tracker:host() .. " " .. tracker:port())
    client:step("request-retried s t test 60")
    expect(client:step("refcount s")):is("3")
    local session = w:session(client)

    local minor = tonumber(client:step("dialect"):match("0%.(%d+)"))
    if case.ended_by == "close" and minor >= 11 then -- before, there is no such thing
      client:step("close s")
      expect(session):released { after = "close" }
    else
      client:step("del s")
      expect(session):held { by = client, during = "500ms" }
      client:step("gc 0")
      expect(session):released { after = "last reference" }
    end
    expect(tracker):free("test", 1)
  end,
}
