-- SPDX-License-Identifier: Apache-2.0
-- Needs an interpreter that nobody installs.
scenario "a real CPython is needed" {
  matrix = { kind_zero = { true, false } },
  worlds = { "live" },
  run = function(w, case)
    expect(1):is(1)
    local client = w:python_client { python = "3.9.2-elsewhere", kind_zero = case.kind_zero }
    expect(client:step("version")):is("3.9.2")
  end,
}
