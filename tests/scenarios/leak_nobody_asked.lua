-- SPDX-License-Identifier: Apache-2.0
-- All that is asked for holds, and a session is never released.
scenario "a session leaks, and nobody asks" {
  run = function(w)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local session = w:client { tracker = tracker }:request("test")
    w:fault { on = session, kind = "black_hole" }
    expect(session:closed()):is(false)
  end,
}
