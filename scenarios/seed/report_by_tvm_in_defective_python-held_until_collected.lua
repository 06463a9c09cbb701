-- SPDX-License-Identifier: Apache-2.0
-- The whole stack of the report: TVM's own client, in an interpreter whose enum has the defect again, with a
-- getaddrinfo that answers as on Windows; tracker and server ours, or TVM's too.
scenario "TVM's client holds a deleted session until the collector runs, where the enum has the defect" {
  from   = "Trouble with RPC session",
  matrix = {
    python   = { "defective", "as it is" },
    service  = { "ours", "tvm" },
    ended_by = { "collector", "close" },
  },
  worlds = { "live" },
  run = function(w, case)
    local tracker
    if case.service == "ours" then
      tracker = w:tracker()
      w:server { key = "test", tracker = tracker, dialect = "legacy" }
    else
      tracker = w:tvm_tracker { tvm = "legacy" }
      w:tvm_server { tvm = "legacy", key = "test", tracker = tracker }
    end
    local defective = case.python == "defective"
    local client = w:tvm_client { tvm = "legacy", python = defective and "legacy-defective" or nil }

    client:step("check-remote r " .. tracker:host() .. " " .. tracker:port() .. " test 60")
    expect(client:step("refcount r")):is(defective and "3" or "2")
    local session = w:session(client)
    -- TVM's server ends a process and then sends its PUT in two writes: its own pace, not a budget of ours
    local tvms = case.service ~= "ours" and "2s" or nil
    if case.ended_by == "close" then
      client:step("close r")
      expect(session):released { after = "close", within = tvms, requestable = tvms }
    else
      client:step("del r")
      if defective then
        expect(session):held { by = client, during = "500ms" }
        client:step("gc 0")
      end
      expect(session):released { after = "last reference", within = tvms, requestable = tvms }
    end
    expect(tracker):free("test", 1)
  end,
}
