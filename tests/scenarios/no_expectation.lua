-- SPDX-License-Identifier: Apache-2.0
-- Everything works, and nothing is looked at.
scenario "a scenario checks nothing" {
  run = function(w)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    w:client { tracker = tracker }:request("test"):close()
  end,
}
