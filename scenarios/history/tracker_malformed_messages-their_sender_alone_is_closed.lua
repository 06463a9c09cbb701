-- SPDX-License-Identifier: Apache-2.0
-- Before 0.25 TVM's tracker left such a connection without an answer for ever, or let it fill its memory.
scenario "who sends a tracker a malformed message is closed at once, and nobody else is disturbed" {
  from   = "apache/tvm#19586, and the findings on the tracker in C++ of apache/tvm#19830",
  matrix = {
    message = {
      "length 0", "length -1", "length 2^31-1", "no JSON", "no list", "unknown code", "priority of text",
      "priority NaN", "info of text", "put without a port", "put of a port beyond 65535", "key of 1 MiB",
    },
  },
  run = function(w, case)
    local messages = {
      ["length 0"]                   = string.pack("<i4", 0),
      ["length -1"]                  = string.pack("<i4", -1),
      ["length 2^31-1"]              = string.pack("<i4", 0x7fffffff) .. "[1]",
      ["no JSON"]                    = string.pack("<s4", "[1, "),
      ["no list"]                    = string.pack("<s4", "{}"),
      ["unknown code"]               = string.pack("<s4", "[99]"),
      ["priority of text"]           = string.pack("<s4", '[4, "test", "", "high"]'),
      ["priority NaN"]               = string.pack("<s4", '[4, "test", "", NaN]'),
      ["info of text"]               = string.pack("<s4", '[5, "server:test"]'),
      ["put without a port"]         = string.pack("<s4", '[3, "test", ["test:0.1"], null]'),
      ["put of a port beyond 65535"] = string.pack("<s4", '[3, "test", [70000, "test:0.1"], null]'),
      ["key of 1 MiB"]               = string.pack("<s4", '[4, "' .. ("k"):rep(1048560) .. '", "", 1]'),
    }
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local client = w:client { tracker = tracker }
    local session = client:request("test")
    local waiting = w:peer { name = "waiting" }
    local other = waiting:open(tracker)
    other:send(string.pack("<i4s4", 0x2f271, '[4, "other", "", 1]'))
    expect(other:read(4)):is(string.pack("<i4", 0x2f271))

    local peer = w:peer { name = "malformed" }
    local link = peer:open(tracker)
    link:send(string.pack("<i4", 0x2f271))
    link:read(4)
    link:send(messages[case.message])
    expect(link:ended("2s")):is("fin")

    other:tell("[1]") -- what others have asked and are is as it was
    expect(other:answer()):is("0")
    expect(tracker):pending("other", 1)
    expect(tracker):pending("test", 0)
    expect(session:call("rpc.test.addone", 1)):is(2)
    session:close()
    expect(session):released { after = "close" }
    expect(tracker):free("test", 1)
  end,
}
