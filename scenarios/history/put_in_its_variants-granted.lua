-- SPDX-License-Identifier: Apache-2.0
-- What servers in C++, of Android and behind proxies sent was not what the tracker in Python wanted that year: they
-- hung at registering, or were listed under an address that was none.
scenario "a server registers in every variant of PUT and UPDATE_INFO that TVM's servers have sent, and is granted" {
  from   = "apache/tvm#8203, #8388, #9192, #9210, #1283 and #10945",
  matrix = {
    variant = { "no custom address", "null", "custom address", "info without an address", "info with a port only",
                "no info", "spaces", "escapes" },
  },
  run = function(w, case)
    local tracker = w:tracker()
    local link = w:peer { name = "putting" }:open(tracker)
    link:send(string.pack("<i4", 0x2f271))
    link:read(4)
    local infos = {
      ["info without an address"] = '[5, {"key": "server:test"}]',
      ["no info"]                 = false,
      ["spaces"]                  = ' [ 5 , { "key" : "server:test" , "addr" : [ null , 4711 ] } ] ',
      ["escapes"]                 = '[5, {"key": "server:\\u0074est", "addr": [null, 4711]}]',
      ["info with a port only"]   = '[5, {"key": "server:test", "addr": [null, 4711]}]',
    }
    local puts = {
      ["no custom address"] = '[3, "test", [4711, "test:0.25"]]',
      ["custom address"]    = '[3, "test", [4711, "test:0.25"], "board.example"]',
      ["spaces"]            = '[ 3 , "test" , [ 4711 , "test:0.25" ] , null ]',
      ["escapes"]           = '[3, "\\u0074est", [4711, "test:0.25"], null]',
    }
    local info = infos[case.variant]
    if info == nil then info = '[5, {"key": "server:test", "addr": [null, 4711]}]' end
    if info then
      link:tell(info)
      expect(link:answer("2s")):is("0")
    end
    link:tell(puts[case.variant] or '[3, "test", [4711, "test:0.25"], null]')
    expect(link:answer("2s")):is("0")
    expect(tracker):free("test", 1)

    local asking = w:peer { name = "asking" }:open(tracker)
    asking:send(string.pack("<i4s4", 0x2f271, '[4, "test", "", 1]'))
    asking:read(4)
    local host = case.variant == "custom address" and "board.example" or tracker:host()
    expect(asking:answer()):is(string.format('[0, ["%s", 4711, "test:0.25"]]', host))
    link:close()
    expect(tracker):free("test", 0)
  end,
}
