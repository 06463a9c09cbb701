-- SPDX-License-Identifier: Apache-2.0
scenario "a case takes too long" {
  limit = "200ms",
  run = function(w)
    expect(1):is(1)
    w:pass("100s")
  end,
}
