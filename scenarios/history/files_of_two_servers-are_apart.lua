-- SPDX-License-Identifier: Apache-2.0
-- TVM's servers in C++ that run in one folder share their sessions' folder: the end of one takes the files of all.
scenario "the end of one server's session takes no file of another's" {
  from   = "TVM: cpp_rpc, RPCEnv (docs/history.md, F32e)",
  matrix = { servers = { "two", "one of two slots" }, ending = { "close", "rst", "timeout" } },
  run = function(w, case)
    local tracker = w:tracker()
    local slots = case.servers == "two" and 1 or 2
    w:server { key = "test", tracker = tracker, sessions = slots }
    if slots == 1 then w:server { key = "test", tracker = tracker } end
    local client = w:client { tracker = tracker }
    local first = client:request("test", { timeout = case.ending == "timeout" and "300ms" or "60s" })
    local second = client:request("test")
    first:upload("lib.so", "of the first")
    second:upload("lib.so", "of the second")
    expect(first:download("lib.so")):is("of the first")
    if case.ending == "close" then
      first:close()
    elseif case.ending == "rst" then
      expect(w:fault { on = first, kind = "rst" }:fired()):is(1)
    end
    expect(first):released { after = case.ending }
    expect(second:download("lib.so")):is("of the second")
    second:close()
    expect(second):released { after = "close" }
    expect(tracker):free("test", 2)
  end,
}
