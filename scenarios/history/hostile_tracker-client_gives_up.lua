-- SPDX-License-Identifier: Apache-2.0
-- TVM's client waits for a tracker's answers without a limit, and takes whatever length it is told.
scenario "a client gives up a tracker that is silent or talks nonsense, and says why" {
  from   = "TVM: client.py, TrackerSession (docs/history.md, F22); apache/tvm#2505",
  matrix = {
    tracker = {
      "silent at the magic", "wrong magic", "answer -1", "no JSON", "length -1", "length 2^31-1", "half an answer",
      "a grant of nobody", "a port of 0", "fin", "rst",
    },
  },
  run = function(w, case)
    local peer = w:peer { name = "hostile", serves = "tracker" }
    local client = w:client { tracker = peer, handshake = "500ms", stalled = "500ms" }
    local asking = w:spawn(function() return pcall(client.request, client, "test", { tries = 1 }) end)
    local link = peer:accept()
    local magic = string.pack("<i4", 0x2f271)
    expect(link:read(4)):is(magic)
    local answers = {
      ["answer -1"]         = string.pack("<s4", "-1"),
      ["no JSON"]           = string.pack("<s4", "nonsense"),
      ["length -1"]         = string.pack("<i4", -1),
      ["length 2^31-1"]     = string.pack("<i4", 0x7fffffff) .. "[0",
      ["half an answer"]    = string.pack("<i4", 40) .. '[0, ["127.0',
      ["a grant of nobody"] = string.pack("<s4", '[0, ["127.0.0.1", 1, "test:0.5"]]'),
      ["a port of 0"]       = string.pack("<s4", '[0, ["127.0.0.1", 0, "test:0.5"]]'),
    }
    if case.tracker == "wrong magic" then
      link:send(string.pack("<i4", 0x2f299))
    elseif case.tracker ~= "silent at the magic" then
      link:send(magic)
      expect(link:answer()):contains('"test"')
      if answers[case.tracker] then link:send(answers[case.tracker])
      elseif case.tracker == "fin" then link:close()
      else link:reset() end
    end
    local before = w:now()
    local ok, why = asking:join()
    expect(ok):is(false)
    expect(#why > 10):is(true)
    expect(w:now() - before < 1600000000):is(true)
  end,
}
