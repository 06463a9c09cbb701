-- SPDX-License-Identifier: Apache-2.0
-- `del remote` is not the end where an array, a function or a device that came from it is still around.
scenario "what a session gave out keeps it alive after its variable has gone" {
  matrix = { kept = { "array", "function", "device", "all of them" },
             cause = { "last reference", "close", "scope", "process death", "session timeout" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local py = w:client { runtime = cpython("3.8.10") }
    py:connect_tracker(tracker)
    local r = py:globals().t:request("test", { timeout = "300ms" })
    local kept, paths = {}, {}
    local function keep(name, value, path)
      if case.kept == name or case.kept == "all of them" then
        kept[#kept + 1] = value
        paths[#paths + 1] = path
      else
        py:del(value)
      end
    end
    local array = r:array(64)
    local addone = r:get_function("rpc.test.addone")
    array:write(string.rep("x", 64))
    keep("array", array, "instance RemoteArray")
    keep("function", addone, "instance RemoteFunction")
    keep("device", r:device(), "instance Device")
    py:del(r)
    for _, one in ipairs(paths) do
      if #paths == 1 then expect(r):held_by("module __main__", one, "RPCSession") end
    end
    expect(r):held { by = py, during = "20ms" }
    if case.kept == "array" then expect(array:read()):is(string.rep("x", 64)) end
    if case.kept == "function" then expect(addone(1)):is(2) end

    if case.cause == "last reference" then
      for i, value in ipairs(kept) do
        expect(r):alive()
        py:del(value)
      end
      expect(r):gone()
    elseif case.cause == "close" then r:close()
    elseif case.cause == "scope" then py:with(r, function() end)
    elseif case.cause == "process death" then py:kill()
    end
    expect(r):released { after = case.cause == "session timeout" and "timeout" or nil }
    expect(tracker):free("test", 1)
  end,
}
