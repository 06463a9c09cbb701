-- SPDX-License-Identifier: Apache-2.0
-- For a week TVM's tracker lost the server that it tried to give to a client that had gone, and never answered the
-- PUT of it; until today it gives it to the dead first.
scenario "a server that comes back is given to the next client that lives, and not to one that has reset" {
  from   = "apache/tvm#1109, introduced by apache/tvm#1085",
  matrix = { gone = { "reset", "close", "finish" }, dead = { 1, 5 } },
  run = function(w, case)
    local tracker = w:tracker()
    local links = {}
    for i = 1, case.dead do
      links[i] = w:peer { name = "dead " .. i }:open(tracker)
      links[i]:send(string.pack("<i4s4", 0x2f271, '[4, "test", "", 9]'))
      links[i]:read(4)
      expect(tracker):pending("test", i)
    end
    for i = 1, case.dead do links[i][case.gone](links[i]) end
    expect(tracker):pending("test", 0, "1s")

    local client = w:client { tracker = tracker }
    local asking = w:spawn(function() return client:request("test", { wait = "5s" }) end)
    expect(tracker):pending("test", 1)
    w:server { key = "test", tracker = tracker } -- is up when its PUT has been answered
    local session = asking:join()
    expect(session:call("rpc.test.addone", 1)):is(2)
    session:close()
    expect(session):released { after = "close" }
    expect(tracker):free("test", 1)
    expect(tracker):pending("test", 0)
  end,
}
