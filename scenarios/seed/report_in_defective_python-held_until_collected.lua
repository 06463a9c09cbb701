-- SPDX-License-Identifier: Apache-2.0
-- The report in real CPythons that have its defect: getaddrinfo answers a kind of 0, the enum raises and keeps
-- its exception in a local, and the session of the function that connected hangs off that cycle. On Windows
-- getaddrinfo answers so by itself; elsewhere it is made to. The wire alone is judged.
scenario "in a CPython with the enum defect a session outlives `del` until the collector runs" {
  from   = "Trouble with RPC session",
  matrix = {
    python  = { "3.7.3", "3.7.7", "3.7.9", "3.9.2", "3.7.9-windows", "3.9.2-windows" },
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
    expect(client:step("getrefcount r")):is("3")
    local session = w:session(client)
    client:step("del r")
    expect(session):held { by = client, during = "500ms" }
    client:step("gc 0")
    expect(session):released { after = "last reference" }
    expect(session:shutdown_seen()):is(true)
    expect(tracker):free("test", 1)
  end,
}
