# SPDX-License-Identifier: Apache-2.0
"""Limits as options: each is set low, and what goes beyond is refused where the default lets it pass."""
import json
import socket
import struct
import threading
import unittest

from peers import SECONDS, TRACKER_MAGIC, Command, FixedTracker, free_port, run, turned_away

RPC_MAGIC = 0xFF271


class Limits(unittest.TestCase):
    def start(self, role, *arguments, host="127.0.0.1"):
        """The role on a port of its own, and that port."""
        port = free_port()
        command = Command(role, "--host", host, "--port", port, "--port-end", port + 50, *arguments)
        self.addCleanup(command.end)
        return command, int(command.wait_for("bind to").rsplit(":", 1)[1])

    def connect(self, port):
        peer = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self.addCleanup(peer.close)
        return peer

    def rest(self, peer):
        """What comes until the connection ends; it has to."""
        data = b""
        try:
            more = peer.recv(65536)
            while more:
                data += more
                more = peer.recv(65536)
        except ConnectionResetError:
            pass
        return data


class Tracker(Limits):
    FAIL = struct.pack("<i", 2) + b"-1"

    def join(self, port):
        peer = self.connect(port)
        peer.sendall(struct.pack("<i", TRACKER_MAGIC))
        self.assertEqual(peer.recv(4, socket.MSG_WAITALL), struct.pack("<i", TRACKER_MAGIC))
        return peer

    def say(self, peer, message):
        text = json.dumps(message).encode()
        peer.sendall(struct.pack("<i", len(text)) + text)

    def test_a_key(self):
        _, port = self.start("tracker", "--key-max", 4)
        peer = self.join(port)
        self.say(peer, [4, "12345", "", 1])
        self.assertEqual(self.rest(peer), self.FAIL)

    def test_a_message(self):
        _, port = self.start("tracker", "--message-max", 64)
        peer = self.join(port)
        self.say(peer, [4, "k" * 64, "", 1])
        self.assertEqual(self.rest(peer), self.FAIL)

    def test_connections(self):
        _, port = self.start("tracker", "--connections-max", 1)
        first = self.join(port)
        self.assertTrue(turned_away(port))
        self.say(first, [6])
        self.assertTrue(first.recv(4), "the first one is undisturbed")

    def test_entries_of_one_connection(self):
        _, port = self.start("tracker", "--entries-max", 1)
        peer = self.join(port)
        self.say(peer, [4, "none", "", 1])
        self.say(peer, [4, "none", "", 1])
        self.assertEqual(self.rest(peer), self.FAIL)

    def test_answers_that_a_peer_does_not_read_and_the_time_it_has(self):
        tracker, port = self.start("tracker", "--unsent-max", 1, "--unread", "0.2", "--message-max",
                                   "16M", "--backlog-max", "16M")
        peer = self.join(port)
        self.say(peer, [4, "k" * 4000, "", 1])  # so that a summary is long
        question = struct.pack("<i", 3) + b"[6]"
        try:
            peer.sendall(question * 20000)  # 80 MB of answers: more than any socket holds
        except ConnectionError:
            pass  # it has been told already
        tracker.wait_for("does not read")

    def test_the_time_until_a_connection_has_said_who_it_is(self):
        tracker, port = self.start("tracker", "--handshake", "0.1")
        self.assertEqual(self.rest(self.connect(port)), b"")
        self.assertTrue(tracker.wait_for("no magic came in time"))

    def test_the_time_for_a_message_that_has_begun(self):
        tracker, port = self.start("tracker", "--stalled", "0.1")
        peer = self.join(port)
        peer.sendall(struct.pack("<i", 100))
        self.rest(peer)
        self.assertTrue(tracker.wait_for("the rest of a message did not come in time"))


class Server(Limits):
    def call(self, port, *arguments):
        return run("call", "--server", "127.0.0.1:%d" % port, *arguments)

    def refused(self, port, text, *arguments):
        status, out, errors = self.call(port, *arguments)
        self.assertEqual((status, out), (1, ""))
        self.assertIn(text, errors)

    def session(self, port):
        peer = self.connect(port)
        peer.sendall(struct.pack("<ii", RPC_MAGIC, 7) + b"client:")
        size = struct.unpack("<ii", peer.recv(8, socket.MSG_WAITALL))[1]
        peer.recv(size, socket.MSG_WAITALL)
        return peer

    def test_a_key(self):
        _, port = self.start("server", "--key-max", 8)
        self.refused(port, "does not know the key", "--key", "much too long", "rpc.test.addone", 1)

    def test_a_packet(self):
        _, port = self.start("server", "--packet-max", 64)
        peer = self.session(port)
        peer.sendall(struct.pack("<Q", 65))
        self.assertIn(b"more than 64 bytes", self.rest(peer))

    def test_values(self):
        _, port = self.start("server", "--values-max", 1)
        self.assertEqual(self.call(port, "rpc.test.addone", 1)[:2], (0, "i:2\n"))
        self.refused(port, "RPCError", "rpc.test.strcat", "a", 1)

    def test_handles(self):
        _, port = self.start("server", "--handles-max", 1)
        self.assertEqual(self.call(port, "rpc.test.addone", 1)[:2], (0, "i:2\n"))
        self.refused(port, "at most 1 handle", "rpc.test.add_to_lhs", 1)

    def test_memory(self):
        _, port = self.start("server", "--memory-max", 1000)
        self.assertEqual(self.call(port, "tvm.rpc.server.upload", "a", "b:" + "00" * 100)[:2],
                         (0, "null\n"))
        self.refused(port, "MemoryError", "tvm.rpc.server.upload", "a", "b:" + "00" * 1001)

    def test_connections(self):
        _, port = self.start("server", "--connections-max", 1)
        self.session(port)
        self.assertTrue(turned_away(port))

    def test_the_time_until_a_connection_has_shown_its_key(self):
        server, port = self.start("server", "--handshake", "0.1")
        peer = self.connect(port)
        place = "%s:%d" % peer.getsockname()[:2]
        self.assertEqual(self.rest(peer), b"")
        self.assertTrue(server.wait_for(place + ": handshake not finished in time"))

    def test_the_time_for_a_packet_that_has_begun(self):
        _, port = self.start("server", "--stalled", "0.1")
        peer = self.session(port)
        peer.sendall(struct.pack("<Q", 64))
        self.assertIn(b"did not go on in time", self.rest(peer))


class FarEnd:
    """Accepts one connection, sends |replies|, each after as many bytes as it says, and then nothing."""

    def __init__(self, *replies):
        self.replies = replies
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        try:
            peer, _ = self.listener.accept()
        except OSError:
            return
        with peer:
            try:
                for count, reply in self.replies:
                    FixedTracker.receive(peer, count)
                    peer.sendall(reply)
                while peer.recv(65536):
                    pass
            except (OSError, EOFError):
                pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(SECONDS)


class Client(Limits):
    HELLO = 4 + 4 + 7  # what a client sends: magic, its key "client:"

    def far_end(self, *replies):
        end = FarEnd(*replies)
        self.addCleanup(end.close)
        return end

    def fails(self, text, *arguments):
        status, out, errors = run(*arguments)
        self.assertEqual((status, out), (1, ""))
        self.assertIn(text, errors)

    def call(self, text, end, *arguments):
        self.fails(text, "call", "--server", "127.0.0.1:%d" % end.port, *arguments, "f")

    def accept(self, key=b"server:"):
        return (self.HELLO, struct.pack("<ii", RPC_MAGIC, len(key)) + key)

    def test_a_summary(self):
        tracker = FixedTracker({"queue_info": {"k" * 60: {"free": 0, "pending": 1}},
                                "server_info": []})
        self.addCleanup(tracker.close)
        self.assertEqual(run("query", "--port", tracker.port)[0], 0)
        self.fails("unusable length", "query", "--port", tracker.port, "--summary-max", 64)

    def test_the_time_of_a_tracker_that_does_not_greet(self):
        end = self.far_end()
        self.fails("did not greet within 100", "query", "--port", end.port, "--handshake", "0.1")

    def test_the_time_of_a_tracker_that_does_not_answer(self):
        end = self.far_end((4, struct.pack("<i", TRACKER_MAGIC)))
        self.fails("did not answer within 100", "query", "--port", end.port, "--stalled", "0.1")

    def test_a_grant(self):
        end = self.far_end((4, struct.pack("<i", TRACKER_MAGIC)), (5, struct.pack("<i", 65)))
        self.fails("unusable length", "call", "--tracker", "127.0.0.1:%d" % end.port, "--key", "k",
                   "--grant-max", 64, "f")

    def test_a_key_of_a_server(self):
        self.call("at most 8 bytes", self.far_end(self.accept(b"server:mine")), "--key-max", 8)

    def test_an_answer_without_data(self):
        end = self.far_end(self.accept(), (12, struct.pack("<Q", 65)))
        self.call("at most 64 bytes", end, "--text-max", 64)

    def test_a_packet(self):
        end = self.far_end(self.accept(), (12, struct.pack("<Q", 65)))
        self.call("at most 64 bytes", end, "--packet-max", 64)

    def test_values(self):
        _, port = self.start("server")
        place = "127.0.0.1:%d" % port
        self.assertEqual(run("call", "--server", place, "rpc.test.addone", 1)[0], 0)
        self.fails("values", "call", "--server", place, "--values-max", 1, "rpc.test.addone", 1)

    def test_the_time_of_a_server_that_does_not_answer_the_handshake(self):
        self.call("did not answer the handshake within 100", self.far_end(), "--handshake", "0.1")

    def test_the_time_of_a_server_whose_packet_stalls(self):
        void = struct.pack("<Qiii", 12, 4, 1, 0)
        end = self.far_end(self.accept(), (12, void + struct.pack("<Q", 20)))
        self.call("let a packet stall within 100", end, "--stalled", "0.1")


if __name__ == "__main__":
    unittest.main()
