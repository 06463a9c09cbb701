-- SPDX-License-Identifier: Apache-2.0
-- TVM's handles are pointers of the server: another session's is taken, and a freed one crashes it.
scenario "what one session holds is nothing to another, at the same time or after it" {
  matrix = { dialect = { "ffi", "legacy" }, other = { "at the same time", "afterwards" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker, dialect = case.dialect, sessions = 2 }
    local client = w:client { tracker = tracker }
    local owner = client:request("test")
    local array = owner:array(64)
    if case.other == "afterwards" then
      owner:close()
      expect(owner):released { after = "close" }
    end

    local session = client:request("test")
    local own = session:array(64)
    expect(function() session:call("rpc.test.remote_array_func", array) end):fails("no handle")
    own:write(string.rep("a", 64))
    expect(own:read()):is(string.rep("a", 64))
    session:close()
    expect(session):released { after = "close" }
    if case.other == "at the same time" then
      array:write(string.rep("b", 64))
      expect(array:read()):is(string.rep("b", 64))
      owner:close()
      expect(owner):released { after = "close" }
    end
    expect(tracker):free("test", 2)
  end,
}
