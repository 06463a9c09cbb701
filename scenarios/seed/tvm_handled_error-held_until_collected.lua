-- SPDX-License-Identifier: Apache-2.0
-- TVM 0.14 to 0.20: raise_last_ffi_error kept the error in a local of its own, so any handled remote error
-- left a cycle from which the frames of the callers hang, and their session.
scenario "a handled remote error keeps the session of its caller until the collector runs" {
  from   = "Trouble with RPC session",
  matrix = { tvm = { "legacy" }, ended_by = { "collector", "close" } },
  worlds = { "live" },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker, dialect = case.tvm }
    local client = w:tvm_client { tvm = case.tvm }
    client:step("tracker t " .. tracker:host() .. " " .. tracker:port())
    client:step("request s t test 60")
    client:step("handled-error s rpc.test.except s:boom")
    local session = w:session(client)
    local minor = tonumber(client:step("dialect"):match("0%.(%d+)"))
    if minor < 14 then -- of another version than the usual one: no cycle yet
      expect(client:step("refcount s")):is("2")
      client:step("del s")
      expect(session):released { after = "last reference" }
      expect(tracker):free("test", 1)
      return
    end
    expect(client:step("refcount s")):is("3")

    if case.ended_by == "close" then
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
