-- SPDX-License-Identifier: Apache-2.0
-- Two farms that name their boards alike: what one tracker holds is nothing to the other.
scenario "two trackers with servers under one key count, grant and are judged each for itself" {
  run = function(w)
    local a, b = w:tracker(), w:tracker()
    w:server { key = "test", tracker = a }
    w:server { key = "test", tracker = b }
    w:pass("1s")
    expect(a):free("test", 1)
    expect(b):free("test", 1)
    w:pass("1s")
    local s = w:client { tracker = a }:request("test")
    w:pass("1s")
    expect(a):free("test", 0)
    expect(b):free("test", 1)
    s:close()
    expect(s):released { after = "close" }
  end,
}
