# SPDX-License-Identifier: Apache-2.0
"""Processes of an interop test: each in a group of its own, none of which outlives the test.

A role of TVM is several processes, and a signal to the first does not end the others; so a role is
ended by killing its group. A guardian process, which shares a pipe with this one, kills what is left
when this one dies, however it dies. Every process carries a mark in its environment, by which
leftovers() finds what escaped its group.
"""
import os
import queue
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid

MARK = "LASTREF_INTEROP_RUN=" + uuid.uuid4().hex

GUARDIAN = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
groups = set()
for line in sys.stdin:
    (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
"""


class StepFailed(Exception):
    """A step was answered with something else than was expected, or not in time."""


class Guardian:
    def __init__(self):
        self.lock = threading.Lock()
        self.process = subprocess.Popen([sys.executable, "-S", "-c", GUARDIAN],
                                        stdin=subprocess.PIPE, start_new_session=True)

    def tell(self, sign, group):
        with self.lock:
            self.process.stdin.write(b"%s%d\n" % (sign, group))
            self.process.stdin.flush()

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class Program:
    """A started program; its stderr goes to a file, by which failures are explained."""

    guardian = None

    def __init__(self, command, log, pipes=False):
        name, _, value = MARK.partition("=")
        environment = dict(os.environ, **{name: value})
        for variable in ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP"):
            environment.pop(variable, None)
        self.command = command
        self.log = log
        with open(log, "ab") as errors:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else errors, stderr=errors,
                start_new_session=True, env=environment)
        self.group = self.process.pid
        if Program.guardian is None:
            Program.guardian = Guardian()
        Program.guardian.tell(b"+", self.group)

    def alive(self):
        return self.process.poll() is None

    def kill(self):
        try:
            os.killpg(self.group, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                try:
                    pipe.close()
                except OSError:
                    pass
        Program.guardian.tell(b"-", self.group)

    def last_words(self):
        with open(self.log, "rb") as errors:
            lines = errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1].strip() if lines else "(no output)"


class Stepped(Program):
    """A client program that takes one step a line (scenarios/programs/README.md)."""

    def __init__(self, command, log):
        super().__init__(command, log, pipes=True)
        self.answers = queue.Queue()
        self.reader = threading.Thread(target=self.read_answers, daemon=True)
        self.reader.start()

    def read_answers(self):
        try:
            for line in self.process.stdout:
                self.answers.put(line.decode("utf-8", "replace").rstrip("\n"))
        except ValueError:
            pass
        self.answers.put(None)

    def tell(self, step):
        try:
            self.process.stdin.write((step + "\n").encode())
            self.process.stdin.flush()
        except OSError:
            raise StepFailed("%s: the client program is gone (%s)" % (step, self.last_words()))

    def answer(self, step, seconds=20):
        try:
            answer = self.answers.get(timeout=seconds)
        except queue.Empty:
            raise StepFailed("%s: no answer in %g s" % (step, seconds)) from None
        if answer is None:
            self.answers.put(None)
            raise StepFailed("%s: the client program is gone (%s)" % (step, self.last_words()))
        return answer

    def step(self, step, seconds=20):
        self.tell(step)
        return self.answer(step, seconds)

    def ok(self, step, want=None, seconds=20):
        """The answer after `ok `; it must be |want| if that is given."""
        return self.check_ok(step, self.step(step, seconds), want)

    @staticmethod
    def check_ok(step, answer, want=None):
        if answer != "ok" and not answer.startswith("ok "):
            raise StepFailed("%s: %s" % (step, answer))
        if want is not None and answer[3:] != want:
            raise StepFailed("%s: answered %r, not %r" % (step, answer[3:], want))
        return answer[3:]

    def fails(self, step, seconds=20):
        """The TYPE and TEXT of the error with which the step must be answered."""
        answer = self.step(step, seconds)
        if not answer.startswith("error "):
            raise StepFailed("%s: answered %r, not with an error" % (step, answer))
        kind, _, text = answer[6:].partition(": ")
        return kind, text

    def begin(self, step, seconds=20):
        self.tell("begin " + step)
        answer = self.answer(step, seconds)
        if answer != "begun":
            raise StepFailed("begin %s: %s" % (step, answer))

    def end(self):
        """Lets the program exit by itself; False if it had to be killed."""
        try:
            self.process.stdin.close()
            self.process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self.kill()
            return False
        self.kill()
        return self.process.returncode == 0


def free_port():
    """A port that nobody listens on now, below those that the system gives to clients."""
    for _ in range(200):
        port = random.randrange(20000, 32000)
        try:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
            return port
        except OSError:
            continue
    raise RuntimeError("no free port")


def wait_until(condition, seconds, period=0.01):
    """Whether condition() came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(period)
    return True


def leftovers():
    """The pids of processes that carry this run's mark."""
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open("/proc/%s/environ" % name, "rb") as environment:
                if MARK.encode() in environment.read().split(b"\0"):
                    found.append(int(name))
        except OSError:
            continue
    return found
