-- SPDX-License-Identifier: Apache-2.0
-- What stands behind a blank in a handshake is an option: a server whose key has one registers, is granted, and lets
-- nobody in. Each grant is lost until its time is over, as if its client had died.
scenario "a server whose key has a blank is refused when it starts, and not by each of its clients" {
  from   = "TVM: server.py, _accept_conn: it takes the key apart at blanks",
  matrix = { key = { "two words", "tab\tbed", " ahead", "behind " } },
  run = function(w, case)
    local tracker = w:tracker()
    expect(function() w:server { key = case.key, tracker = tracker } end):fails("blank")
    w:server { key = "one-word", tracker = tracker }
    local client = w:client { tracker = tracker }
    for key in pairs(client:summary()) do expect(key):is("one-word") end
    local session = client:request("one-word")
    session:close()
    expect(session):released { after = "close" }
    expect(tracker):free("one-word", 1)
  end,
}
