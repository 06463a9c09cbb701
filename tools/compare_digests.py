#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: compare_digests.py [--seed N] SCENARIOS LASTREF..

Plays SCENARIOS in the simulated world once with each LASTREF (name one twice to play twice) and
compares the digests of every case: the same scenario and seed must have the same history, event by
event, whoever compiled the program. Names the cases that differ and exits with 1; 3 where nothing
was compared.
"""
import json
import os
import subprocess
import sys
import tempfile


def digests(lastref, scenarios, seed):
    """What each case's history came to, by the case's name."""
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "run.json")
        command = [lastref, "run", "--world", "sim", "--silent", "--seed", seed, "--json", report]
        done = subprocess.run(command + [scenarios], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              universal_newlines=True, check=False)
        if not os.path.exists(report) or done.returncode not in (0, 1, 3):
            sys.exit("compare_digests: %s ended with %d:\n%s" %
                     (lastref, done.returncode, done.stdout[-4000:]))
        with open(report, encoding="utf-8") as text:
            cases = json.load(text)["cases"]
    return {case["name"]: case["digest"] for case in cases if case["digest"] is not None}


def main():
    arguments = sys.argv[1:]
    seed = "1"
    if arguments[:1] == ["--seed"] and len(arguments) > 1:
        seed = arguments[1]
        arguments = arguments[2:]
    if len(arguments) < 3:
        sys.exit(__doc__.splitlines()[0])
    scenarios, programs = arguments[0], arguments[1:]
    first = digests(programs[0], scenarios, seed)
    differing = 0
    for program in programs[1:]:
        other = digests(program, scenarios, seed)
        for name in sorted(set(first) | set(other)):
            if first.get(name) != other.get(name):
                differing += 1
                print("DIFFERS %s: %s with %s, %s with %s" %
                      (name, first.get(name), programs[0], other.get(name), program))
    print("compare_digests: %d cases, %d runs, %d differ" % (len(first), len(programs), differing))
    if not first:
        sys.exit(3)
    sys.exit(1 if differing else 0)


main()
