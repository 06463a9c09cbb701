# SPDX-License-Identifier: Apache-2.0
"""Interop: each of tracker, server and client real TVM or ours, both dialects, every case.

usage: matrix.py [--dialect ffi|legacy] [--real-only] [--filter TEXT] [--strict] [--jobs N] [--list]

  --filter TEXT   only cases whose line contains TEXT, e.g. `legacy tracker=ours` or `array`
  --real-only     only what is real TVM in all three roles
  --jobs N        combinations at the same time (2)
  --strict        exit status 3 when something could not run

One line a case: `ok`, `FAILED` with the reason, or `not run` with the reason; then the sum. Exit status:
0 nothing failed, 1 something did, 3 with --strict when something was not run, 2 wrong usage.
"""
import argparse
import itertools
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from cases import CASES
from parts import (DIALECTS, Missing, World, lastref_command, start_client, steps_command,
                   tvm_python)
from processes import StepFailed
from report import Report

KINDS = ("real", "ours")


class Combination:
    """One choice of tracker, server and client in one dialect."""

    def __init__(self, dialect, tracker, server, client, server_dialect=None):
        self.dialect = dialect
        self.tracker = tracker
        self.server = server
        self.client = client
        self.server_dialect = server_dialect

    def name(self):
        return "%-6s tracker=%s server=%s client=%s" % (
            self.dialect, self.tracker, self.server if not self.server_dialect
            else "%s(%s)" % (self.server, self.server_dialect), self.client)

    def all_real(self):
        return (self.tracker, self.server, self.client) == ("real",) * 3

    def check_parts(self):
        if "real" in (self.tracker, self.server, self.client):
            tvm_python(self.dialect)
        if "ours" in (self.tracker, self.server):
            lastref_command()
        if self.client == "ours":
            steps_command()


def all_combinations():
    for dialect in DIALECTS:
        for tracker, server, client in itertools.product(KINDS, repeat=3):
            yield Combination(dialect, tracker, server, client)
    # A server that is not told which dialect its clients speak.
    for dialect in DIALECTS:
        yield Combination(dialect, "ours", "ours", "real", "auto")


class Clients:
    """Client programs that wait for work; starting one costs the import of TVM."""

    def __init__(self, logs):
        self.logs = logs
        self.lock = threading.Lock()
        self.waiting = {}
        self.number = itertools.count(1)

    def take(self, kind, dialect):
        with self.lock:
            waiting = self.waiting.setdefault((kind, dialect), [])
            if waiting:
                return waiting.pop()
            number = next(self.number)
        client = start_client(kind, dialect, self.logs, number)
        client.kind, client.dialect = kind, dialect
        return client

    def give_back(self, client):
        with self.lock:
            self.waiting[client.kind, client.dialect].append(client)

    def end(self):
        for clients in self.waiting.values():
            for client in clients:
                client.end()


class Table:
    """A world with two clients, laid when a case needs it and cleared away when one failed."""

    def __init__(self, combination, clients, logs):
        self.combination = combination
        self.clients = clients
        self.logs = logs
        self.world = None
        self.a = self.b = None

    def lay(self):
        if self.world is not None:
            return
        c = self.combination
        # The clients import TVM while the roles start.
        self.a = self.clients.take(c.client, c.dialect)
        self.b = self.clients.take(c.client, c.dialect)
        self.world = World(c.dialect, c.tracker, c.server, self.logs, c.server_dialect)
        for client in (self.a, self.b):
            client.ok("tracker T 127.0.0.1 %d" % self.world.tracker_port, seconds=60)

    def tidy(self):
        """After a case: nothing is held, and the server can be requested."""
        for client in (self.a, self.b):
            client.ok("clear")
        self.world.wait_free()
        if self.world.pending() != 0:
            raise StepFailed("a request still waits after the case")

    def clear_away(self, failed):
        for client in (self.a, self.b):
            if client is None:
                continue
            if failed:
                client.kill()
            else:
                client.ok("del T")
                self.clients.give_back(client)
        if self.world is not None:
            self.world.end()
        self.world = self.a = self.b = None


class Run:
    def __init__(self, options, report):
        self.options = options
        self.report = report
        self.logs = report.logs
        self.clients = Clients(report.logs)

    def chosen(self, combination):
        for title, function, client in CASES:
            line = "%s  %s" % (combination.name(), title)
            if client not in (None, combination.client):
                continue
            if " ".join(self.options.filter.split()) in " ".join(line.split()):
                yield line, function

    def combination(self, combination):
        chosen = list(self.chosen(combination))
        if not chosen:
            return
        try:
            combination.check_parts()
        except Missing as missing:
            for line, _ in chosen:
                self.report.say("not run", line, str(missing))
            return
        table = Table(combination, self.clients, self.logs)
        failed = False
        for line, function in chosen:
            failed = not self.case(table, line, function)
            if failed:
                self.clear_away(table, True)
        self.clear_away(table, failed)

    @staticmethod
    def clear_away(table, failed):
        try:
            table.clear_away(failed)
        except StepFailed:
            table.clear_away(True)

    def case(self, table, line, function):
        begun = time.monotonic()
        try:
            table.lay()
            begun = time.monotonic()
            remark = function(table.world, table.a, table.b)
            table.tidy()
        except (StepFailed, OSError, ValueError) as error:
            self.report.say("FAILED", line, str(error) or type(error).__name__,
                            time.monotonic() - begun)
            return False
        self.report.say("ok", line, remark or "", time.monotonic() - begun)
        return True

    def all(self, combinations):
        with ThreadPoolExecutor(max_workers=self.options.jobs) as pool:
            for done in [pool.submit(self.combination, c) for c in combinations]:
                done.result()
        self.clients.end()


def read_options():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1][7:])
    parser.add_argument("--dialect", choices=DIALECTS)
    parser.add_argument("--real-only", action="store_true")
    parser.add_argument("--filter", default="")
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--list", action="store_true")
    return parser.parse_args()


def main():
    options = read_options()
    combinations = [c for c in all_combinations()
                    if options.dialect in (None, c.dialect)
                    and (c.all_real() or not options.real_only)]
    report = Report("interop matrix")
    run = Run(options, report)
    if options.list:
        for combination in combinations:
            for line, _ in run.chosen(combination):
                print(line)
        return report.close(False)
    run.all(combinations)
    return report.close(options.strict)


if __name__ == "__main__":
    sys.exit(main())
