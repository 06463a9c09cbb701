-- SPDX-License-Identifier: Apache-2.0
scenario "a tracker that dies at any step costs no session, and has its servers again within 5 s of its return" {
  matrix = {
    ending = { "killed", "stopped" },
    step   = { "idle", "while a client waits", "in a session", "between grant and handshake", "as a session ends" },
  },
  run = function(w, case)
    local tracker = w:tracker()
    local port = tracker:port()
    local server = w:server { key = "test", tracker = tracker }
    w:server { key = "busy", tracker = tracker }
    local client = w:client { tracker = tracker }
    local busy = client:request("busy")
    local session, work
    if case.step == "while a client waits" then
      work = w:spawn(function() return pcall(client.request, client, "busy", { tries = 1 }) end)
      expect(tracker):pending("busy", 1)
    elseif case.step == "in a session" or case.step == "as a session ends" then
      session = client:request("test")
    elseif case.step == "between grant and handshake" then
      local peer = w:peer { name = "slow" }
      local asking = peer:open(tracker)
      asking:send(string.pack("<i4s4", 0x2f271, '[4, "test", "", 1]'))
      asking:read(4)
      local matchkey = asking:answer():match('"(test:[%d.]+)"')
      work = w:spawn(function()
        w:pass("300ms")
        local link = peer:open(server)
        link:send(string.pack("<i4s4", 0xff271, "client:" .. matchkey))
        local answer = link:read(4)
        link:close()
        return answer
      end)
    end
    if case.step == "as a session ends" then session:close() end
    tracker[case.ending == "killed" and "kill" or "stop"](tracker)
    w:pass("1s")
    if session and case.step == "in a session" then
      expect(session:call("rpc.test.addone", 1)):is(2)
      session:close()
    end
    if case.step == "between grant and handshake" then expect(work:join()):is(string.pack("<i4", 0xff271)) end
    if case.step == "while a client waits" then expect((work:join())):is(false) end
    expect(busy:call("rpc.test.addone", 1)):is(2)

    local again = w:tracker { port = port, name = "again" }
    expect(again):free("test", 1, "5s")
    busy:close()
    expect(busy):released { after = "close", requestable = "6s" }
    expect(again):free("busy", 1, "5s")
    expect(again):pending("busy", 0)
    local last = client:request("test", { wait = "1s" })
    expect(last:call("rpc.test.addone", 1)):is(2)
    last:close()
    expect(last):released { after = "close" }
  end,
}
