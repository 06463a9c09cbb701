-- SPDX-License-Identifier: Apache-2.0
-- Three cases: two as expected, one not.
scenario "values are small" {
  matrix = { n = { 1, 2, 3 } },
  run = function(w, case)
    expect(case.n < 3):is(true)
  end,
}
