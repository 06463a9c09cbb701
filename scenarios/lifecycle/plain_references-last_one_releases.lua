-- SPDX-License-Identifier: Apache-2.0
scenario "with plain references only the last one to go releases a session" {
  run = function(w)
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local client = w:client { tracker = tracker }

    local session = client:request("test")
    local second = session:ref()
    local third = session:ref()

    session:unref()
    expect(second):held { by = client, during = "200ms" }
    second:unref()
    expect(third):held { by = client, during = "200ms" }
    third:unref()
    expect(third):released { after = "last reference" }
    expect(tracker):free("test", 1)
  end,
}
