-- SPDX-License-Identifier: Apache-2.0
-- The script goes wrong by itself, behind an expectation that holds.
scenario "a script goes wrong" {
  run = function(w)
    expect(1):is(1)
    local nobody
    nobody:close()
  end,
}
