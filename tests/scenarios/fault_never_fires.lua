-- SPDX-License-Identifier: Apache-2.0
-- The session ends long before so many bytes have passed.
scenario "a fault never fires" {
  run = function(w)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local session = w:client { tracker = tracker }:request("test")
    w:fault { on = session, kind = "rst", after = 1000000000 }
    session:close()
    expect(session):released { within = "20s", requestable = "20s" }
  end,
}
