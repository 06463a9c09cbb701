-- SPDX-License-Identifier: Apache-2.0
scenario "the end of its scope releases a session although a reference remains" {
  matrix = { left = { "at its end", "by an error" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local client = w:client { tracker = tracker }

    local kept
    local ok = pcall(function()
      local session <close> = client:request("test")
      kept = session:ref()
      expect(session:call("rpc.test.strcat", "abc", 11)):is("abc:11")
      if case.left == "by an error" then error("left early") end
    end)
    expect(ok):is(case.left == "at its end")
    expect(kept):released { after = "end of scope" }
    expect(tracker):free("test", 1)
  end,
}
