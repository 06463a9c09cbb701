-- SPDX-License-Identifier: Apache-2.0
-- The lesson of the report: `del session` says nothing about the session's end. Whatever it gave away keeps it.
scenario "a deleted session of a real TVM client is held by what it gave, and released when that goes" {
  from   = "Trouble with RPC session",
  matrix = {
    tvm    = { "ffi", "legacy" },
    holder = { "function", "array", "exception", "closure" },
  },
  worlds = { "live" },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker, dialect = case.tvm }
    local client = w:tvm_client { tvm = case.tvm }
    client:step("tracker t " .. tracker:host() .. " " .. tracker:port())
    local minor = tonumber(client:step("dialect"):match("0%.(%d+)"))
    client:step("request s t test 60")

    local hold = {
      ["function"] = "func held s rpc.test.addone",
      array        = "array held s 1024",
      exception    = "keep-error held s rpc.test.except s:boom",
      closure      = "closure held s",
    }
    client:step(hold[case.holder])
    client:step("del s")
    local session = w:session(client)
    expect(session):held { by = client, during = "500ms" }
    expect(session:describe()):contains("pid " .. client:pid())
    expect(session:describe()):contains("idle for")

    client:step("del held")
    if case.holder == "exception" and minor >= 14 and minor <= 20 then
      -- TVM 0.14 to 0.20 keeps the error in a frame of its own: the exception is part of a cycle (F35)
      expect(session):held { by = client, during = "300ms" }
      client:step("gc 0")
    end
    expect(session):released { after = "last reference" }
    expect(tracker):free("test", 1)
  end,
}
