#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs each test that ctest knows under a wrapper: WRAPPER LOGDIR COMMAND..

usage: each_test.py --build DIR --under WRAPPER --logs DIR [--jobs N] [--limit SECONDS] [NAME..]

Takes the tests with the labels unit, golden and scenario, with ctest's command, folder and environment,
but a time limit of its own. Prints a line a test and the whole output of those that fail.
Exit status: 0 all passed, 1 some failed, 2 no test to run.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

LABELS = {"unit", "golden", "scenario"}
running = set()  # process groups to end with us


def end_all(signum, _frame):
    """What we started dies with us: each test leads a session of its own, that a signal to us misses."""
    for group in list(running):
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            pass
    os._exit(128 + signum)


def read_tests(build):
    """[(name, command, folder, environment)] of the tests with one of our labels."""
    listing = subprocess.run(["ctest", "--test-dir", str(build), "--show-only=json-v1"],
                             check=True, capture_output=True).stdout
    tests = []
    for test in json.loads(listing)["tests"]:
        properties = {p["name"]: p["value"] for p in test.get("properties", [])}
        if not LABELS & set(properties.get("LABELS", [])) or "command" not in test:
            continue
        if properties.get("WILL_FAIL"):  # of the runner of tests itself: what fails there is planted
            continue
        environment = dict(item.split("=", 1) for item in properties.get("ENVIRONMENT", []))
        folder = properties.get("WORKING_DIRECTORY", str(build))
        alone = bool(properties.get("RUN_SERIAL")) or bool(properties.get("RESOURCE_LOCK"))
        tests.append((test["name"], test["command"], folder, environment, alone))
    return tests


def run_test(test, args):
    """(name, passed, seconds, output)"""
    name, command, folder, environment, _ = test
    # One test after the other in each program: programs run side by side as it is.
    environment = {**os.environ, "CRITERION_JOBS": "1", **environment}
    started = time.monotonic()
    process = subprocess.Popen(
        [str(args.under.resolve()), str(args.logs.resolve() / name), *command], cwd=folder,
        env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", start_new_session=True)
    running.add(process.pid)
    try:
        output, _ = process.communicate(timeout=args.limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output = process.communicate()[0] + f"\nnot done after {args.limit} s"
    running.discard(process.pid)
    return name, process.returncode == 0, time.monotonic() - started, output


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--under", type=pathlib.Path, required=True)
    parser.add_argument("--logs", type=pathlib.Path, required=True)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--limit", type=int, default=900)
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, end_all)

    tests = [t for t in read_tests(args.build) if not args.names or t[0] in args.names]
    if not tests:
        print("each_test: no test to run", file=sys.stderr)
        return 2
    args.logs.mkdir(parents=True, exist_ok=True)
    failed = []

    def tell(result):
        name, passed, seconds, output = result
        print(f"  {'passed' if passed else 'FAILED'} {seconds:7.1f} s  {name}", flush=True)
        if not passed:
            failed.append(name)
            print(output, flush=True)

    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        jobs = [pool.submit(run_test, test, args) for test in tests if not test[4]]
        for job in concurrent.futures.as_completed(jobs):
            tell(job.result())
    for test in tests:
        if test[4]:
            tell(run_test(test, args))
    print(f"{len(tests) - len(failed)} passed, {len(failed)} failed"
          + (": " + " ".join(sorted(failed)) if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
