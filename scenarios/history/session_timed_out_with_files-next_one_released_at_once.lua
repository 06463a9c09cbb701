-- SPDX-License-Identifier: Apache-2.0
-- What the files of a session that had been killed at its timeout did to the next: its process could not clean up,
-- and every session after it lasted until its timeout.
scenario "files of sessions that timed out are gone, and the next session is released at its close" {
  from   = "apache/tvm#19778, #3574, #2121 and #19840",
  matrix = { rounds = { 1, 5 }, file = { "at the top", "in folders" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local client = w:client { tracker = tracker }
    local name = case.file == "at the top" and "left.so" or "a/b/left.so"
    for _ = 1, case.rounds do
      local late = client:request("test", { timeout = "200ms" })
      late:upload(name, ("x"):rep(10000))
      late:array(4096)
      late:get_function("rpc.test.addone")
      expect(late):released { after = "timeout" }
      local session = client:request("test", { timeout = "20s", wait = "2s" })
      expect(function() session:download(name) end):fails(name) -- it has a folder of its own
      session:upload(name, "mine")
      session:close()
      expect(session):released { after = "close" }
    end
    expect(tracker):free("test", 1)
  end,
}
