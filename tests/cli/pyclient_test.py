# SPDX-License-Identifier: Apache-2.0
"""The client in pure Python: its bytes, its sessions at our roles, and its word in scenarios."""
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

from peers import SECONDS, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "mocks", "pyclient"))

import session  # noqa: E402 (found by the line above)
import wire  # noqa: E402

VALUES = (None, 5, -1, 0.5, "t\u00e9", b"\x00\xff", wire.Handle(7))

SCENARIO = """
scenario "the client in pure Python" {
  matrix = { dialect = { "legacy", "ffi" } },
  worlds = { "live" },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "te:st", tracker = tracker, dialect = case.dialect }
    local client = w:python_client { python = "any", dialect = case.dialect }
    client:step("check-remote r " .. tracker:host() .. " " .. tracker:port() .. " te%3Ast 60")
    expect(client:step("invoke r rpc.test.addone 1")):is("i:2")
    expect(client:step("invoke r rpc.test.strcat s:a%20b 3")):is("s:a%20b:3")
    expect(client:step("invoke r rpc.test.except s:boom", { may_fail = true })):contains("boom")
    expect(client:step("func f r no.such", { may_fail = true })):contains("error AttributeError")
    client:step("func f r rpc.test.addone")
    local session = w:session(client)
    client:step("del r")
    expect(session):held { by = client, during = "100ms" }
    expect(client:step("call f 41")):is("i:42")
    client:step("del f")
    expect(session):released { after = "last reference" }
    expect(client:step("alive r")):is("no")
    expect(client:step("log")):contains("check-remote r te%3Ast 60 -> r=alive; func f")
    expect(client:step("log")):contains("__del__(r)")
    client:step("tracker t " .. tracker:host() .. " " .. tracker:port())
    client:step("request s t te%3Ast")
    client:step("cycle s")
    expect(client:step("alive s")):is("yes")
    session = w:session(client, { after = session })
    client:step("gc")
    expect(session):released { after = "last reference" }
    expect(session:shutdown_seen()):is(true)
    expect(client:step("alive s")):is("no")
    expect(client:step("request", { may_fail = true })):contains("usage:")
    expect(client:step("close s", { may_fail = true })):contains("usage:")
    expect(tracker):free("te:st", 1)
  end,
}
"""


class Wire(unittest.TestCase):
    def test_each_dialect_lays_a_sequence_out_its_own_way(self):
        self.assertEqual(wire.LEGACY.pack(5, None), struct.pack("<iiiq", 2, 0, 4, 5))
        self.assertEqual(wire.FFI.pack(5, None), struct.pack("<iiqi", 2, 1, 5, 0))
        self.assertEqual(wire.LEGACY.pack("ab"), struct.pack("<iiQ", 1, 11, 2) + b"ab")
        self.assertEqual(wire.FFI.pack(b"ab"), struct.pack("<iiQ", 1, 9, 2) + b"ab")

    def test_what_is_packed_is_unpacked(self):
        for dialect in wire.DIALECTS.values():
            self.assertEqual(tuple(dialect.unpack(dialect.pack(*VALUES))), VALUES)

    def test_the_other_dialect_and_every_cut_are_refused(self):
        for dialect, other in ((wire.LEGACY, wire.FFI), (wire.FFI, wire.LEGACY)):
            data = dialect.pack(*VALUES)
            self.assertRaises(wire.WireError, other.unpack, data)
            self.assertRaises(wire.WireError, dialect.unpack, data + b"\x00")
            for size in range(len(data)):
                self.assertRaises(wire.WireError, dialect.unpack, data[:size])

    def test_counts_and_sizes_beyond_the_packet_are_refused(self):
        for dialect in wire.DIALECTS.values():
            for data in (struct.pack("<i", -1), struct.pack("<i", 1 << 30),
                         struct.pack("<iiQ", 1, dialect.codes["str"], 1 << 62)):
                self.assertRaises(wire.WireError, dialect.unpack, data)


class Saying(object):
    """A peer that says |data| to whoever connects, and keeps what it hears."""

    def __init__(self, data):
        self.heard = b""
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(1)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, args=(data,), daemon=True)
        self.thread.start()

    def serve(self, data):
        conn = self.listener.accept()[0]
        conn.settimeout(SECONDS)
        conn.sendall(data)
        while True:
            more = conn.recv(4096)
            if not more:
                break
            self.heard += more
        conn.close()
        self.listener.close()

    def end(self):
        self.thread.join(SECONDS)
        assert not self.thread.is_alive()


class Sessions(unittest.TestCase):
    accepted = struct.pack("<ii", 0xFF271, 6) + b"server"

    def void(self, null):
        return struct.pack("<Qi", 12, wire.RETURN) + struct.pack("<ii", 1, null)

    def test_the_last_reference_says_shutdown_and_closes(self):
        peer = Saying(self.accepted + self.void(4))
        remote = session.connect("127.0.0.1", peer.port, "k:0.5", wire.LEGACY, 2.5)
        alias = remote
        del remote
        self.assertTrue(peer.thread.is_alive())
        del alias
        peer.end()
        key = b"client:k:0.5 -timeout=2.5"
        begin = struct.pack("<ii", 0xFF271, len(key)) + key
        init = struct.pack("<QiQ", 4 + 8 + 5 + 4, 2, 5) + b"0.8.0" + struct.pack("<i", 0)
        self.assertEqual(peer.heard, begin + init + struct.pack("<Qi", 4, 1))

    def test_a_server_of_the_other_dialect_is_left(self):
        peer = Saying(self.accepted + self.void(0))
        with self.assertRaisesRegex(wire.WireError, "dialect"):
            session.connect("127.0.0.1", peer.port, "k", wire.LEGACY)
        peer.end()

    def test_a_server_that_refuses_ends_in_an_error(self):
        peer = Saying(struct.pack("<i", 0xFF273))
        with self.assertRaisesRegex(wire.WireError, "no match"):
            session.connect("127.0.0.1", peer.port, "k", wire.FFI)
        peer.end()

    def test_what_is_no_tracker_is_an_error(self):
        peer = Saying(struct.pack("<i", 7))
        with self.assertRaisesRegex(wire.WireError, "no tracker"):
            session.connect_tracker("127.0.0.1", peer.port, wire.FFI)
        peer.end()

    def test_a_message_of_absurd_size_is_refused(self):
        peer = Saying(struct.pack("<ii", 0x2F271, 0x7FFFFFFF))
        tracker = session.connect_tracker("127.0.0.1", peer.port, wire.FFI)
        self.assertRaises(wire.WireError, tracker.summary)
        del tracker
        peer.end()


class KindZero(unittest.TestCase):
    PROGRAM = """
import kind_zero, socket
kind_zero.install()
print(*[int(found[1]) for found in socket.getaddrinfo("127.0.0.1", 9190)])
print(*[int(found[1]) for found in socket.getaddrinfo("127.0.0.1", 9190, type=socket.SOCK_STREAM)])
"""

    def test_kinds_are_left_out_where_none_was_asked_for(self):
        out = subprocess.run([sys.executable, "-B", "-c", self.PROGRAM], stdout=subprocess.PIPE, check=True,
                             env=dict(os.environ, PYTHONPATH=sys.path[0]), timeout=SECONDS).stdout
        first, second = out.decode().split("\n")[:2]
        self.assertEqual(set(first.split()), {"0"})
        self.assertEqual(second, "1")


class OnStage(unittest.TestCase):
    def test_a_scenario_drives_it_in_the_interpreter_that_it_names(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "paths"), "w") as paths:
                paths.write("any=%s\n" % sys.executable)
            script = os.path.join(folder, "pyclient.lua")
            with open(script, "w") as file:
                file.write(SCENARIO)
            status, out, errors = run(
                "run", script, "--strict", "--programs", os.path.join(ROOT, "scenarios", "programs"),
                env={"LASTREF_INTERPRETERS_DIR": folder})
        self.assertEqual(status, 0, out + errors)
        self.assertIn("2 as expected", out)


if __name__ == "__main__":
    unittest.main()
