-- SPDX-License-Identifier: Apache-2.0
-- A server of microcontrollers ended itself when a client freed an object that was no module.
local function open(w, tracker, server)
  local peer = w:peer { name = "by hand" }
  local asking = peer:open(tracker)
  asking:send(string.pack("<i4s4", 0x2f271, '[4, "test", "", 1]'))
  asking:read(4)
  local matchkey = asking:answer():match('"(test:[%d.]+)"')
  local link = peer:open(server)
  link:send(string.pack("<i4s4", 0xff271, "client:" .. matchkey))
  link:read(4); link:answer()
  link:send(string.pack("<s8", string.pack("<i4s8i4", 2, "0.8.0", 0)))
  link:packet()
  return link, w:session(peer)
end

scenario "a handle is freed whatever it is of, and whatever is freed twice or never was is refused" {
  from   = "apache/tvm#16647",
  matrix = { dialect = { "ffi", "legacy" }, freed = { "once", "twice", "never given out" } },
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:server { key = "test", tracker = tracker, dialect = case.dialect }
    local link, session = open(w, tracker, server)
    local ffi = case.dialect == "ffi"
    local function get(name)
      link:send(string.pack("<s8", ffi and string.pack("<i4i4i4s8", 9, 1, 8, name)
                                   or string.pack("<i4i4i4s8", 9, 1, 11, name)))
      return string.unpack("<I8", link:packet(), 13)
    end
    local function free(handle, kind) -- the code of the answer: 4 is Return, 5 an Exception
      link:send(string.pack("<s8", ffi and string.pack("<i4i4i4I8", 10, 1, 4, handle)
                                   or string.pack("<i4i4i4i4I8i8", 10, 2, 3, 0, handle, kind)))
      return string.unpack("<i4", link:packet())
    end
    local handle = get("rpc.test.addone")
    if case.freed == "never given out" then
      expect(free(handle + 1000, 10)):is(5)
    else
      expect(free(handle, 10)):is(4)
      if case.freed == "twice" then expect(free(handle, 10)):is(5) end
    end
    expect(get("rpc.test.strcat") > 0):is(true) -- the session lives
    link:send(string.pack("<s8", string.pack("<i4", 1)))
    expect(link:ended("1s")):is("fin")
    expect(tracker):free("test", 1)
    expect(session:shutdown_seen()):is(true)
  end,
}
