-- SPDX-License-Identifier: Apache-2.0
-- The port is the tracker's already.
scenario "a server does not start" {
  run = function(w)
    local tracker = w:tracker()
    expect(tracker:port() > 0):is(true)
    w:server { key = "test", port = tracker:port(), tracker = tracker }
  end,
}
