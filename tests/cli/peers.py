# SPDX-License-Identifier: Apache-2.0
"""What the tests of the commands need beside them: processes, ports, a tracker that says what it is told."""
import json
import os
import random
import signal
import socket
import struct
import subprocess
import threading
import time

LASTREF = os.environ.get("LASTREF", "lastref")
TRACKER_MAGIC = 0x2F271
SECONDS = 60  # for anything at all: valgrind is slow, and a test that hangs has failed


def free_port(family=socket.AF_INET):
    """A port that nobody listens on now, below those that the system gives to clients."""
    host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
    for _ in range(200):
        port = random.randrange(20000, 32000)
        try:
            with socket.socket(family) as probe:
                probe.bind((host, port))
            return port
        except OSError:
            continue
    raise RuntimeError("no free port")


def wait_until(condition, what):
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("waited %d s for %s" % (SECONDS, what))
        time.sleep(0.01)


def environment(extra=None):
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith("TVM_TRACKER_")}
    return dict(kept, **(extra or {}))


def run(*arguments, env=None, stdout=subprocess.PIPE):
    """(exit status, stdout, stderr) of a command that ends by itself."""
    done = subprocess.run([LASTREF] + [str(a) for a in arguments], stdin=subprocess.DEVNULL,
                          stdout=stdout, stderr=subprocess.PIPE, timeout=SECONDS,
                          env=environment(env))
    return (done.returncode, (done.stdout or b"").decode("utf-8"), done.stderr.decode("utf-8"))


class Command:
    """A lastref command that runs until it is told to end; its stderr is kept line by line."""

    def __init__(self, *arguments, env=None):
        self.process = subprocess.Popen(
            [LASTREF] + [str(a) for a in arguments], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(env))
        self.lines = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stderr:
            self.lines.append(line.decode("utf-8").rstrip("\n"))

    def said(self, text):
        return any(text in line for line in list(self.lines))

    def wait_for(self, text):
        wait_until(lambda: self.said(text) or self.process.poll() is not None, repr(text))
        if not self.said(text):
            raise AssertionError("ended with %s before it said %r:\n%s" % (
                self.process.returncode, text, "\n".join(self.lines)))
        return next(line for line in self.lines if text in line)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        """The exit status, and what it wrote to stdout."""
        status = self.process.wait(SECONDS)
        self.reader.join(SECONDS)
        return status, self.process.stdout.read().decode("utf-8")

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(SECONDS)
        self.reader.join(SECONDS)
        self.process.stdout.close()
        self.process.stderr.close()


def turned_away(port):
    """Whether a new connection to |port| ends without a byte; by a reset it may end while it is made."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as peer:
            return peer.recv(1) == b""
    except ConnectionResetError:
        return True


class FixedTracker:
    """Accepts one connection after the other and answers SUMMARY with what it was made with."""

    def __init__(self, summary, greeting=TRACKER_MAGIC):
        self.answer = [0, summary]
        self.greeting = greeting
        self.questions = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer:
                try:
                    self.serve_one(peer)
                except (OSError, EOFError):
                    pass

    @staticmethod
    def receive(peer, count):
        data = b""
        while len(data) < count:
            more = peer.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def serve_one(self, peer):
        self.receive(peer, 4)
        peer.sendall(struct.pack("<i", self.greeting))
        while True:
            size = struct.unpack("<i", self.receive(peer, 4))[0]
            self.questions.append(json.loads(self.receive(peer, size)))
            answer = json.dumps(self.answer).encode()
            peer.sendall(struct.pack("<i", len(answer)) + answer)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(SECONDS)


class SilentServer:
    """Takes a client in, answers InitServer in one dialect, and then nothing more."""

    VOID = {"ffi": struct.pack("<Qiii", 12, 4, 1, 0), "legacy": struct.pack("<Qiii", 12, 4, 1, 4)}

    def __init__(self, dialect):
        self.dialect = dialect
        self.key = None
        self.heard = b""
        self.over = threading.Event()
        self.called = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        peer, _ = self.listener.accept()
        with peer:
            size = struct.unpack("<ii", FixedTracker.receive(peer, 8))[1]
            self.key = FixedTracker.receive(peer, size).decode()
            peer.sendall(struct.pack("<ii", 0xFF271, 7) + b"server:")
            size = struct.unpack("<Q", FixedTracker.receive(peer, 8))[0]
            FixedTracker.receive(peer, size)
            peer.sendall(self.VOID[self.dialect])
            more = peer.recv(65536)
            while more:  # to the FIN; a reset is an exception, and leaves |over| unset
                self.heard += more
                self.called.set()
                more = peer.recv(65536)
            self.over.set()

    def close(self):
        self.listener.close()
        self.thread.join(SECONDS)
