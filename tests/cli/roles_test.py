# SPDX-License-Identifier: Apache-2.0
"""Tracker, server, query and call together, over real sockets on loopback."""
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import tempfile
import unittest

from peers import (LASTREF, SECONDS, Command, SilentServer, environment, free_port, run,
                   turned_away, wait_until)

RPC_MAGIC = 0xFF271


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


class Roles(unittest.TestCase):
    def start(self, *arguments, env=None):
        command = Command(*arguments, env=env)
        self.addCleanup(command.end)
        return command

    def bound(self, command):
        """The port in the log line that says where it listens."""
        return int(command.wait_for("bind to").rsplit(":", 1)[1])

    def start_tracker(self, *arguments):
        port = free_port()
        tracker = self.start("tracker", "--port", port, "--port-end", port + 50, *arguments)
        return tracker, self.bound(tracker)

    def start_server(self, tracker_port, *arguments, key="test"):
        port = free_port()
        server = self.start("server", "--port", port, "--port-end", port + 50, "--tracker",
                            "127.0.0.1:%d" % tracker_port, "--key", key, *arguments)
        server.wait_for("registered at")
        return server, self.bound(server)

    def queue(self, tracker_port, key="test"):
        status, out, errors = run("query", "--port", tracker_port, "--json")
        self.assertEqual(status, 0, errors)
        told = json.loads(out)
        found = [queue for queue in told["queues"] if queue["key"] == key]
        return (found or [{"total": 0, "free": 0, "pending": 0}])[0], told["held"]

    def call(self, tracker_port, *arguments):
        return run("call", "--tracker", "127.0.0.1:%d" % tracker_port, "--key", "test", *arguments)


class Together(Roles):
    def setUp(self):
        self.tracker, self.tracker_port = self.start_tracker()
        self.server, self.server_port = self.start_server(self.tracker_port)

    def wait_free(self):
        wait_until(lambda: self.queue(self.tracker_port)[0]["free"] == 1, "a free server")

    def test_a_call_prints_its_result_and_lets_the_server_go(self):
        for words, want in ((["rpc.test.addone", 41], "i:42"),
                            (["rpc.test.addone", "i:-2"], "i:-1"),
                            (["rpc.test.addone", -2], "i:-1"),
                            (["rpc.test.addone", "f:0.25"], "f:1.25"),
                            (["rpc.test.strcat", "abc", 7], "s:abc:7"),
                            (["rpc.test.runtime_str_concat", "s:two%20w", "s:%C3%A9"],
                             "s:two%20w%C3%A9"),
                            (["rpc.test.runtime_str_concat", "b:00ff", "b:0a"], "b:00ff0a"),
                            (["rpc.test.runtime_str_concat", "--", "s:--x", "-y"], "s:--x-y"),
                            (["rpc.test.add_to_lhs", 1], "function")):
            with self.subTest(words):
                status, out, errors = self.call(self.tracker_port, *words)
                self.assertEqual((status, out), (0, want + "\n"), errors)
                self.wait_free()

    def test_a_remote_exception_goes_to_stderr(self):
        status, out, errors = self.call(self.tracker_port, "rpc.test.except", "boom-4711")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("remote exception: ", errors)
        self.assertIn("boom-4711", errors)
        self.wait_free()

    def test_a_function_that_is_missing_is_named(self):
        status, _, errors = self.call(self.tracker_port, "no.such")
        self.assertEqual(status, 1)
        self.assertIn('"no.such"', errors)
        self.wait_free()

    def test_a_call_without_a_free_server_waits_as_long_as_it_is_told(self):
        status, _, errors = run("call", "--tracker", "127.0.0.1:%d" % self.tracker_port, "--key",
                                "other", "--wait", "0.2", "rpc.test.addone", 1)
        self.assertEqual(status, 1)
        self.assertIn("no server was granted", errors)
        self.assertEqual(self.queue(self.tracker_port, "other")[0]["pending"], 0,
                         "a request that nobody waits for any more")

    def test_a_tracker_that_is_not_there_is_named(self):
        port = free_port()
        status, _, errors = self.call(port, "f")
        self.assertEqual(status, 1)
        self.assertIn("127.0.0.1:%d" % port, errors)

    def test_a_signal_in_a_waiting_call_withdraws_its_request(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            call = self.start("call", "--tracker", "127.0.0.1:%d" % self.tracker_port, "--key", "none",
                              "rpc.test.addone", 1)
            wait_until(lambda: self.queue(self.tracker_port, "none")[0]["pending"] == 1, "a request")
            call.signal(number)
            self.assertEqual(call.wait(), (128 + number, ""))
            wait_until(lambda: self.queue(self.tracker_port, "none")[0]["pending"] == 0,
                       "the request to go")

    def test_held_tells_who_holds_the_server_until_the_session_is_closed(self):
        client = Holder(self, self.tracker_port)
        held = self.queue(self.tracker_port)[1]
        self.assertEqual([row["server"] for row in held], ["127.0.0.1:%d" % self.server_port])
        self.assertEqual(held[0]["client"], client.tracker_address)
        status, out, _ = run("query", "--port", self.tracker_port, "--held")
        self.assertEqual(status, 0)
        self.assertRegex(out, r"(?m)^server-address +key +held-by +user +since$")
        self.assertRegex(out, r"(?m)^127\.0\.0\.1:%d +test +%s +\S+ +\d{4}-\d\d-\d\d " % (
            self.server_port, re.escape(client.tracker_address)))
        client.close()
        wait_until(lambda: self.queue(self.tracker_port)[1] == [], "nobody to hold it")
        self.wait_free()

    def test_sigterm_ends_the_server_cleanly_in_the_middle_of_a_session(self):
        client = Holder(self, self.tracker_port)
        self.server.signal(signal.SIGTERM)
        told = client.read_to_end()  # an exception that says why, Shutdown, FIN; no reset
        self.assertTrue(told)
        self.assertEqual(self.server.wait(), (0, ""))
        self.assertTrue(self.server.said("signal 15"))
        wait_until(lambda: self.queue(self.tracker_port)[0]["total"] == 0, "the server to leave")

    def test_sigint_ends_the_tracker_cleanly_and_the_server_comes_back_to_a_new_one(self):
        self.tracker.signal(signal.SIGINT)
        self.assertEqual(self.tracker.wait(), (0, ""))
        tracker = self.start("tracker", "--port", self.tracker_port, "--port-end",
                             self.tracker_port + 1)
        tracker.wait_for("bind to")
        self.wait_free()
        self.server.signal(signal.SIGINT)
        self.assertEqual(self.server.wait(), (0, ""))

    def test_a_second_signal_ends_at_once(self):
        # A client that has not closed keeps the server for its last second: time for a second signal,
        # on most tries even of a machine that is busy.
        statuses = []
        while -signal.SIGTERM not in statuses and len(statuses) < 10:
            client = Holder(self, self.tracker_port)
            self.server.signal(signal.SIGTERM)
            self.server.wait_for("signal 15")
            self.server.signal(signal.SIGTERM)
            statuses.append(self.server.wait()[0])
            client.close()
            self.server, _ = self.start_server(self.tracker_port)
        self.assertEqual(statuses[-1], -signal.SIGTERM)
        self.assertLessEqual(set(statuses), {0, -signal.SIGTERM})

    def test_sessions_are_as_many_as_asked_for(self):
        _, _ = self.start_server(self.tracker_port, "--sessions", 3, key="many")
        wait_until(lambda: self.queue(self.tracker_port, "many")[0]["free"] == 3, "three slots")


class Holder:
    """A client of nobody's implementation that requests a session and holds it."""

    def __init__(self, test, tracker_port, key="test"):
        self.tracker = socket.create_connection(("127.0.0.1", tracker_port), timeout=SECONDS)
        test.addCleanup(self.tracker.close)
        self.tracker.sendall(struct.pack("<i", 0x2F271))
        self.receive(self.tracker, 4)
        self.tracker_address = "%s:%d" % self.tracker.getsockname()
        message = json.dumps([4, key, "", 1]).encode()
        self.tracker.sendall(struct.pack("<i", len(message)) + message)
        size = struct.unpack("<i", self.receive(self.tracker, 4))[0]
        _, (host, port, matchkey) = json.loads(self.receive(self.tracker, size))
        self.server = socket.create_connection((host, port), timeout=SECONDS)
        test.addCleanup(self.server.close)
        hello = ("client:" + matchkey).encode()
        self.server.sendall(struct.pack("<ii", RPC_MAGIC, len(hello)) + hello)
        answer, size = struct.unpack("<ii", self.receive(self.server, 8))
        test.assertEqual(answer, RPC_MAGIC)
        test.assertEqual(self.receive(self.server, size), b"server:" + key.encode())

    @staticmethod
    def receive(peer, count):
        data = b""
        while len(data) < count:
            more = peer.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def read_to_end(self):
        data = b""
        while True:
            more = self.server.recv(65536)
            if not more:
                return data
            data += more

    def close(self):
        try:
            self.server.sendall(struct.pack("<Qi", 4, 1))
        except OSError:
            pass  # the server is gone
        self.server.close()


class Uploader:
    """A client that keeps a session with a file in it, in the dialect ffi."""

    def __init__(self, test, port):
        self.server = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        test.addCleanup(self.server.close)
        self.server.sendall(struct.pack("<ii", RPC_MAGIC, 7) + b"client:")
        size = struct.unpack("<ii", Holder.receive(self.server, 8))[1]
        Holder.receive(self.server, size)
        self.ask(2, struct.pack("<Q5si", 5, b"0.8.0", 0))
        found = self.ask(9, struct.pack("<i", 1) + self.text(b"tvm.rpc.server.upload"))
        function = found[-8:]
        self.ask(3, function + struct.pack("<i", 2) + self.text(b"name") + self.text(b"bytes", 9))

    @staticmethod
    def text(data, code=8):
        return struct.pack("<iQ", code, len(data)) + data

    def ask(self, code, body):
        """The body of the Return that answers a packet."""
        self.server.sendall(struct.pack("<Qi", 4 + len(body), code) + body)
        size, code = struct.unpack("<Qi", Holder.receive(self.server, 12))
        answer = Holder.receive(self.server, size - 4)
        if code != 4:
            raise AssertionError(answer)
        return answer


class SilentPeers(Roles):
    SHUTDOWN = struct.pack("<Qi", 4, 1)

    def silent(self, dialect="ffi"):
        server = SilentServer(dialect)
        self.addCleanup(server.close)
        return server

    def ended_with_shutdown(self, server):
        self.assertTrue(server.over.wait(SECONDS), "a FIN, and no reset")
        self.assertEqual(server.heard[-len(self.SHUTDOWN):], self.SHUTDOWN)

    def test_a_call_that_a_signal_ends_closes_its_session_on_the_wire(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            server = self.silent()
            call = self.start("call", "--server", "127.0.0.1:%d" % server.port, "f", 1)
            self.assertTrue(server.called.wait(SECONDS))
            call.signal(number)
            self.assertEqual(call.wait(), (128 + number, ""))
            self.ended_with_shutdown(server)
            self.assertEqual(server.key, "client:")

    def test_a_server_that_does_not_keep_the_timeout_is_given_up_and_left(self):
        server = self.silent("legacy")
        status, out, errors = run("call", "--server", "127.0.0.1:%d" % server.port, "--key", "k",
                                  "--timeout", "0.25", "some.function")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("some.function", errors)
        self.assertIn("127.0.0.1:%d" % server.port, errors)
        self.assertEqual(server.key, "client:k -timeout=0.25")
        self.ended_with_shutdown(server)


class Alone(Roles):
    def test_a_server_without_a_tracker_is_called_directly(self):
        port = free_port()
        server = self.start("server", "--port", port, "--port-end", port + 50, "--key", "mine")
        place = "127.0.0.1:%d" % self.bound(server)
        for _ in range(2):
            self.assertEqual(run("call", "--server", place, "--key", "mine", "rpc.test.addone", 1)[:2],
                             (0, "i:2\n"))
        status, _, errors = run("call", "--server", place, "--key", "other", "rpc.test.addone", 1)
        self.assertEqual(status, 1)
        self.assertIn(place, errors)
        self.assertIn("key", errors)

    def test_files_that_a_killed_server_has_left_are_removed_at_the_next_start(self):
        with tempfile.TemporaryDirectory() as root:
            def left():  # valgrind has files of its own there
                return [name for name in os.listdir(root) if name.startswith("lastref-session-")]

            port = free_port()
            server = self.start("server", "--port", port, env={"TMPDIR": root})
            server.wait_for("bind to")
            Uploader(self, port)
            self.assertEqual(len(left()), 1)
            self.start("server", "--port", free_port(), env={"TMPDIR": root}).wait_for("bind to")
            self.assertEqual(len(left()), 1, "its owner is alive")
            server.signal(signal.SIGKILL)
            server.wait()
            self.assertEqual(len(left()), 1, "nobody was there to remove it")
            self.start("server", "--port", free_port(), env={"TMPDIR": root}).wait_for("bind to")
            self.assertEqual(left(), [])

    def test_a_legacy_server_is_understood_without_being_told(self):
        port = free_port()
        server = self.start("server", "--port", port, "--dialect", "legacy")
        place = "127.0.0.1:%d" % self.bound(server)
        self.assertEqual(run("call", "--server", place, "rpc.test.addone", 1)[:2], (0, "i:2\n"))

    def test_a_port_range_that_is_taken_is_told_with_what_to_do(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for role in ("tracker", "server"):
                status, out, errors = run(role, "--port", port, "--port-end", port + 1)
                self.assertEqual((status, out), (1, ""))
                self.assertIn(str(port), errors)
                self.assertIn("in use", errors)
                self.assertIn("--port PORT", errors)

    def test_the_next_port_of_the_range_is_taken(self):
        for _ in range(5):
            port = free_port()
            with socket.create_server(("127.0.0.1", port)):
                tracker = self.start("tracker", "--port", port, "--port-end", port + 20)
                bound = self.bound(tracker)
                self.assertTrue(port < bound < port + 20)

    def test_a_port_beyond_the_usual_range_is_that_port_alone(self):
        port = free_port()
        self.assertEqual(self.bound(self.start("tracker", "--port", port)), port)

    def test_a_host_that_is_not_ours_is_an_error(self):
        status, _, errors = run("tracker", "--host", "192.0.2.1", "--port", free_port())
        self.assertEqual(status, 1)
        self.assertIn("192.0.2.1", errors)

    def test_only_127_0_0_1_listens_unless_told_otherwise_and_the_log_says_so(self):
        tracker, _ = self.start_tracker()
        self.assertTrue(tracker.said("listening on 127.0.0.1 alone"))
        tracker, _ = self.start_tracker("--host", "0.0.0.0")
        self.assertFalse(tracker.said("alone"))

    def test_log_lines_are_as_tvms(self):
        tracker, _ = self.start_tracker()
        for line in tracker.lines:
            self.assertRegex(line, r"\A\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} INFO \S")
        self.assertFalse(any("\x1b" in line for line in tracker.lines), "no colour without a terminal")

    def test_json_logs_are_an_object_a_line(self):
        port = free_port()
        tracker = self.start("tracker", "--port", port, "--log-json", "--verbose")
        tracker.wait_for("bind to")
        with socket.create_connection(("127.0.0.1", port)) as peer:
            peer.sendall(b"\xff\x00\x80\"\\\n nonsense")
            tracker.wait_for('"level": "warning"')
        tracker.signal(signal.SIGTERM)
        self.assertEqual(tracker.wait(), (0, ""))
        events = [json.loads(line) for line in tracker.lines]
        self.assertTrue(all(event["role"] == "tracker" for event in events))
        self.assertIn("bind", [event.get("event") for event in events])
        for event in events:
            self.assertRegex(event["time"], r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")

    def test_silent_is_silent(self):
        port = free_port()
        tracker = self.start("tracker", "--port", port, "--silent")
        wait_until(lambda: run("query", "--port", port)[0] == 0, "the tracker")
        tracker.signal(signal.SIGTERM)
        self.assertEqual(tracker.wait(), (0, ""))
        self.assertEqual(tracker.lines, [])

    def test_fork_has_no_effect_and_the_log_says_so(self):
        for option in ("--fork", "--no-fork"):
            server = self.start("server", "--port", free_port(), option)
            self.assertIn("no effect", server.wait_for(option))
            server.wait_for("bind to")

    def test_custom_addr_is_where_clients_are_sent(self):
        tracker, tracker_port = self.start_tracker()
        self.start_server(tracker_port, "--custom-addr", "127.0.0.77")
        _, out, _ = run("query", "--port", tracker_port, "--json")
        self.assertEqual([server["host"] for server in json.loads(out)["servers"]], ["127.0.0.77"])

    @unittest.skipUnless(has_ipv6(), "no IPv6 here")
    def test_ipv6_all_the_way(self):
        port = free_port(socket.AF_INET6)
        tracker = self.start("tracker", "--host", "::1", "--port", port, "--port-end", port + 50)
        place = "[::1]:%d" % self.bound(tracker)
        server = self.start("server", "--host", "::1", "--port", free_port(socket.AF_INET6),
                            "--tracker", place, "--key", "six")
        self.assertTrue(server.wait_for("registered at").endswith('registered at %s as "six"' % place))
        at = self.bound(server)
        self.assertEqual(run("call", "--tracker=" + place, "--key", "six", "rpc.test.addone", 1)[:2],
                         (0, "i:2\n"))
        self.assertEqual(run("call", "--server", "[::1]:%d" % at, "--key", "six", "f")[0], 1)
        self.assertRegex(server.wait_for("connected from"), r"connected from \[::1\]:\d+$")
        self.assertRegex(server.wait_for("mismatch key"), r"mismatch key from \[::1\]:\d+: ")
        status, out, _ = run("query", "--host", "::1", "--port", port)
        self.assertEqual(status, 0)
        self.assertIn("Tracker address ::1:%d\n" % port, out, "as TVM prints it")
        self.assertRegex(out, r"(?m)^::1:%d +server:six$" % at)
        status, _, errors = run("query", "--host", "::1", "--port", port, "--held", "--wait", 0)
        self.assertEqual((status, errors), (0, ""))
        status, _, errors = run("query", "--host", "::1", "--port", free_port(socket.AF_INET6))
        self.assertRegex(errors, r"the tracker at \[::1\]:\d+: ")

    def test_limits_are_options(self):
        tracker, tracker_port = self.start_tracker("--connections-max", 1, "--message-max", "64")
        with socket.create_connection(("127.0.0.1", tracker_port)) as first:
            first.sendall(struct.pack("<i", 0x2F271))
            self.assertEqual(len(first.recv(4)), 4)
            self.assertTrue(turned_away(tracker_port))
            first.sendall(struct.pack("<i", 65))
            tracker.wait_for("WARNING")

    @unittest.skipUnless(hasattr(os, "openpty"), "no terminals here")
    def test_colour_is_for_terminals_that_want_it(self):
        for extra, coloured in (({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False),
                                ({"TERM": "dumb"}, False)):
            ours, theirs = pty.openpty()
            env = {name: value for name, value in environment(extra).items()
                   if name != "NO_COLOR" or name in extra}
            process = subprocess.Popen([LASTREF, "tracker", "--port", str(free_port())], env=env,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=theirs)
            os.close(theirs)
            seen = b""
            while b"bind to" not in seen and select.select([ours], [], [], SECONDS)[0]:
                seen += os.read(ours, 4096)
            process.terminate()
            self.assertEqual(process.wait(SECONDS), 0)
            os.close(ours)
            self.assertIn(b"bind to", seen)
            self.assertEqual(b"\x1b[" in seen, coloured, extra)


if __name__ == "__main__":
    unittest.main()
