-- SPDX-License-Identifier: Apache-2.0
-- The audit at a case's end asks the servers what they still hold, and the world what it has not got back.
scenario "functions, arrays and files that a client leaves behind go with its session" {
  matrix = { dialect = { "ffi", "legacy" }, ending = { "close", "rst", "killed" } },
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker, dialect = case.dialect }
    local client = w:client { tracker = tracker }
    local session = client:request("test")

    local functions, arrays = {}, {}
    for i = 1, 20 do
      functions[i] = session:call("rpc.test.add_to_lhs", i)
      arrays[i] = session:array(10000 * i)
    end
    expect(functions[7](3)):is(10)
    arrays[3]:write(string.rep("abc", 10000))
    expect(arrays[3]:read()):is(string.rep("abc", 10000))
    session:upload("folder/left.bin", "left behind")
    expect(session:download("folder/left.bin")):is("left behind")

    if case.ending == "close" then
      session:close()
    elseif case.ending == "rst" then
      w:fault { on = session, kind = "rst" }:fired()
    else
      client:kill()
    end
    expect(session):released()
    expect(tracker):free("test", 1)
  end,
}
