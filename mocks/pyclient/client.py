#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small client of the protocol in pure Python, driven step by step as scenarios/programs/tvm_client.py is.

    client.py [--dialect legacy|ffi] [--kind-zero]

Runs in CPython 3.6 and newer with the standard library alone, also in CPython for Windows, so that what
an interpreter does to a session shows on the wire. --kind-zero makes getaddrinfo answer as on Windows.

  version                    `3.9.2`, of this interpreter
  pid                        the process id that the interpreter knows
  check-remote S HOST PORT KEY [TIMEOUT]
                             a session from the tracker, by a function that has tracker and session
                             as locals when it returns
  check-remote-no-local ..   the same, but the function never has the session as a local
  check-remote-collecting .. the same as check-remote, with a gc.collect(0) between the two
  tracker T HOST PORT        connects to a tracker, and keeps the connection
  request S T KEY [TIMEOUT]  a session from it
  connect S HOST PORT KEY [TIMEOUT]  a session straight from a server
  summary T                  `KEY:free=N,pending=N ..`
  func F S NAME              looks a remote function up    call F [VALUE..]   calls it
  invoke S NAME [VALUE..]    both, and lets go of it
  alias X NAME               one more reference            closure X NAME     keeps a closure over it
  cycle NAME                 moves it into a garbage cycle: no name refers to it any more
  del NAME..                 lets go of what is kept under the names
  getrefcount NAME           the interpreter's count; 2 for what has no reference but its name
                             (`refcount` is the same step)
  alive NAME                 yes or no: is the session there that was made as NAME?
  gc [GENERATION]            collects garbage; answers with the number of objects found
  log                        all steps that concern references until now, in one line (below)
  exit [STATUS]              ends as a program does         die [STATUS]   ends at once

Answers: `ok`, `ok VALUE..`, `error TYPE: TEXT`, `usage: TEXT`. The end of stdin is `exit`. There is no
step that closes a session: this client has no close().

The log has an entry for each step that makes, counts, drops or collects, in the order of the steps, with
`; ` between them: the step's words without addresses, `->`, and then what there is of `rc=N`,
`returned=N`, `S=alive` or `S=dead` for each session made so far, `[__del__(S) ..]` for the sessions that
ended in the step.

REFERENCES. Nothing holds a session but what is kept under a name, and the garbage collector runs at the
step `gc` only.
"""
import gc
import os
import sys
import urllib.parse
import weakref

import kind_zero
import session as sessions
import wire

PRINTABLE = "!#$&'()*+,/:;=?@[]-._~"
LOGGED = ("check-remote", "check-remote-no-local", "check-remote-collecting", "request", "connect",
          "getrefcount", "refcount", "del", "gc", "alias", "closure", "cycle", "func")


class Usage(Exception):
    """A step that was not understood."""


# ---- the report's function, and two that differ in one thing ---------------------------------------


def check_remote(host, port, key, timeout, dialect):
    tracker = sessions.connect_tracker(host, port, dialect)
    remote = tracker.request(key, session_timeout=timeout)
    return remote


def check_remote_no_local(host, port, key, timeout, dialect):
    tracker = sessions.connect_tracker(host, port, dialect)
    return tracker.request(key, session_timeout=timeout)


def check_remote_collecting(host, port, key, timeout, dialect):
    tracker = sessions.connect_tracker(host, port, dialect)
    gc.collect(0)
    remote = tracker.request(key, session_timeout=timeout)
    return remote


# ---- words ---------------------------------------------------------------------------------------


def show(value):
    if value is None:
        return "null"
    if isinstance(value, (sessions.Function, wire.Handle)):
        return "function"
    if isinstance(value, int):
        return "i:%d" % value
    if isinstance(value, float):
        return "f:%r" % value
    if isinstance(value, str):
        return "s:" + urllib.parse.quote(value, safe=PRINTABLE)
    return "b:" + bytes(value).hex()


def describe(error):
    text = str(error).rstrip().replace("\\", "\\\\").replace("\r", "").replace("\n", "\\n")
    return "error %s: %s" % (type(error).__name__, text)


class Client(object):
    def __init__(self, dialect):
        self.dialect = dialect
        self.kept = {}
        self.made = {}   # weak references, by the name that a session was made as
        self.log = []
        self.entry = {}  # what the step under way adds to its own
        self.status = 0

    def run(self, line):
        """Carries out a step and returns its answer; None when the program is to end."""
        words = line.split(" ")
        method = getattr(self, "do_" + words[0].replace("-", "_"), None)
        if method is None or "_" in words[0]:
            return "usage: no step %r" % words[0]
        self.entry = {}
        try:
            result = method(*words[1:])
        except Usage as error:
            return "usage: %s" % error
        except Exception as error:
            # A step with too few words or too many was not entered.
            entered = error.__traceback__.tb_next is not None
            error.__traceback__ = None
            return describe(error) if entered else "usage: %s" % error
        if words[0] in LOGGED:
            self.note(words)
        if result is SystemExit:
            return None
        return "ok" if result is None else "ok %s" % result

    def note(self, words):
        """Addresses are left out: they are of one run alone."""
        shown = words[:2] + words[4:] if words[0].startswith("check-remote") else words
        state = ["%s=%d" % item for item in sorted(self.entry.items())]
        state += ["%s=%s" % (name, "dead" if weak() is None else "alive")
                  for name, weak in sorted(self.made.items())]
        ended = sessions.Session.ended
        if ended:
            state.append("[%s]" % " ".join("__del__(%s)" % name for name in ended))
            del ended[:]
        self.log.append("%s -> %s" % (" ".join(shown), " ".join(state)))

    def get(self, name):
        if name not in self.kept:
            raise Usage("nothing is kept as %r" % name)
        return self.kept[name]

    def keep_session(self, name, remote):
        remote.name = name
        self.made[name] = weakref.ref(remote)
        self.kept[name] = remote

    # -- sessions

    def make(self, function, name, host, port, key, timeout):
        self.keep_session(name, function(
            host, int(port), urllib.parse.unquote(key), float(timeout), self.dialect))

    def do_check_remote(self, name, host, port, key, timeout="0"):
        self.make(check_remote, name, host, port, key, timeout)

    def do_check_remote_no_local(self, name, host, port, key, timeout="0"):
        self.make(check_remote_no_local, name, host, port, key, timeout)

    def do_check_remote_collecting(self, name, host, port, key, timeout="0"):
        self.make(check_remote_collecting, name, host, port, key, timeout)

    def do_tracker(self, name, host, port):
        self.kept[name] = sessions.connect_tracker(host, int(port), self.dialect)

    def do_request(self, name, tracker, key, timeout="0"):
        self.keep_session(name, self.get(tracker).request(
            urllib.parse.unquote(key), session_timeout=float(timeout)))

    def do_connect(self, name, host, port, key, timeout="0"):
        self.keep_session(name, sessions.connect(
            host, int(port), urllib.parse.unquote(key), self.dialect, float(timeout)))

    def do_summary(self, tracker):
        queues = self.get(tracker).summary()
        return " ".join("%s:free=%d,pending=%d" % (urllib.parse.quote(key, safe=PRINTABLE),
                                                   queue["free"], queue["pending"])
                        for key, queue in sorted(queues.items()))

    # -- functions

    def value(self, word):
        kind, colon, text = word.partition(":")
        if word == "null":
            return None
        if word.startswith("@"):
            return self.get(word[1:])
        if colon and kind == "f":
            return float(text)
        if colon and kind == "b":
            return bytes.fromhex(text)
        if colon and kind == "s":
            return urllib.parse.unquote(text)
        if word.lstrip("-").isdigit() or (colon and kind == "i"):
            return int(text if colon else word)
        return urllib.parse.unquote(word)

    def do_func(self, name, remote, function):
        self.kept[name] = self.get(remote).get_function(function)

    def do_call(self, name, *words):
        return show(self.get(name)(*[self.value(word) for word in words]))

    def do_invoke(self, remote, function, *words):
        return show(self.get(remote).get_function(function)(*[self.value(word) for word in words]))

    # -- references

    def do_alias(self, name, other):
        self.kept[name] = self.get(other)

    def do_closure(self, name, other):
        self.kept[name] = (lambda kept: lambda: kept)(self.get(other))

    def do_cycle(self, name):
        cell = [self.get(name)]
        cell.append(cell)
        del self.kept[name]

    def do_del(self, *names):
        for name in names:
            self.get(name)
        for name in names:
            del self.kept[name]

    def do_getrefcount(self, name):
        self.get(name)
        self.entry["rc"] = sys.getrefcount(self.kept[name])
        return self.entry["rc"]

    do_refcount = do_getrefcount

    def do_alive(self, name):
        if name not in self.made:
            raise Usage("no session was made as %r" % name)
        return "yes" if self.made[name]() is not None else "no"

    def do_gc(self, generation="2"):
        self.entry["returned"] = gc.collect(int(generation))
        return self.entry["returned"]

    # -- the program

    def do_log(self):
        return "; ".join(self.log)

    def do_version(self):
        return "%d.%d.%d" % sys.version_info[:3]

    def do_pid(self):
        return os.getpid()

    def do_exit(self, status="0"):
        self.status = int(status)
        return SystemExit

    def do_die(self, status="0"):
        os._exit(int(status))


def parse(arguments):
    dialect = wire.LEGACY
    while arguments:
        word = arguments.pop(0)
        if word == "--kind-zero":
            kind_zero.install()
        elif word == "--dialect" and arguments and arguments[0] in wire.DIALECTS:
            dialect = wire.DIALECTS[arguments.pop(0)]
        else:
            return None
    return dialect


def main(arguments):
    dialect = parse(list(arguments))
    if dialect is None:
        sys.stderr.write(__doc__)
        return 2
    client = Client(dialect)
    gc.collect()
    gc.disable()
    while True:
        line = sys.stdin.readline()
        if not line:
            break
        answer = client.run(line.rstrip("\r\n"))
        if answer is None:
            break
        sys.stdout.write(answer + "\n")
        sys.stdout.flush()
    return client.status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
