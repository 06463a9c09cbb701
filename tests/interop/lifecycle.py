# SPDX-License-Identifier: Apache-2.0
"""Lifecycle of a real TVM client's session: what holds it, what ends it, what a server makes of that.

usage: lifecycle.py [--dialect ffi|legacy] [--tracker real|ours] [--server real|ours]
                    [--filter TEXT] [--strict] [--jobs N]

Proves of scenarios/programs/tvm_client.py that each of its holders really holds and that nothing
else does, and says how a server of real TVM, or ours, behaves after each way in which a client can
leave. Where TVM's server never comes back, that is expected of it by name, and of ours never.
One line a case with the times seen, then the sum. Exit status as matrix.py's.
"""
import argparse
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from parts import DIALECTS, Missing, World, lastref_command, start_client, tvm_version
from processes import StepFailed, wait_until
from report import Report

# A session of real TVM is requestable again some 0.1 s after its last reference went; what is not
# within this time is taken to be held.
HELD_SECONDS = 0.6
RELEASED_SECONDS = 10
# How long TVM's server is watched, after it said that it gave up, for signs of life.
DEAD_SECONDS = 2.5

REQUEST = "request S T test"
FAIL = "rpc.test.except boom"


# In which versions of TVM's client a step releases the session.
def always(_):
    return True


def never(_):
    return False


def errors_let_go(version):
    """raise_last_ffi_error kept the error, and with it the frames, from v0.14 to v0.20."""
    return not (0, 14) <= version < (0, 21)


def can_close(version):
    return version >= (0, 11)


def server_gives_up(version):
    """Since v0.17 the end of a session by a reset or within a packet ends TVM's server as well."""
    return version >= (0, 17)


# title, opening, then (step, where the session is released by it) in order. The server must not be
# requestable after a step that does not release.
HOLDERS = [
    ("a variable", REQUEST, [("del S", always)]),
    ("a second variable", REQUEST, [("alias X S", never), ("del S", never), ("del X", always)]),
    ("a remote function", REQUEST,
     [("func F S rpc.test.addone", never), ("del S", never), ("del F", always)]),
    ("a returned remote function", REQUEST,
     [("func F S rpc.test.add_to_lhs", never), ("callto G F 5", never), ("del S F", never),
      ("del G", always)]),
    ("a remote array", REQUEST, [("array X S 1000", never), ("del S", never), ("del X", always)]),
    ("a remote device", REQUEST, [("device X S", never), ("del S", never), ("del X", always)]),
    ("a closure", REQUEST, [("closure X S", never), ("del S", never), ("del X", always)]),
    ("a suspended generator", REQUEST,
     [("generator X S", never), ("del S", never), ("del X", always)]),
    ("a thread", REQUEST, [("thread X S", never), ("del S", never), ("del X", always)]),
    ("a garbage cycle", REQUEST, [("cycle S", never), ("gc 0", always)]),
    ("a kept exception", REQUEST,
     [("keep-error X S " + FAIL, never), ("del S", never), ("del X", errors_let_go),
      ("gc 0", always)]),
    ("a handled remote error", REQUEST,
     [("handled-error S " + FAIL, never), ("del S", errors_let_go), ("gc 0", always)]),
    ("a handled remote error, then close", REQUEST,
     [("handled-error S " + FAIL, never), ("close S", can_close)]),
    ("a request that was retried", "request-retried S T test",
     [("del S", never), ("gc 0", always)]),
    ("a request that was retried, then close", "request-retried S T test",
     [("close S", can_close)]),
    ("an error that was only reported", REQUEST,
     [("invoke S " + FAIL, never), ("del S", always)]),
    ("a function that was missing", REQUEST, [("func F S no.such", never), ("del S", always)]),
    ("a lost connection's array", REQUEST, [("array X S 1000", never), ("fin S", always)]),
]
REFUSED = ("invoke S " + FAIL, "func F S no.such")


def kill(client, *_):
    os.kill(client.process.pid, signal.SIGKILL)


def stop(client, *_):
    os.kill(client.process.pid, signal.SIGSTOP)


def step(text):
    def tell(client, *_):
        client.tell(text)
    return tell


def in_call(then):
    def act(client, socket, server):
        client.ok("spawn J long-call S 2500")
        # Nothing tells from outside that a call has begun, so it gets time to; the call lasts longer.
        time.sleep(0.4)
        then(client, socket, server)
    return act


def in_upload(then):
    def act(client, socket, server):
        client.ok("spawn J upload S file 64000000")
        end = time.monotonic() + 20
        while time.monotonic() < end:
            # The server stands still while it is looked at: what is on its way stays there.
            os.killpg(server.group, signal.SIGSTOP)
            try:
                time.sleep(0.005)
                # More than any other message has: it is the file.
                if unsent_bytes(*socket) > 65536:
                    then(client, socket, server)
                    return
            finally:
                os.killpg(server.group, signal.SIGCONT)
            time.sleep(0.002)
        raise StepFailed("the upload does not begin")
    return act


def unsent_bytes(local_port, peer_port):
    """How much of what a connection of this machine was given has not been acknowledged."""
    with open("/proc/net/tcp") as connections:
        for line in connections.read().splitlines()[1:]:
            fields = line.split()
            ports = [int(address.split(":")[1], 16) for address in fields[1:3]]
            if ports == [local_port, peer_port]:
                return int(fields[4].split(":")[0], 16)
    return 0


# title, request's timeout, what happens, whether every TVM's server survives it.
ENDINGS = [
    ("killed while idle", "", kill, True),
    ("killed in a call", "", in_call(kill), True),
    ("killed in an upload", "", in_upload(kill), False),
    ("exits", "", step("exit"), True),
    ("exits without clean-up", "", step("die"), True),
    ("exits with a reset", "", step("die-reset S"), False),
    ("FIN while idle", "", step("fin S"), True),
    ("RST while idle", "", step("reset S"), False),
    ("half-closes", "", step("half-close S"), True),
    ("FIN in a call", "", in_call(step("fin S")), True),
    ("RST in a call", "", in_call(step("die-reset S")), False),
    ("FIN in an upload", "", in_upload(step("fin S")), False),
    ("RST in an upload", "", in_upload(step("die-reset S")), False),
    ("FIN inside a packet", "", step("cut-packet S"), False),
    ("RST inside a packet", "", step("cut-packet S rst"), False),
    ("is stopped, with a timeout of 1 s", " 1", stop, True),
]


class Lifecycle:
    def __init__(self, options, report):
        self.options = options
        self.report = report
        self.number = 0
        self.again = []  # endings that failed beside others: tried once more, alone
        self.alone = False

    def line(self, dialect, what, title):
        return "%-6s tracker=%s server=%s client=real  %s: %s" % (
            dialect, self.options.tracker, self.options.server, what, title)

    def wanted(self, line):
        return " ".join(self.options.filter.split()) in " ".join(line.split())

    def lay(self, dialect):
        self.number += 1
        client = start_client("real", dialect, self.report.logs, self.number)
        try:
            world = World(dialect, self.options.tracker, self.options.server, self.report.logs)
        except BaseException:
            client.kill()
            raise
        client.ok("tracker T 127.0.0.1 %d" % world.tracker_port, seconds=60)
        return world, client

    def missing(self, dialect):
        try:
            tvm_version(dialect)
            if "ours" in (self.options.tracker, self.options.server):
                lastref_command()
        except Missing as missing:
            return str(missing)
        return None

    # -- holders: one world for all, and one client, whose collections are its own

    def holders(self, dialect):
        chosen = [(self.line(dialect, "held by", holder[0]), holder) for holder in HOLDERS]
        chosen = [pair for pair in chosen if self.wanted(pair[0])]
        why = self.missing(dialect)
        table = None
        for line, holder in chosen:
            if why:
                self.report.say("not run", line, why)
                continue
            try:
                table = table or self.lay(dialect)
                self.report.say("ok", line, self.hold(dialect, *table, *holder[1:]))
            except (StepFailed, OSError) as error:
                self.report.say("FAILED", line, str(error))
                self.clear_away(table)
                table = None
        self.clear_away(table)

    def hold(self, dialect, world, client, opening, steps):
        world.wait_free(RELEASED_SECONDS)
        client.ok(opening)
        seen, gone = [], False
        for text, releases in steps:
            if releases is can_close and not can_close(tvm_version(dialect)):
                client.fails(text)
                seen.append("TVM before v0.11 has no close")
                continue
            if text in REFUSED:
                client.fails(text)
            else:
                client.ok(text)
            if gone:
                continue
            begun = time.monotonic()
            if releases(tvm_version(dialect)):
                world.wait_free(RELEASED_SECONDS)
                seen.append("%s: released in %.3f s" % (text, time.monotonic() - begun))
                gone = True
            elif text.startswith("del") or text.startswith("cycle"):
                if wait_until(lambda: world.free() == 1, HELD_SECONDS):
                    raise StepFailed("released by: " + text)
                seen.append("%s: held" % text)
        client.ok("clear")
        client.ok("gc")
        return "; ".join(seen)

    # -- endings: each has roles of its own

    def ending(self, dialect, title, timeout, act, tvm_survives):
        line = self.line(dialect, "client", title)
        if not self.wanted(line):
            return
        why = self.missing(dialect)
        if why:
            self.report.say("not run", line, why)
            return
        table = None
        dies = (not tvm_survives and self.options.server == "real"
                and server_gives_up(tvm_version(dialect)))
        try:
            table = self.lay(dialect)
            seen = self.end(dialect, *table, timeout, act, dies)
            self.report.say("ok", line, seen + ("; tried again alone" if self.alone else ""))
        except (StepFailed, OSError) as error:
            if self.alone:
                self.report.say("FAILED", line, str(error))
            else:
                self.again.append((dialect, title, timeout, act, tvm_survives))
        self.clear_away(table)

    def end(self, dialect, world, client, timeout, act, dies):
        client.ok(REQUEST + timeout)
        socket = tuple(int(port) for port in client.ok("socket S").split())
        act(client, socket, world.programs[-1])
        begun = time.monotonic()
        if dies:
            return self.see_dead(world, dialect, begun)
        world.wait_free(RELEASED_SECONDS)
        return "requestable again in %.3f s" % (time.monotonic() - begun)

    @staticmethod
    def see_dead(world, dialect, begun):
        def gave_up():
            with open(world.log("server"), encoding="utf-8", errors="replace") as log:
                return "exited unsuccessfully" in log.read()

        if not wait_until(gave_up, RELEASED_SECONDS):
            raise StepFailed("TVM's server was to give up, and did not")
        after = time.monotonic() - begun
        if wait_until(lambda: world.free() == 1, DEAD_SECONDS):
            raise StepFailed("TVM's server was to give up, and came back")
        return "known failure of TVM %d.%d: its server gave up for good after %.3f s" % (
            *tvm_version(dialect), after)

    @staticmethod
    def clear_away(table):
        if table is not None:
            world, client = table
            client.kill()
            world.end()


def read_options():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1][7:])
    parser.add_argument("--dialect", choices=DIALECTS)
    parser.add_argument("--tracker", choices=("real", "ours"), default="real")
    parser.add_argument("--server", choices=("real", "ours"), default="real")
    parser.add_argument("--filter", default="")
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--jobs", type=int, default=3)
    return parser.parse_args()


def main():
    options = read_options()
    report = Report("interop lifecycle")
    life = Lifecycle(options, report)
    with ThreadPoolExecutor(max_workers=options.jobs) as pool:
        jobs = []
        for dialect in DIALECTS:
            if options.dialect in (None, dialect):
                jobs.append(pool.submit(life.holders, dialect))
                jobs += [pool.submit(life.ending, dialect, *ending) for ending in ENDINGS]
        for job in jobs:
            job.result()
    life.alone = True
    for ending in life.again:
        life.ending(*ending)
    return report.close(options.strict)


if __name__ == "__main__":
    sys.exit(main())
