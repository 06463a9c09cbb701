-- SPDX-License-Identifier: Apache-2.0
scenario "a server's functions answer as those of TVM's server do, in both dialects" {
  matrix = { dialect = { "ffi", "legacy" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker, dialect = case.dialect }
    local client = w:client { tracker = tracker }
    local session = client:request("test")
    expect(session:dialect()):is(case.dialect)

    expect(session:call("rpc.test.addone", 41)):is(42)
    expect(session:call("rpc.test.addone", 1.5)):is(2.5)
    expect(session:call("rpc.test.strcat", "abc", 11)):is("abc:11")
    expect(session:call("rpc.test.add_to_lhs", 10)(20)):is(30)
    expect(session:get_function("no.such.function")):is(nil)
    expect(function() session:call("rpc.test.except", "boom") end):fails("boom")
    expect(function() session:call("tvm.rpc.server.load_module", "x.so") end):fails("module")
    expect(function() session:download("never-uploaded") end):fails("never-uploaded")
    for _, name in ipairs { "../escape", "/etc/passwd", "a/../../b" } do
      expect(function() session:upload(name, "x") end):fails("refused")
    end
    expect(function() session:upload("", "x") end):fails("name")
    local f = session:get_function("rpc.test.addone")
    f:free()
    expect(function() f(1) end):fails("handle")
    expect(session:call("rpc.test.addone", 1)):is(2) -- none of it has ended the session

    session:upload("data.bin", "\0\1\2\255")
    expect(session:download("data.bin")):is("\0\1\2\255")
    session:remove("data.bin")
    expect(function() session:download("data.bin") end):fails("data.bin")
    session:close()
    expect(session):released { after = "close" }
  end,
}
