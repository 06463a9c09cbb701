#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds in fuzz/corpus/ from the captures in tests/golden/captures/.

Each seed is two bytes of head (what to do, no allocation fails) and a piece of a capture; see the
targets. Of what looks alike only a few are kept. Run it again after new captures; the seeds are
committed.
"""
import collections
import hashlib
import json
import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent
CAPTURES = HERE.parent / "tests" / "golden" / "captures"
DIALECTS = {"legacy": 0, "ffi": 1}
EACH_MAX = 2  # seeds of one look
BYTES_MAX = 600  # larger ones teach nothing more
PING, REQUEST, SUMMARY, MATCHKEYS = 1, 4, 6, 7


class Corpus:
    def __init__(self):
        self.looks = collections.Counter()
        self.written = collections.Counter()

    def add(self, target, choice, data, look):
        """Keeps |data| for |target| unless there are enough that look like it."""
        if len(data) > BYTES_MAX or self.looks[target, choice, look] >= EACH_MAX:
            return
        seed = bytes([choice, 0]) + data
        path = HERE / "corpus" / target / hashlib.sha256(seed).hexdigest()[:16]
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(seed)
        self.looks[target, choice, look] += 1
        self.written[target] += 1


def connections(path):
    """(link, {direction: bytes}) of each connection in a capture."""
    found = {}
    for line in path.read_text().splitlines():
        event = json.loads(line)
        if event.get("ev") == "open":
            found[event["conn"]] = (event["link"], {"c2s": b"", "s2c": b""})
        elif "hex" in event:
            found[event["conn"]][1][event["dir"]] += bytes.fromhex(event["hex"])
    return found.values()


def frames(stream, at, form):
    """Bodies behind lengths of the struct format |form|; stops at what is cut."""
    head = struct.calcsize(form)
    while at + head <= len(stream):
        (size,) = struct.unpack_from(form, stream, at)
        if size < 0 or at + head + size > len(stream):
            return
        yield stream[at + head:at + head + size]
        at += head + size


def add_packet(corpus, dialect, body):
    code = struct.unpack_from("<i", body)[0] if len(body) >= 4 else 0
    skip = {2: 12 + 5, 3: 12}.get(code, 4)  # InitServer's version, CallFunc's handle
    look = (code, body[skip:skip + 8] if code not in (6, 7, 8) else 0)
    corpus.add("packet", dialect, body, look)
    if code not in (0, 1, 6, 7, 8):
        corpus.add("values", dialect, body[skip:], look)


def add_data_plane(corpus, dialect, streams):
    for stream in streams.values():
        corpus.add("packet", 4, stream[:BYTES_MAX], "stream")
        keys = list(frames(stream[4:8 + 256], 0, "<i"))[:1]
        for key in keys:
            corpus.add("packet", 2, key, "key")
        behind = 8 + len(keys[0]) if keys else len(stream)
        for body in frames(stream, behind, "<Q"):
            add_packet(corpus, dialect, body)


def answers_to(text):
    """The codes of the requests that |text| may answer."""
    if text.startswith(b"[0, {"):
        return [SUMMARY]
    if text.startswith(b"[0, ["):
        return [REQUEST]
    return [MATCHKEYS] if text.startswith(b"[") else [PING, 2, 3, 5]


def add_control_plane(corpus, streams):
    corpus.add("packet", 3, streams["c2s"][:BYTES_MAX], "stream")
    for text in frames(streams["c2s"], 4, "<i"):
        corpus.add("tracker_msg", 0, text, text[:6])
    for text in frames(streams["s2c"], 4, "<i"):
        for code in answers_to(text):
            corpus.add("tracker_msg", code, text, len(text) // 16)


def main():
    corpus = Corpus()
    for old in (HERE / "corpus").glob("*/*"):
        old.unlink()
    for path in sorted(CAPTURES.glob("*/*.jsonl")):
        dialect = DIALECTS[path.parent.name.split("-")[0]]
        for link, streams in connections(path):
            if link == "client-server":
                add_data_plane(corpus, dialect, streams)
            else:
                add_control_plane(corpus, streams)
    for target, count in sorted(corpus.written.items()):
        print(f"{target}: {count} seeds")


if __name__ == "__main__":
    main()
