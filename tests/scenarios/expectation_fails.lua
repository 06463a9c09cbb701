-- SPDX-License-Identifier: Apache-2.0
-- An answer is wrong: what comes behind is not reached.
scenario "one and one are three" {
  run = function(w)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local session = w:client { tracker = tracker }:request("test")
    expect(session:call("rpc.test.addone", 1)):is(3)
    expect("this line"):is("never reached")
  end,
}
