-- SPDX-License-Identifier: Apache-2.0
scenario "late in each try" {
  run = function(w)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local session = w:client { tracker = tracker }:request("test", { timeout = "2s" })
    local program = w:program { command = { "sh", "-c", "read line; echo ok; read line" } }
    program:step("close")
    expect(session):released { after = "close" }
  end,
}
