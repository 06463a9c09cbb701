-- SPDX-License-Identifier: Apache-2.0
-- Who has asked all that it wants to know may say so: FIN is no reason to drop what it still reads.
scenario "a peer that sends no more behind its question gets the tracker's answer, and then its FIN" {
  matrix = { question = { "PING", "SUMMARY", "a long SUMMARY" } },
  run = function(w, case)
    local tracker = w:tracker()
    for i = 1, case.question == "a long SUMMARY" and 60 or 1 do
      w:server { key = ("k"):rep(60) .. i, tracker = tracker }
    end
    local link = w:peer { name = "asking" }:open(tracker)
    link:send(string.pack("<i4s4", 0x2f271, case.question == "PING" and "[1]" or "[6]"))
    link:finish()
    expect(link:read(4)):is(string.pack("<i4", 0x2f271))
    expect(link:answer()):contains("0")
    expect(link:ended("1s")):is("fin")
  end,
}
