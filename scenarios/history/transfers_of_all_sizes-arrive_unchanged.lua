-- SPDX-License-Identifier: Apache-2.0
-- TVM's ring buffer repeated bytes after a partial send, overran its block when it shrank, and kept what it had
-- grown to; single reads and writes were taken for whole ones.
scenario "transfers of all sizes, in any order, arrive unchanged, and what they needed is given back" {
  from   = "apache/tvm#14662, #5514, #1741, #7838 and #17284",
  matrix = { order = { "large then small", "small then large", "mixed" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local client = w:client { tracker = tracker }
    local sizes = { 14000000, 1, 4095, 4096, 4097, 0, 65537, 1000003 }
    if case.order == "small then large" then table.sort(sizes) end
    if case.order == "mixed" then table.sort(sizes, function(a, b) return a % 7 < b % 7 end) end
    local session = client:request("test")
    for i, size in ipairs(sizes) do
      local unit = string.format("%d:%d.", i, size) .. "\0\1\255"
      local text = unit:rep(size // #unit + 1):sub(1, size)
      session:upload("file", text)
      expect(session:download("file") == text):is(true)
      if size > 0 then
        local array = session:array(size)
        array:write(text)
        expect(array:read() == text):is(true)
        array:free()
      end
      expect(session:call("rpc.test.strcat", "size", size)):is("size:" .. size)
    end
    session:close()
    expect(session):released { after = "close" }
    expect(tracker):free("test", 1)
  end,
}
