-- SPDX-License-Identifier: Apache-2.0
-- Bytes of running TVM, on every machine: recorded clients of both dialects against our tracker and server.
scenario "a recorded TVM client is served as it was by TVM, and released when it leaves" {
  matrix = {
    tvm       = { "ffi", "legacy" },
    recording = { "03_session_clean", "04_copy" },
  },
  run = function(w, case)
    local folder = case.tvm == "ffi" and "ffi-v0.26" or "legacy-v0.10.0"
    local tracker = w:tracker()
    w:server { key = "dev", tracker = tracker, dialect = case.tvm }
    local client = w:recorded {
      capture = "../../tests/golden/captures/" .. folder .. "/" .. case.recording .. ".jsonl",
      side = "client", dialect = case.tvm, tracker = tracker,
    }
    expect(client):played()
    local session = w:session(client)
    expect(session):released { after = "close" }
    expect(tracker):free("dev", 1)
  end,
}

scenario "a recorded TVM client that reset or left within a packet is released at once" {
  matrix = { recording = { "06e_client_reset", "06f_client_cut_packet" } },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "dev", tracker = tracker, dialect = "legacy" }
    local client = w:recorded {
      capture = "../../tests/golden/captures/legacy-v0.10.0/" .. case.recording .. ".jsonl",
      side = "client", dialect = "legacy", tracker = tracker,
    }
    expect(client):played()
    local session = w:session(client, { waiting = true }) -- it never came to InitServer
    expect(session):released { after = case.recording == "06e_client_reset" and "rst" or "end inside a packet" }
    expect(tracker):free("dev", 1)
  end,
}
