-- SPDX-License-Identifier: Apache-2.0
-- TVM up to 0.10 looked for the queue under what stands before the first colon: the dead server stayed free for ever.
scenario "a server whose key has colons is served, and withdrawn when it has gone" {
  from   = "apache/tvm#13420",
  matrix = { key = { "a:b", "android:arm64", ":", "a:b:0.5" }, ending = { "kill", "stop" } },
  run = function(w, case)
    local tracker = w:tracker()
    local server = w:server { key = case.key, tracker = tracker }
    local client = w:client { tracker = tracker }
    local session = client:request(case.key)
    expect(session:call("rpc.test.addone", 1)):is(2)
    session:close()
    expect(session):released { after = "close" }
    expect(tracker):free(case.key, 1)
    expect(client:summary()[case.key].free):is(1)

    server[case.ending](server)
    expect(tracker):free(case.key, 0, "1s")
    expect((pcall(client.request, client, case.key, { wait = "200ms" }))):is(false)
    expect(tracker):pending(case.key, 0)
  end,
}
