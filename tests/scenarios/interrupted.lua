-- SPDX-License-Identifier: Apache-2.0
scenario "a case is interrupted" {
  matrix = { n = { 1, 2, 3 } },
  run = function(w)
    expect(1):is(1)
    w:pass("30s")
  end,
}
