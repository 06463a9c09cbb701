-- SPDX-License-Identifier: Apache-2.0
-- The client believes that it has closed; the wire does not show it, as nothing passes any more.
scenario "a close that nobody hears releases nothing" {
  run = function(w)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local session = w:client { tracker = tracker }:request("test")
    local hole = w:fault { on = session, kind = "black_hole" }
    session:close()
    expect(session):released { after = "close" }
  end,
}
