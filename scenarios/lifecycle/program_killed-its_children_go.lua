-- SPDX-License-Identifier: Apache-2.0
-- What lastref starts, it ends: a client program's helpers would hold its descriptors, and so its session.
scenario "what a program has started goes with it when it is killed or stopped" {
  matrix = { ending = { "kill", "stop" } },
  worlds = { "live" },
  run = function(w, case)
    local parent = w:program {
      name = "parent", stepped = true,
      command = { "sh", "-c", "while read step; do sleep 60 >/dev/null & echo ok $!; done" },
    }
    local looking = w:program {
      name = "looking", stepped = true,
      command = { "sh", "-c", "while read pid; do kill -0 $pid 2>/dev/null && echo ok alive || echo ok gone; done" },
    }
    local child = parent:step("start")
    expect(looking:step(child)):is("alive")
    parent[case.ending](parent)
    local left
    for _ = 1, 20 do
      left = looking:step(child)
      if left == "gone" then break end
      w:pass("50ms")
    end
    expect(left):is("gone")
  end,
}
