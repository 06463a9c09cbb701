-- SPDX-License-Identifier: Apache-2.0
-- What the defect keeps is the frames that were on the stack when the enum raised. A session is released at
-- `del` where none of those frames has it as a local when it returns, where a collection came between, and
-- where getaddrinfo names its kinds, in the very interpreters that otherwise hold it.
scenario "a CPython with the enum defect holds only what the connecting function had as a local" {
  from   = "Trouble with RPC session",
  matrix = {
    python = { "3.7.3", "3.9.2", "3.9.2-windows" },
    shape  = { "no local", "collected while connecting", "collected before del", "another frame",
               "kinds are named" },
  },
  worlds = { "live" },
  run = function(w, case)
    local windows = case.python:find("windows") ~= nil
    local named   = case.shape == "kinds are named"
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker, dialect = "legacy" }
    local client = w:python_client { python = case.python, kind_zero = not windows and not named }

    local arguments = " r " .. tracker:host() .. " " .. tracker:port() .. " test 60"
    if case.shape == "no local" then
      client:step("check-remote-no-local" .. arguments)
    elseif case.shape == "collected while connecting" then
      client:step("check-remote-collecting" .. arguments)
    elseif case.shape == "another frame" then
      client:step("tracker t " .. tracker:host() .. " " .. tracker:port())
      client:step("request r t test 60")
    else
      client:step("check-remote" .. arguments)
    end
    local session = w:session(client)
    if case.shape == "collected before del" then
      expect(client:step("getrefcount r")):is("3")
      client:step("gc 0")
    end

    if named and windows then
      -- there the kind is 0 whatever the program does: the control of this case
      expect(client:step("getrefcount r")):is("3")
      client:step("del r")
      expect(session):held { by = client, during = "300ms" }
      client:step("gc 0")
    else
      expect(client:step("getrefcount r")):is("2")
      client:step("del r")
    end
    expect(session):released { after = "last reference" }
    expect(tracker):free("test", 1)
  end,
}
