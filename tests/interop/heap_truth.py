#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the ground truth of the heap model against real CPythons.

usage: heap_truth.py [--strict] [--whole] [--only NAME].. [--jobs N]

Runs every script and variant of tests/golden/heap/scripts in the interpreters that interpreters.sh has
installed, and compares each step with the row of tests/golden/heap (ground_truth.json, more_versions.json)
for the version that stands for it: references counted, alive or dead, what a collection returned, the events
and their order.

LASTREF_INTERPRETERS_DIR names the interpreters (build/interpreters). One line an interpreter; what differs
is printed, and fails, but for the rows in EXPECTED, which must differ. An interpreter that is not installed
is `not run`, which --strict makes a failure. In CPython for Windows the report's scripts alone are run,
unless --whole is given.

exit status: 0 nothing failed; 1 something did; 3 with --strict if something could not run; 2 wrong usage.
"""
import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
HEAP = os.path.join(ROOT, "tests", "golden", "heap")
ROW_SECONDS = 120

# Which measured version an installed one must agree with.
STANDS_FOR = {
    "3.7.3": "3.7.2", "3.7.7": "3.7.2", "3.7.9": "3.7.12", "3.9.2": "3.9.0", "3.9.6": "3.9.5",
    "3.10.2": "3.9.5", "3.11.3": "3.11.2", "3.13.0": "3.13.0", "legacy-defective": None,
    "3.7.9-windows": "3.7.12", "3.9.2-windows": "3.9.0", "3.9.6-windows": "3.9.5",
}

# By the Python that the legacy TVM has: the defect is put back into a sound one.
DEFECTIVE = {"3.8": "3.8.8", "3.10": "3.10.0"}

# The rows that differ all the same, and why. One that does not is a finding as well.
RESURRECTED = "as in 3.7.12: what a finalizer brought back is not counted as collected"
EXPECTED = {
    "3.7.7": {"s05_resurrect/cycle": RESURRECTED, "s09_generator/self_cycle": RESURRECTED},
    "3.10.2": {"s15_counting/noncontainer": "as in 3.10.0: no container more"},
}

# Under wine a start takes half a second: there only these, unless all are asked for.
SCRIPTS_UNDER_WINE = ("s00_chain", "s00_members", "s00_repl", "s00_report", "s14_distilled")


def interpreters():
    folder = os.environ.get("LASTREF_INTERPRETERS_DIR") or os.path.join(ROOT, "build", "interpreters")
    found = {}
    paths = os.path.join(folder, "paths")
    if os.path.exists(paths):
        with open(paths, encoding="utf-8") as lines:
            for line in lines:
                name, _, command = line.strip().partition("=")
                found[name] = command
    return found


def read_truth():
    """The rows by script, variant and version, of all that was measured."""
    truth = {}
    for document in ("ground_truth.json", "more_versions.json"):
        with open(os.path.join(HEAP, document), encoding="utf-8") as file:
            for script, variants in json.load(file)["scripts"].items():
                for variant, versions in variants.items():
                    truth.setdefault(script, {}).setdefault(variant, {}).update(versions)
    return truth


def version_for(name, command):
    if STANDS_FOR[name] is not None:
        return STANDS_FOR[name]
    said = subprocess.run([command, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
                          stdout=subprocess.PIPE, timeout=ROW_SECONDS, check=True).stdout
    return DEFECTIVE[said.decode().strip()]


def run_row(command, script, variant):
    """What the script's variant says in an interpreter; a dictionary with `error` when it says nothing."""
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTHONHASHSEED="0",
                       LASTREF_WINE_SHARED="1")
    try:
        run = subprocess.run([command, script + ".py", variant], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment,
                             cwd=os.path.join(HEAP, "scripts"), timeout=ROW_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return {"error": "no end within %d s" % ROW_SECONDS}
    text = run.stdout.decode("utf-8", "replace")
    lines = re.findall(r"^JSON (.*)$", text, re.MULTILINE)
    if run.returncode != 0 or len(lines) != 1:
        return {"error": "status %d: %s" % (run.returncode, text[-300:])}
    return json.loads(lines[0])


# ---- comparing -----------------------------------------------------------------------------------


class Lines(object):
    """Line numbers of the standard library are of one micro version alone: within a row they become the
    ranks of their order, by function, so that two tracebacks of one frame stay two."""

    PLACES = re.compile(r"(frame=(\w+),line=|traceback -> (\w+):)(\d+)")

    def __init__(self, row):
        lines = {}
        for _, a, b, line in self.PLACES.findall(json.dumps(row)):
            lines.setdefault(a or b, set()).add(int(line))
        self.ranks = {(function, line): rank + 1 for function, found in lines.items()
                      for rank, line in enumerate(sorted(found))}

    def rename(self, match):
        return "%s#%d" % (match.group(1), self.ranks[match.group(2) or match.group(3),
                                                     int(match.group(4))])

    def without(self, value, in_order=False):
        if isinstance(value, str):
            return self.PLACES.sub(self.rename, value)
        if isinstance(value, dict):
            # What a step lists is in the order of events; members and edges are sets that were sorted.
            return {key: self.without(item, key in ("steps", "events", "order", "holder_path", "threshold",
                                                    "gc_count", "gc_count_before"))
                    for key, item in value.items()}
        if isinstance(value, list):
            items = [self.without(item) for item in value]
            return items if in_order else sorted(items, key=json.dumps)
        return value


def differences(want, got):
    if "error" in got:
        return got["error"]
    want, got = Lines(want).without(want), Lines(got).without(got)
    for number, (a, b) in enumerate(zip(want["steps"], got["steps"])):
        keys = [key for key in sorted(set(a) | set(b)) if a.get(key) != b.get(key)]
        if keys:
            return "step %d, %s: %s" % (number + 1, a["step"], ", ".join(
                "%s is %r, not %r" % (key, b.get(key), a.get(key)) for key in keys))
    if len(want["steps"]) != len(got["steps"]):
        return "%d steps, not %d" % (len(got["steps"]), len(want["steps"]))
    facts, others = want.get("facts", {}), got.get("facts", {})
    for key in sorted(set(facts) | set(others)):
        if facts.get(key) != others.get(key):
            return "%s is %r, not %r" % (key, others.get(key), facts.get(key))
    return None


def rows_for(name, truth, whole):
    rows = [(script, variant) for script in sorted(truth) for variant in sorted(truth[script])]
    if name.endswith("-windows") and not whole:
        rows = [row for row in rows if row[0] in SCRIPTS_UNDER_WINE]
    return rows


def check(name, command, truth, whole, pool):
    """Runs one interpreter's rows; True when all is as it must be."""
    began = time.monotonic()
    version, expected = version_for(name, command), EXPECTED.get(name, {})
    rows = rows_for(name, truth, whole)
    findings, same, other = [], 0, 0
    for (script, variant), got in zip(rows, pool.map(lambda row: run_row(command, *row), rows)):
        row = "%s/%s" % (script, variant)
        what = differences(truth[script][variant][version], got)
        if (what is None) != (row in expected):
            same, other = same + (what is None), other + (what is not None)
        else:
            findings.append("%s: %s" % (row, what or "is the same, but is listed to differ"))
    print("%-4s %s: %d rows as %s, %d otherwise as listed, %d findings (%.0f s)" % (
        "FAIL" if findings else "ok", name, same, version, other, len(findings),
        time.monotonic() - began))
    for finding in findings:
        print("     " + finding[:2000])
    sys.stdout.flush()
    return not findings


def main():
    parser = argparse.ArgumentParser(usage="heap_truth.py [--strict] [--whole] [--only NAME].. [--jobs N]")
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--only", action="append", choices=sorted(STANDS_FOR))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    truth = read_truth()
    installed = interpreters()
    failed = missing = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for name in options.only or STANDS_FOR:
            if name not in installed:
                print("not run %s: not installed (tests/interop/interpreters.sh)" % name)
                missing += 1
            elif not check(name, installed[name], truth, options.whole, pool):
                failed += 1
    if failed:
        return 1
    return 3 if missing and options.strict else 0


if __name__ == "__main__":
    sys.exit(main())
