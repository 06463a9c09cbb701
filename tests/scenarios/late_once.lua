-- SPDX-License-Identifier: Apache-2.0
-- A session outlives its "close" by its timeout in the first try; in the second, which finds the first one's file,
-- it is closed. The client's word alone would be the same in both.
scenario "late once" {
  run = function(w)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local session = w:client { tracker = tracker }:request("test", { timeout = "2s" })
    local program = w:program { command = { "sh", "-c", [[
      read line
      if test -e "$LR_TEST_FLAG"; then echo ok second; else : > "$LR_TEST_FLAG"; echo ok first; fi
      read line ]] } }
    if program:step("close") == "second" then
      session:close()
    end
    expect(session):released { after = "close" }
  end,
}
