#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A client of Apache TVM's RPC that is driven step by step.

Reads one step a line from stdin and answers each with one line on stdout, so that whoever drives
it knows when a step is over and nobody sleeps. Runs with TVM of the ffi dialect (0.27) and of the
legacy one (hhb-tvm, TVM 0.16) alike. Nothing else ever appears on stdout.

STEPS. Words are separated by single spaces; what is in brackets may be left out. Names (S a session,
T a tracker, F a function, X anything) are the caller's own; a step that makes something puts it under
its name in place of what was there. A value is written as `5` or `i:5` (int), `f:0.5` (float),
`s:text` (string), `b:00ff` (bytes, in hex), `null`, `@NAME` (what is kept under NAME); any other
word is a string. In strings %XX stands for a byte of UTF-8: `s:two%20words`.

  pid                        the process id of this program
  dialect                    `ffi VERSION` or `legacy VERSION`

  tracker T HOST PORT        connects to a tracker
  tracker-cut T              shuts the idle tracker connection down, as a broken network would
  tracker-close T            closes it
  summary T                  one word a key: `KEY:servers=N,free=N,pending=N`, sorted by key
  request S T KEY [TIMEOUT [PRIORITY]]
                             a session from the tracker; TIMEOUT in seconds, 0 for none
  connect S HOST PORT KEY [TIMEOUT]
                             a session straight from a server
  func F S NAME              looks up a remote function
  call F [VALUE..]           calls it; answers with the result
  callto X F [VALUE..]       calls it and keeps the result (a function, an array)
  invoke S NAME [VALUE..]    looks a function up, calls it, lets go of it
  array X S BYTES [SEED]     allocates a remote array of bytes, fills it with the pattern, keeps it
  read X [SEED]              reads it back and compares; answers with the number of bytes
  roundtrip S BYTES [SEED]   array and read at once, keeping nothing
  upload S FILE BYTES [SEED]     sends that much of the pattern as a file
  download S FILE [BYTES [SEED]] fetches it and compares, if told with what; answers with its size
  remove S FILE   workpath S FILE   load X S FILE    (load_module)
  long-call S MILLISECONDS   one call that lasts that long (a time evaluator told to cool down)

  close S                    ends the session at once, whatever still refers to it
  del NAME..                 lets go of what is kept under the names
  clear                      lets go of everything but the trackers
  alias X NAME               one more reference to the same thing
  closure X NAME             keeps a closure over it          device X S    keeps a remote device
  generator X NAME           a suspended frame holds it       thread X NAME a thread's frame holds it
  cycle NAME                 moves it into a garbage cycle: no name refers to it any more
  keep-error X S NAME [VALUE..]  calls a function that must fail, in a frame of its own whose local
                             is the session, and keeps the exception (with its traceback)
  handled-error S NAME [VALUE..] the same, but the frame handles the exception and nothing keeps it
  request-retried S T KEY [TIMEOUT]
                             cuts the idle tracker connection, then requests in a frame of its own
                             that has the session as a local
  check-remote S HOST PORT KEY [TIMEOUT]
                             a session from the tracker, by a function that has tracker and session
                             as locals when it returns
  gc [GENERATION]            collects garbage; answers with the number of objects found
  refcount NAME              the interpreter's count; 2 for what has no reference but its name
  weak X NAME   alive X      a weak reference, and whether what it refers to is alive (yes or no)

  fin S                      closes the session's socket under TVM: FIN, with no Shutdown before it
  reset S                    the same with RST; in the middle of a call (in a `spawn`ed step) Linux
                             from 6.5 on refuses it with EBUSY: there use die-reset
  half-close S               shuts its sending side down
  cut-packet S [rst]         sends the first half of a packet, then closes as `fin` (or `reset`) does
  socket S                   `LOCALPORT PEERPORT` of the session

  begin STEP..               answers `begun` when STEP is just about to block in the network, and
                             then, when it is over, with STEP's own answer: two lines
  spawn J STEP..             runs STEP in a thread named J; answers `ok` at once
  join J [SECONDS]           STEP's answer, or `pending` if it has not come within SECONDS (0)
  exit [STATUS]              ends as a program does: what is kept goes at the interpreter's end
  die [STATUS]               ends at once, with no clean-up (the kernel closes the sockets: FIN)
  die-reset S [STATUS]       the same, with SO_LINGER 0 on the session: RST

ANSWERS. `ok`, `ok VALUE..`, `begun`, `pending`, `error TYPE: TEXT`, or `usage: TEXT` for a step that
was not understood. In TEXT a line break is \\n. A result is written as the values above; a remote
function, array or module as `function`, `array`, `module`. Two more error types are this program's own:
`Mismatch` (bytes came back different) and `NoError` (a call that must fail did not).
The end of stdin is `exit`.

THE PATTERN. Byte number i of pattern SEED (0 unless said) is (v >> 24) xor (v >> 8), its low 8 bits,
where v = (i + SEED) * 2654435761 modulo 2^32.

REFERENCES. This program holds nothing but what is kept under a name: no variable of the step loop
refers to a session, and the frames of an exception that a step reports are cleared. The garbage
collector runs at the step `gc` only, so that a collection is a cause like any other. `keep-error`,
`handled-error`, `request-retried` and `check-remote` are written the way a careless program is.
"""
import ctypes
import gc
import os
import socket
import stat
import struct
import sys
import threading
import traceback
import urllib.parse
import weakref

import numpy
import tvm
from tvm import rpc

ANSWER_CHARS_MAX = 4000
# Small enough to stay in the processor's cache.
PATTERN_CHUNK = 65536


class Usage(Exception):
    """A step that was not understood."""


class Mismatch(Exception):
    """Bytes that came back different."""


class NoError(Exception):
    """A call that should have failed and did not."""


# ---- the two dialects ----------------------------------------------------------------------------

IS_FFI = not hasattr(tvm, "_ffi")
# v0.21 is of the ffi dialect, and its arrays are still called what they had been.
HAS_TENSORS = hasattr(tvm.runtime, "tensor")


if IS_FFI:
    try:
        from tvm_ffi import Function
    except ImportError:
        from tvm.ffi import Function
else:
    Function = tvm.runtime.PackedFunc

REMOTE_KINDS = ((tvm.runtime.Module, "module"),
                (tvm.runtime.Tensor if HAS_TENSORS else tvm.nd.NDArray, "array"),
                (Function, "function"))


def array_from(data, device):
    return tvm.runtime.tensor(data, device) if HAS_TENSORS else tvm.nd.array(data, device)


def kind_of(value):
    """Tells `function`, `array` or `module` for a remote object, else None."""
    for kind, name in REMOTE_KINDS:
        if isinstance(value, kind):
            return name
    return None


# ---- values on the step lines --------------------------------------------------------------------


def pattern(count, seed):
    data = numpy.empty(count, dtype="uint8")
    for begin in range(0, count, PATTERN_CHUNK):
        end = min(begin + PATTERN_CHUNK, count)
        # 32 bits wide, so the product is taken modulo 2^32 by itself.
        value = numpy.arange(begin + seed, end + seed, dtype="uint64").astype("uint32")
        value *= numpy.uint32(2654435761)
        data[begin:end] = (value >> numpy.uint32(24)) ^ (value >> numpy.uint32(8))
    return data


def compare(got, seed):
    want = pattern(len(got), seed)
    got = numpy.frombuffer(got, dtype="uint8")
    differs = numpy.flatnonzero(got != want)
    if len(differs):
        raise Mismatch("%d of %d bytes differ, the first at %d" % (
            len(differs), len(got), differs[0]))


def show(value):
    """Writes a result as a word of an answer."""
    kind = kind_of(value)
    if kind:
        return kind
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "i:%d" % value
    if isinstance(value, int):
        return "i:%d" % value
    if isinstance(value, float):
        return "f:%r" % value
    if isinstance(value, str):
        return "s:" + urllib.parse.quote(str(value), safe="!#$&'()*+,/:;=?@[]-._~")
    try:
        return "b:" + bytes(value).hex()
    except TypeError:
        return type(value).__name__


class PlainAnswer(str):
    """An answer that is complete as it is, without `ok` before it."""


def answer_of(result):
    """The answer to a step whose method returned result; None when the program is to end."""
    if result is SystemExit:
        return None
    if isinstance(result, PlainAnswer):
        return result
    return "ok" if result is None else "ok %s" % result


def describe(error):
    text = str(error).rstrip().replace("\\", "\\\\").replace("\r", "").replace("\n", "\\n")
    # What a backtrace of C++ says in the end matters more than how it begins.
    return "error %s: %s" % (type(error).__name__, text[-ANSWER_CHARS_MAX:])


# ---- what the careless program does: each in a frame whose locals are ordinary locals ---------------


def fail_and_let_out(session, name, values):
    """The traceback of what it raises ends in this frame, whose local is the session."""
    function = session.get_function(name)
    function(*values)
    raise NoError(name)


def fail_and_handle(session, name, values):
    """Handles the remote error and returns, as a measuring loop does."""
    function = session.get_function(name)
    try:
        function(*values)
    except RuntimeError as error:
        return type(error).__name__
    raise NoError(name)


def request_in_frame(tracker, key, timeout):
    """Has the session as a local when it returns: TrackerSession.request's caller."""
    session = tracker.request(key, session_timeout=timeout)
    return session


def check_remote(host, port, key, timeout):
    """The report's function: connects to the tracker and requests in one frame."""
    tracker = rpc.connect_tracker(host, port)
    session = tracker.request(key, session_timeout=timeout)
    return session


def suspended(kept):
    yield
    del kept


class HoldingThread:
    """A thread in whose frame something is held until release()."""

    def __init__(self, kept):
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.hold, args=([kept],), daemon=True)
        self.thread.start()

    def hold(self, cell):
        kept = cell.pop()
        self.over.wait()
        del kept

    def release(self):
        self.over.set()
        self.thread.join()


# ---- sockets of TVM's native sessions ---------------------------------------------------------------


def socket_fds():
    """The (descriptor, inode) of every connected TCP socket of this process."""
    found = set()
    for name in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        try:
            status = os.fstat(int(name))
            if not stat.S_ISSOCK(status.st_mode):
                continue
            with socket.socket(fileno=os.dup(int(name))) as probe:
                if probe.family in (socket.AF_INET, socket.AF_INET6):
                    probe.getpeername()
                    found.add((int(name), status.st_ino))
        except OSError:
            continue
    return found


def borrow_socket(descriptor):
    return socket.socket(fileno=os.dup(descriptor))


def set_linger_zero(descriptor):
    with borrow_socket(descriptor) as borrowed:
        borrowed.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def disconnect(descriptor):
    """Resets a connection: connect() to no address, which is how the system calls it. Unlike closing
    with SO_LINGER 0, it does not wait for a thread that is inside recv() or send(): the kernel
    refuses with EBUSY (Linux from 6.5) or wakes it (before)."""
    no_address = ctypes.create_string_buffer(struct.pack("H14x", socket.AF_UNSPEC), 16)
    if ctypes.CDLL(None, use_errno=True).connect(descriptor, no_address, 16) != 0:
        status = ctypes.get_errno()
        raise OSError(status, os.strerror(status))


def take_away(descriptor):
    """Closes the socket for good: TVM is left with a dead one under the same number, so that its own
    close, later, closes nothing else."""
    ours, dead = socket.socketpair()
    os.dup2(dead.fileno(), descriptor)
    ours.close()
    dead.close()


def finish(descriptor):
    """FIN now, also while a thread is inside recv() or send(), which a mere close would wait for."""
    with borrow_socket(descriptor) as borrowed:
        borrowed.shutdown(socket.SHUT_RDWR)
    take_away(descriptor)


def reset(descriptor):
    """RST now. An OSError (EBUSY) if a thread is inside recv() or send() and the kernel minds."""
    disconnect(descriptor)
    take_away(descriptor)


# ---- the steps -----------------------------------------------------------------------------------


class Client:
    """What is kept under names, and one method a step: `do_` and the step's name with underscores."""

    def __init__(self, write_line):
        self.write_line = write_line
        self.kept = {}
        self.sockets = {}
        self.jobs = {}
        self.announce = threading.local()

    # Runs one step and returns its answer; None when the program is to end.
    def run(self, line):
        words = line.split(" ")
        method = getattr(self, "do_" + words[0].replace("-", "_"), None)
        if method is None or "_" in words[0]:
            return "usage: no step %r" % words[0]
        try:
            return answer_of(method(*words[1:]))
        except Usage as error:
            return "usage: %s" % error
        except TypeError as error:
            if error.__traceback__.tb_next is None:
                return "usage: %s" % error
            return self.report(error)
        except Exception as error:
            return self.report(error)

    @staticmethod
    def report(error):
        answer = describe(error)
        while error is not None:
            traceback.clear_frames(error.__traceback__)
            error = error.__context__
        return answer

    def about_to_block(self):
        if getattr(self.announce, "wanted", False):
            self.announce.wanted = False
            self.write_line("begun")

    def get(self, name):
        if name not in self.kept:
            raise Usage("nothing is kept under %r" % name)
        return self.kept[name]

    def value(self, word):
        kind, _, rest = word.partition(":")
        if word.startswith("@"):
            return self.get(word[1:])
        if word == "null":
            return None
        try:
            if kind == "i":
                return int(rest)
            if kind == "f":
                return float(rest)
            if kind == "b":
                return bytearray.fromhex(rest)
            if kind == "s":
                return urllib.parse.unquote(rest)
            return int(word)
        except ValueError:
            if kind in ("i", "f", "b"):
                raise Usage("not a value: %r" % word) from None
            return urllib.parse.unquote(word)

    def values(self, words):
        return [self.value(word) for word in words]

    # -- the program itself

    def do_pid(self):
        return os.getpid()

    def do_dialect(self):
        return "%s %s" % ("ffi" if IS_FFI else "legacy", tvm.__version__)

    def do_exit(self, status="0"):
        self.status = int(status)
        return SystemExit

    def do_die(self, status="0"):
        os._exit(int(status))

    def do_die_reset(self, name, status="0"):
        set_linger_zero(self.descriptor(name))
        os._exit(int(status))

    def do_begin(self, *words):
        blocking = ("request", "connect", "request-retried", "upload", "download", "array", "read",
                    "roundtrip", "long-call", "call", "callto", "invoke", "join")
        if not words or words[0] not in blocking:
            raise Usage("begin cannot announce %r" % (words[0] if words else ""))
        self.announce.wanted = True
        answer = self.run(" ".join(words))
        self.announce.wanted = False
        return PlainAnswer(answer)

    def do_spawn(self, name, *words):
        if not words or words[0] in ("begin", "spawn", "exit"):
            raise Usage("spawn STEP")
        if name in self.jobs:
            raise Usage("job %r has not been joined" % name)
        answers = []
        thread = threading.Thread(
            target=lambda: answers.append(self.run(" ".join(words))), daemon=True)
        self.jobs[name] = (thread, answers)
        thread.start()

    def do_join(self, name, seconds="0"):
        if name not in self.jobs:
            raise Usage("no job %r" % name)
        thread, answers = self.jobs[name]
        self.about_to_block()
        thread.join(float(seconds))
        if thread.is_alive():
            return PlainAnswer("pending")
        del self.jobs[name]
        return PlainAnswer(answers[0])

    # -- tracker and sessions

    def do_tracker(self, name, host, port):
        self.kept[name] = rpc.connect_tracker(host, int(port))

    def do_tracker_cut(self, name):
        self.get(name)._sock.shutdown(socket.SHUT_RDWR)

    def do_tracker_close(self, name):
        self.get(name).close()

    def do_summary(self, name):
        summary = self.get(name).summary()
        servers = {}
        for info in summary["server_info"]:
            key = info["key"].partition(":")[2]
            servers[key] = servers.get(key, 0) + 1
        words = []
        for key in sorted(set(summary["queue_info"]) | set(servers)):
            queue = summary["queue_info"].get(key, {"free": 0, "pending": 0})
            words.append("%s:servers=%d,free=%d,pending=%d" % (
                urllib.parse.quote(key, safe=":"), servers.get(key, 0), queue["free"],
                queue["pending"]))
        return " ".join(words) if words else None

    def open(self, name, make):
        """Keeps what make() returns, and notes the socket that came with it."""
        before = socket_fds()
        self.about_to_block()
        self.kept[name] = make()
        trackers = self.tracker_descriptors()
        new = [pair for pair in socket_fds() - before - set(self.sockets.values())
               if pair[0] not in trackers]
        self.sockets[name] = new[0] if len(new) == 1 else None

    def tracker_descriptors(self):
        return {kept._sock.fileno() for kept in list(self.kept.values())
                if isinstance(kept, rpc.TrackerSession) and kept._sock is not None}

    def do_request(self, name, tracker, key, timeout="0", priority="1"):
        tracker = self.get(tracker)
        self.open(name, lambda: tracker.request(
            urllib.parse.unquote(key), priority=int(priority), session_timeout=float(timeout)))

    def do_request_retried(self, name, tracker, key, timeout="0"):
        tracker = self.get(tracker)
        tracker._sock.shutdown(socket.SHUT_RDWR)
        self.open(name, lambda: request_in_frame(
            tracker, urllib.parse.unquote(key), float(timeout)))

    def do_check_remote(self, name, host, port, key, timeout="0"):
        self.open(name, lambda: check_remote(
            host, int(port), urllib.parse.unquote(key), float(timeout)))

    def do_connect(self, name, host, port, key, timeout="0"):
        self.open(name, lambda: rpc.connect(
            host, int(port), urllib.parse.unquote(key), session_timeout=float(timeout)))

    def do_close(self, name):
        self.get(name)._sess.get_function("CloseRPCConnection")()

    # -- functions

    def do_func(self, name, session, function):
        self.kept[name] = self.get(session).get_function(function)

    def do_call(self, name, *words):
        function, values = self.get(name), self.values(words)
        self.about_to_block()
        return show(function(*values))

    def do_callto(self, name, function, *words):
        function, values = self.get(function), self.values(words)
        self.about_to_block()
        self.kept[name] = function(*values)
        return show(self.kept[name])

    def do_invoke(self, session, name, *words):
        function, values = self.get(session).get_function(name), self.values(words)
        self.about_to_block()
        return show(function(*values))

    def do_long_call(self, session, milliseconds):
        make = self.get(session).get_function("runtime.RPCTimeEvaluator")
        evaluator = make(None, "rpc.test.addone", 1, 0, 1, 1, 0, 1, int(milliseconds), 1, 0, "")
        self.about_to_block()
        return show(evaluator(1))

    # -- arrays and files

    def do_array(self, name, session, count, seed="0"):
        data = pattern(int(count), int(seed))
        self.about_to_block()
        self.kept[name] = array_from(data, self.get(session).cpu(0))

    def do_read(self, name, seed="0"):
        self.about_to_block()
        got = self.get(name).numpy().tobytes()
        compare(got, int(seed))
        return len(got)

    def do_roundtrip(self, session, count, seed="0"):
        data = pattern(int(count), int(seed))
        self.about_to_block()
        got = array_from(data, self.get(session).cpu(0)).numpy().tobytes()
        if len(got) != len(data):
            raise Mismatch("%d bytes of %d came back" % (len(got), len(data)))
        compare(got, int(seed))
        return len(got)

    def do_upload(self, session, name, count, seed="0"):
        data = bytearray(pattern(int(count), int(seed)).tobytes())
        session = self.get(session)
        self.about_to_block()
        session.upload(data, urllib.parse.unquote(name))

    def do_download(self, session, name, count=None, seed="0"):
        self.about_to_block()
        got = bytes(self.get(session).download(urllib.parse.unquote(name)))
        if count is not None:
            if len(got) != int(count):
                raise Mismatch("%d bytes, not %s" % (len(got), count))
            compare(got, int(seed))
        return len(got)

    def do_remove(self, session, name):
        self.get(session).remove(urllib.parse.unquote(name))

    def do_workpath(self, session, name):
        return show(self.get(session).get_function("tvm.rpc.server.workpath")(
            urllib.parse.unquote(name)))

    def do_load(self, name, session, path):
        self.kept[name] = self.get(session).load_module(urllib.parse.unquote(path))
        return show(self.kept[name])

    # -- references

    def do_del(self, *names):
        for name in names:
            self.get(name)
        for name in names:
            kept = self.kept.pop(name)
            self.sockets.pop(name, None)
            if isinstance(kept, HoldingThread):
                kept.release()
            del kept

    def do_clear(self):
        self.do_del(*[name for name, kept in self.kept.items()
                      if not isinstance(kept, rpc.TrackerSession)])

    def do_alias(self, name, other):
        self.kept[name] = self.get(other)

    def do_closure(self, name, other):
        self.kept[name] = (lambda kept: lambda: kept)(self.get(other))

    def do_device(self, name, session):
        self.kept[name] = self.get(session).cpu(0)

    def do_generator(self, name, other):
        generator = suspended(self.get(other))
        next(generator)
        self.kept[name] = generator

    def do_thread(self, name, other):
        self.kept[name] = HoldingThread(self.get(other))

    def do_cycle(self, name):
        cell = [self.get(name)]
        cell.append(cell)
        del self.kept[name]

    def do_keep_error(self, name, session, function, *words):
        values = self.values(words)
        try:
            fail_and_let_out(self.get(session), function, values)
        except RuntimeError as error:
            self.kept[name] = error
            return type(error).__name__

    def do_handled_error(self, session, function, *words):
        return fail_and_handle(self.get(session), function, self.values(words))

    def do_gc(self, generation="2"):
        return gc.collect(int(generation))

    def do_refcount(self, name):
        self.get(name)
        return sys.getrefcount(self.kept[name])

    def do_weak(self, name, other):
        self.kept[name] = weakref.ref(self.get(other))

    def do_alive(self, name):
        return "yes" if self.get(name)() is not None else "no"

    # -- what only the socket can tell

    def descriptor(self, name):
        noted = self.sockets.get(name)
        if noted is None or noted not in socket_fds():
            raise Usage("%r has no socket that is known and open" % name)
        return noted[0]

    def do_socket(self, name):
        with borrow_socket(self.descriptor(name)) as borrowed:
            return "%d %d" % (borrowed.getsockname()[1], borrowed.getpeername()[1])

    def do_fin(self, name):
        finish(self.descriptor(name))

    def do_reset(self, name):
        reset(self.descriptor(name))

    def do_half_close(self, name):
        with borrow_socket(self.descriptor(name)) as borrowed:
            borrowed.shutdown(socket.SHUT_WR)

    def do_cut_packet(self, name, how="fin"):
        if how not in ("fin", "rst"):
            raise Usage("cut-packet S [rst]")
        descriptor = self.descriptor(name)
        with borrow_socket(descriptor) as borrowed:
            # A CallFunc that announces 64 bytes, of which 20 come.
            borrowed.sendall(struct.pack("<QiQi", 64, 3, 1, 1) + bytes(4))
        (finish if how == "fin" else reset)(descriptor)


def main():
    # What a library prints must not come between the answers: descriptor 1 becomes stderr.
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    client = Client(lambda line: answers.write(line + "\n"))
    gc.collect()
    gc.freeze()
    gc.disable()
    client.status = 0
    while True:
        line = sys.stdin.readline()
        if not line:
            break
        answer = client.run(line.rstrip("\r\n"))
        if answer is None:
            break
        client.write_line(answer)
    return client.status


if __name__ == "__main__":
    sys.exit(main())
