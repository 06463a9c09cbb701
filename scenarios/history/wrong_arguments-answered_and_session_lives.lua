-- SPDX-License-Identifier: Apache-2.0
-- A client of one language calls with the arguments of last year's version: out of range on the other side.
scenario "a call with wrong arguments is answered by an exception, and its session lives" {
  from   = "apache/tvm#11232",
  matrix = { dialect = { "ffi", "legacy" }, wrong = { "none", "too few", "too many", "of a wrong type" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker, dialect = case.dialect }
    local client = w:client { tracker = tracker }
    local session = client:request("test")
    local arguments = {
      ["none"]            = {},
      ["too few"]         = { "rpc.test.addone" },
      ["too many"]        = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 },
      ["of a wrong type"] = { "x", 2.5, "x", "y", "z", "a", true, 1.5, 1, 0, 0, 0 },
    }
    for _, name in ipairs { "runtime.RPCTimeEvaluator", "tvm.rpc.server.upload",
                            "tvm.rpc.server.ImportModule", "rpc.test.remote_array_func" } do
      local ok, why = pcall(session.call, session, name, table.unpack(arguments[case.wrong]))
      expect(ok):is(false)
      expect(#why > 5):is(true)
      expect(session:call("rpc.test.addone", 1)):is(2)
    end
    session:close()
    expect(session):released { after = "close" }
    expect(tracker):free("test", 1)
  end,
}
