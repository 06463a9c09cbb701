-- SPDX-License-Identifier: Apache-2.0
-- Needs what no machine has.
scenario "real TVM is needed" {
  matrix = { tvm = { "ffi", "legacy" } },
  run = function(w, case)
    expect(1):is(1)
    local python = w:tvm_client { tvm = case.tvm }
    expect(python:pid()):is(0)
  end,
}
