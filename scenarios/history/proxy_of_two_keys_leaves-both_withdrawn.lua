-- SPDX-License-Identifier: Apache-2.0
-- TVM's tracker once looked for a proxy's servers under the key of its info, "server:proxy[a,b]", and kept them.
scenario "when a proxy leaves, the servers that it offered under other keys are withdrawn" {
  from   = "apache/tvm#9210",
  matrix = { ending = { "close", "reset", "finish" } },
  run = function(w, case)
    local tracker = w:tracker()
    local link = w:peer { name = "proxy" }:open(tracker)
    link:send(string.pack("<i4", 0x2f271))
    link:read(4)
    link:tell('[5, {"key": "server:proxy[a,b]", "addr": [null, 4711]}]')
    link:tell('[3, "a", [4711, "a:0.1"], null]')
    link:tell('[3, "b", [4711, "b:0.1"], null]')
    link:tell('[3, "b", [4711, "b:0.2"], null]')
    for _ = 1, 4 do expect(link:answer()):is("0") end
    expect(tracker):free("a", 1)
    expect(tracker):free("b", 2)
    link[case.ending](link)
    expect(tracker):free("a", 0, "1s")
    expect(tracker):free("b", 0, "1s")
  end,
}
