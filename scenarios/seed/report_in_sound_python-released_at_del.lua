-- SPDX-License-Identifier: Apache-2.0
-- The same program, the same answer of getaddrinfo, in CPythons that clear the exception's locals: the last
-- reference is the last one, and nobody has to call the collector.
scenario "in a CPython without the enum defect a session ends at `del`" {
  from   = "Trouble with RPC session",
  matrix = {
    python  = { "3.9.6", "3.10.2", "3.11.3", "3.13.0", "3.9.6-windows" },
    dialect = { "legacy", "ffi" },
  },
  worlds = { "live" },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker, dialect = case.dialect }
    local client = w:python_client {
      python    = case.python,
      dialect   = case.dialect,
      kind_zero = not case.python:find("windows"),
    }
    expect(client:step("version")):is((case.python:gsub("%-windows", "")))

    client:step("check-remote r " .. tracker:host() .. " " .. tracker:port() .. " test 60")
    expect(client:step("getrefcount r")):is("2")
    local session = w:session(client)
    client:step("del r")
    expect(session):released { after = "last reference" }
    expect(session:shutdown_seen()):is(true)
    expect(client:step("gc 0")):is("0")
    expect(tracker):free("test", 1)
  end,
}
