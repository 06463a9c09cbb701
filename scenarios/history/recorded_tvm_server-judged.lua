-- SPDX-License-Identifier: Apache-2.0
-- The recorded server answers by its recording, so our client asks what the recorded one did, in its order.
scenario "a recorded TVM server registers with our tracker, serves our client, and is requestable again" {
  matrix = { tvm = { "ffi", "legacy" } },
  run = function(w, case)
    local ffi = case.tvm == "ffi"
    local folder = ffi and "ffi-v0.26" or "legacy-v0.10.0"
    local tracker = w:tracker()
    local server = w:recorded {
      capture = "../../tests/golden/captures/" .. folder .. "/03_session_clean.jsonl",
      side = "server", dialect = case.tvm, tracker = tracker,
    }
    local client = w:client { tracker = tracker }
    local session = client:request("dev", { wait = "5s", timeout = 60 })
    expect(session:dialect()):is(case.tvm)

    local addone = session:get_function("rpc.test.addone")
    expect(addone(10)):is(11)
    expect(session:call("rpc.test.strcat", "abc", 11)):is("abc:11")
    expect(session:call("tvm.rpc.server.workpath", "x.bin")):contains("x.bin")
    local add_to_lhs = session:get_function("rpc.test.add_to_lhs")
    local add_ten = add_to_lhs(10)
    add_to_lhs:free()
    expect(add_ten(20)):is(30)
    add_ten:free()
    local again = session:get_function("rpc.test.addone")
    expect(again(1.5)):is(2.5)
    again:free()
    session:get_function(ffi and "rpc.test.remote_tensor_func" or "rpc.test.remote_array_func"):free()
    addone:free()

    session:close()
    expect(session):released { after = "close" }
    expect(server):played()
  end,
}
