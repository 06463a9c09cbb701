# SPDX-License-Identifier: Apache-2.0
"""The parts of an interop test: where real TVM and lastref are, and how each role is started.

A part that cannot be had raises Missing with the reason, and what needs it is `not run`.
"""
import functools
import itertools
import json
import os
import re
import socket
import struct
import subprocess
import sys

from processes import Program, StepFailed, Stepped, free_port, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CLIENT_PROGRAM = os.path.join(ROOT, "scenarios", "programs", "tvm_client.py")
DIALECTS = ("ffi", "legacy")
HOST = "127.0.0.1"
START_SECONDS = 60


class Missing(Exception):
    """A part that this machine does not have; the text says which and why."""


def tvm_directory():
    return os.environ.get("LASTREF_TVM_DIR") or os.path.join(ROOT, "build", "tvm")


def tvm_python(dialect):
    paths = os.path.join(tvm_directory(), "paths")
    if os.path.exists(paths):
        with open(paths) as lines:
            for line in lines:
                name, _, path = line.strip().partition("=")
                if name == dialect and os.access(path, os.X_OK):
                    return path
    raise Missing("no real TVM of the %s dialect: run tests/interop/setup.sh" % dialect)


@functools.lru_cache(maxsize=None)
def tvm_version(dialect):
    """The real TVM's version, as (0, 27): what it does differs within a dialect, too."""
    done = subprocess.run([tvm_python(dialect), "-c", "import tvm; print(tvm.__version__)"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, timeout=START_SECONDS)
    found = re.match(rb"(\d+)\.(\d+)", done.stdout)
    if found is None:
        raise Missing("the real TVM of the %s dialect does not tell its version" % dialect)
    return int(found.group(1)), int(found.group(2))


def lastref_command():
    path = os.environ.get("LASTREF") or os.path.join(ROOT, "build", "dev", "bin", "lastref")
    if not os.access(path, os.X_OK):
        raise Missing("no lastref command: %s" % path)
    return path


def steps_command():
    path = os.environ.get("LASTREF_STEPS") or os.path.join(
        os.path.dirname(lastref_command()), "lastref-steps")
    if not os.access(path, os.X_OK):
        raise Missing("no stepped client of ours: %s" % path)
    return path


# ---- the tester's own eyes -----------------------------------------------------------------------


class Eye:
    """A plain connection to a tracker, of nobody's implementation, that asks for summaries."""

    def __init__(self, port):
        self.socket = socket.create_connection((HOST, port), timeout=5)
        self.socket.sendall(struct.pack("<i", 0x2F271))
        if struct.unpack("<i", self.receive(4))[0] != 0x2F271:
            raise OSError("not a tracker")

    def receive(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise OSError("the tracker closed the connection")
            data += more
        return data

    def ask(self, message):
        data = json.dumps(message).encode()
        self.socket.sendall(struct.pack("<i", len(data)) + data)
        return json.loads(self.receive(struct.unpack("<i", self.receive(4))[0]))

    def counts(self, key):
        """The (free, pending) of a key."""
        status, summary = self.ask([6])
        if status != 0:
            raise OSError("SUMMARY was answered with %r" % status)
        queue = summary["queue_info"].get(key, {})
        return queue.get("free", 0), queue.get("pending", 0)

    def close(self):
        self.socket.close()


# ---- roles ---------------------------------------------------------------------------------------


class World:
    """A tracker and a server with one key, each real TVM (`real`) or `ours`."""

    key = "test"
    numbers = itertools.count(1)

    def __init__(self, dialect, tracker, server, logs, server_dialect=None):
        self.dialect = dialect
        self.kinds = {"tracker": tracker, "server": server}
        self.server_dialect = server_dialect or dialect
        self.logs = logs
        self.number = next(World.numbers)
        self.programs = []
        self.eye = None
        try:
            self.start_tracker()
            self.start_server()
        except BaseException:
            self.end()
            raise

    def log(self, role):
        return os.path.join(self.logs, "%d-%s-%s-%s.log" % (
            self.number, self.dialect, role, self.kinds[role]))

    def command(self, role, port):
        place = ["--host", HOST, "--port", str(port), "--port-end", str(port + 1)]
        if role == "server":
            place += ["--tracker", "%s:%d" % (HOST, self.tracker_port), "--key", self.key]
        if self.kinds[role] == "real":
            return [tvm_python(self.dialect), "-m", "tvm.exec.rpc_" + role] + place
        if role == "server":
            place += ["--dialect", self.server_dialect]
        return [lastref_command(), role] + place

    def start_tracker(self):
        for _ in range(3):
            port = free_port()
            program = Program(self.command("tracker", port), self.log("tracker"))
            self.programs.append(program)

            def connects():
                try:
                    self.eye = Eye(port)
                    return True
                except OSError:
                    return not program.alive()

            wait_until(connects, START_SECONDS, 0.05)
            if self.eye is not None:
                self.tracker_port = port
                return
            program.kill()
        raise StepFailed("the tracker did not start: %s" % program.last_words())

    def start_server(self):
        for _ in range(3):
            port = free_port()
            program = Program(self.command("server", port), self.log("server"))
            self.programs.append(program)
            wait_until(lambda: self.free() == 1 or not program.alive(), START_SECONDS, 0.05)
            if self.free() == 1:
                self.server_port = port
                return
            program.kill()
        raise StepFailed("the server did not register: %s" % program.last_words())

    def free(self):
        return self.eye.counts(self.key)[0]

    def pending(self):
        return self.eye.counts(self.key)[1]

    def wait_free(self, seconds=10):
        if not wait_until(lambda: self.free() == 1, seconds):
            raise StepFailed("the server could not be requested again within %g s" % seconds)

    def end(self):
        if self.eye is not None:
            self.eye.close()
        for program in reversed(self.programs):
            program.kill()
        self.programs = []


def start_client(kind, dialect, logs, number):
    """A stepped client program, real TVM's or ours; answers when it is ready for steps."""
    if kind == "real":
        command = [tvm_python(dialect), "-u", CLIENT_PROGRAM]
    else:
        command = [steps_command()]
    log = os.path.join(logs, "%s-client-%s-%d.log" % (dialect, kind, number))
    return Stepped(command, log)


def run_command(command, seconds=START_SECONDS):
    """(status, what it printed on stdout, on stderr) of a short program."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise StepFailed("%s: not over in %g s" % (" ".join(command), seconds)) from None
    return (done.returncode, done.stdout.decode("utf-8", "replace"),
            done.stderr.decode("utf-8", "replace"))


def query_command(kind, dialect, tracker_port):
    place = ["--host", HOST, "--port", str(tracker_port)]
    if kind == "real":
        return [tvm_python(dialect), "-m", "tvm.exec.query_rpc_tracker"] + place
    return [lastref_command(), "query"] + place


if __name__ == "__main__":
    sys.exit("this is a part of matrix.py")
