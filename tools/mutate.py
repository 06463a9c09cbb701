#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Changes the real code in small ways, and counts how many of the changes the tests and scenarios notice.

usage: mutate.py [--seed N] [--count N] [--reach PERCENT] [--jobs N] [--seconds N] [--work DIR] [--json FILE]
                 [--markdown FILE] [--again] [--at FILE:LINE..] [PATH..]

Of all places below the paths (harness/rpc and harness/ledger unless said) where a condition can be negated,
an operator or a constant be another, a statement be dropped or an error be passed over, a seeded sample is
taken (tools/mutations.py). Each is compiled alone; what does not compile, or compiles to the very same code
at -O2, is not counted and another one takes its place. Who is asked, until one finds it: the unit suites of
its file, the scenarios in the simulated world, the other unit suites that have the file in them, and torture
of the scenarios that .ci/run takes. A test that does not end finds it as well. Assertions are left alone, as
they are tests themselves, and so is what is only told to a log.

--json keeps what was judged: with the same seed a later run goes on there, and with --again judges once more
what had survived, as tests for it have come. --seconds: so long changes are taken, then it tells how far it
is. --at: every mutation of these lines, to try out a test.

Tools for C that are packaged were looked at: none is in Debian; universalmutator (PyPI) changes lines by
patterns without knowing statements from declarations, so that most of its mutants do not compile, and has no
notion of a sample.

Exit status: 0 the sample was judged, 1 it was not, or fewer than --reach percent were killed, 2 wrong usage.
"""

import argparse
import concurrent.futures
import filecmp
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

from mutations import in_order_of, mutations_of
from overlay_build import ROOT, Base, BuildError, Variant, watch

# Of a processor's time, as no suite may be found wanting for what else the machine does: the slowest unit
# suite needs a few, and so does a case. Whatever waits for something else is given up after PATIENCE.
UNIT_SECONDS = 60
CASE_SECONDS = 120
PATIENCE = 1200
MEMORY = "--as=4294967296"
SOURCES = ["harness/rpc", "harness/ledger"]
# Those that concern the roles and the ledger; what else links them waits for sockets and processes.
SUITES = re.compile(r"test_(rpc_|ledger_|golden|role_|world_sim_session|scenario_liar|explore_run)")
ENVIRONMENT = dict(os.environ, LASTREF_TVM_DIR="none", LASTREF_INTERPRETERS_DIR="none")
FAILED = r"(?:FAILED|INVALID)\s+(\S+)"
RUN = ["run", "--world", "sim", "--jobs", "1", "--grace", "3",
       "--known-failures", "scenarios/known_failures.txt"]
TORTURE = ["scenarios/lifecycle", "--filter", "release", "--torture"]
NOT_COUNTED = "not counted: "


def limited(seconds):
    return ["prlimit", MEMORY, f"--cpu={seconds}"]


class Judge:
    def __init__(self, work, jobs):
        self.work = work
        print("building the tree as it is", flush=True)
        self.base = Base(work / "base", "-O2", ["lastref", "lastref-guard"], jobs, ["-DLR_REQUIRE_TESTS=ON"])
        programs = [name for name in self.base.programs() if SUITES.match(name)]
        self.base.build(programs, jobs)
        # Only now, as ctest keeps silent on what a test runs while that is not built.
        tests = json.loads(subprocess.run(["ctest", "--show-only=json-v1"], cwd=self.base.folder, check=True,
                                          capture_output=True, text=True).stdout)["tests"]
        self.tests = {}
        for test in tests:
            program = pathlib.Path(test.get("command", [""])[0]).name
            properties = {item["name"]: item["value"] for item in test["properties"]}
            if program in programs:
                self.tests[program] = properties["WORKING_DIRECTORY"]
        if not programs or set(programs) != set(self.tests):
            raise SystemExit("mutate.py: suites that are not ctest's: " +
                             (" ".join(sorted(set(programs) - set(self.tests))) or "there are none"))
        self.times = self.measure(work / "times.json")

    def measure(self, path):
        """How long each suite takes, as the quickest is asked first; of one that was linked anew since |path|
        was written. One that fails on the tree as it is would kill everything."""
        kept = json.loads(path.read_text()) if path.exists() else {}
        for name in self.tests:
            program = self.base.folder / "bin" / name
            linked = program.stat().st_mtime_ns
            if kept.get(name, {}).get("linked") != linked:
                began = time.monotonic()
                if not self.passes(program, name):
                    raise SystemExit(f"mutate.py: {name} fails on the tree as it is")
                kept[name] = {"linked": linked, "seconds": time.monotonic() - began}
        path.write_text(json.dumps(kept, indent=1) + "\n")
        return {name: kept[name]["seconds"] for name in self.tests}

    def passes(self, program, name):
        status, _, _ = watch([*limited(UNIT_SECONDS), str(program), "-j1", "--fail-fast"], self.tests[name],
                             PATIENCE)
        return status == 0

    def suites(self, path, own):
        """The suites of a file, nearest and quickest first: those named after its module, or the others."""
        folder, stem = pathlib.Path(path).parent.name, pathlib.Path(path).stem
        prefix = f"test_{folder}" + ("_" + stem.split("_")[0] if folder == "rpc" else "")
        names = [name for name in self.tests if name.startswith(prefix) == own]
        near = stem.split("_")[-1]
        return sorted(names, key=lambda name: (near not in name, self.times[name]))

    def links(self, name, variant):
        """Whether a test has to do with what has changed at all."""
        command = self.base.link_command(name)
        archives = {re.sub(r"CMakeFiles/(\w+)\.dir/.*", r"lib\1.a", made) for made in variant.objects}
        return any(word in archives for word in command)

    def kill(self, mutation, folder):
        """Nothing: it survives. Else what killed it."""
        source = (ROOT / mutation.path).read_text()
        target = folder / "src" / mutation.path
        target.parent.mkdir(parents=True)
        target.write_text(mutation.apply(source))
        variant = Variant(self.base, folder / "bin", folder / "src", [mutation.path])
        if all(filecmp.cmp(self.base.folder / plain, made, shallow=False)
               for plain, made in variant.objects.items()):
            raise BuildError("the same code")
        return (self.kill_by_suites(mutation, variant, True) or self.kill_by_scenarios(variant)
                or self.kill_by_suites(mutation, variant, False) or "")

    def kill_by_suites(self, mutation, variant, own):
        for name in self.suites(mutation.path, own):
            if not self.links(name, variant):
                continue
            program = variant.link(name)
            passed = self.passes(program, name)
            program.unlink()
            if not passed:
                return name
        return None

    def kill_by_scenarios(self, variant):
        program = variant.link("lastref")
        shutil.copy(self.base.folder / "bin" / "lastref-guard", program.parent)
        for what, more in [("scenario", ["scenarios"]), ("torture of memory", [*TORTURE, "memory"]),
                           ("torture of io", [*TORTURE, "io"])]:
            status, output, _ = watch([*limited(CASE_SECONDS), str(program), *RUN, *more], ROOT, PATIENCE,
                                      FAILED, ENVIRONMENT, stop_at_first=True)
            if status != 0:
                named = re.search("^" + FAILED, output, re.M)
                return f"{what} {named[1]}" if named else f"{what}, which did not end"
        return None


def judge_one(judge, mutation, number):
    folder = judge.work / f"mutation-{number}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        return judge.kill(mutation, folder)
    except BuildError as error:
        return NOT_COUNTED + (str(error) if str(error) == "the same code" else "it does not compile")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Verdicts:
    """What became of each change, by its key: what killed it, nothing, or that it is not counted."""

    def __init__(self, path, seed):
        self.path, self.seed = path, seed
        self.killers = {}
        if path and path.exists():
            kept = json.loads(path.read_text())
            if kept["seed"] != seed:
                raise SystemExit(f"mutate.py: {path} is of seed {kept['seed']}: remove it or go on with that")
            self.killers = kept["verdicts"]

    def add(self, mutation, killer):
        self.killers[mutation.key] = killer
        if self.path:
            text = json.dumps({"seed": self.seed, "verdicts": self.killers}, indent=1) + "\n"
            new = self.path.with_suffix(".new")  # whoever stops us finds the old or the new one whole
            new.write_text(text)
            new.replace(self.path)

    def forget_survivors(self):
        self.killers = {key: killer for key, killer in self.killers.items() if killer}

    def of(self, mutation):
        return self.killers.get(mutation.key)

    def sample(self, places, count):
        """The first |count| of |places| that are counted; shorter while some before them are not judged."""
        sample = []
        for mutation in places:
            killer = self.of(mutation)
            if killer is None or len(sample) == count:
                break
            if not killer.startswith(NOT_COUNTED):
                sample.append(mutation)
        return sample


def run(judge, places, verdicts, arguments):
    """Judges from the start of |places| what has not been, until enough are counted or time is up."""
    until = time.monotonic() + arguments.seconds
    counted, waiting = 0, {}
    queue = iter(enumerate(places))
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        while True:
            while (len(waiting) < arguments.jobs and counted + len(waiting) < arguments.count
                   and time.monotonic() < until):
                number, mutation = next(queue, (None, None))
                if mutation is None:
                    break
                if verdicts.of(mutation) is None:
                    waiting[pool.submit(judge_one, judge, mutation, number)] = mutation
                else:
                    counted += not verdicts.of(mutation).startswith(NOT_COUNTED)
            if not waiting:
                return
            done, _ = concurrent.futures.wait(waiting, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                mutation, killer = waiting.pop(future), future.result()
                verdicts.add(mutation, killer)
                if not killer.startswith(NOT_COUNTED):
                    counted += 1
                    print(f"{counted:4} {mutation.path}:{mutation.line} {mutation.kind}: "
                          f"{killer or 'SURVIVES'}", flush=True)


def report(sample, verdicts, path):
    """Prints who killed what and what survives; returns the share of the killed in percent."""
    files, killers = {}, {}
    for mutation in sample:
        killer = verdicts.of(mutation)
        row = files.setdefault(mutation.path, [0, 0])
        row[0] += 1
        row[1] += killer != ""
        who = "torture" if killer.startswith("torture") else killer.split()[0] if killer else "nobody"
        killers[who] = killers.get(who, 0) + 1
    lines = ["| file | mutations | killed |", "| --- | ---: | ---: |"]
    lines += [f"| `{name}` | {count} | {killed} |" for name, (count, killed) in sorted(files.items())]
    killed = sum(row[1] for row in files.values())
    lines.append(f"| all | {len(sample)} | {killed} ({100 * killed / max(1, len(sample)):.1f} %) |")
    lines += ["", "| killed by | mutations |", "| --- | ---: |"]
    lines += [f"| {who} | {count} |" for who, count in sorted(killers.items())]
    lines += ["", "| survivor | kind | it says | instead |", "| --- | --- | --- | --- |"]
    for mutation in sample:
        if verdicts.of(mutation) == "":
            clean, changed = (text.replace("|", "\\|") for text in (mutation.clean, mutation.changed))
            lines.append(f"| `{mutation.path}:{mutation.line}` | {mutation.kind} | `{clean}` | `{changed}` |")
    text = "\n".join(lines) + "\n"
    if path:
        path.write_text(text)
    print(text)
    return 100 * killed / max(1, len(sample))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--reach", type=float, default=90)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--work", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--markdown", type=pathlib.Path)
    parser.add_argument("--at", action="append", default=[])
    parser.add_argument("paths", nargs="*")
    arguments = parser.parse_args()
    places = []
    for path in arguments.paths or SOURCES:
        for file in sorted((ROOT / path).glob("*.c")) if (ROOT / path).is_dir() else [ROOT / path]:
            places += mutations_of(str(file.relative_to(ROOT)))
    if arguments.at:
        places = [place for place in places if f"{place.path}:{place.line}" in arguments.at]
        arguments.count = len(places)
    places = in_order_of(arguments.seed, places)
    verdicts = Verdicts(arguments.json, arguments.seed)
    if arguments.again:
        verdicts.forget_survivors()
    print(f"{len(places)} mutations, {min(arguments.count, len(places))} to be judged, seed {arguments.seed}",
          flush=True)
    if verdicts.killers:
        print(f"{len(verdicts.killers)} were judged before (kept in {arguments.json})", flush=True)
    work = (arguments.work or pathlib.Path(tempfile.mkdtemp(prefix="lastref-mutate-"))).resolve()
    run(Judge(work, arguments.jobs), places, verdicts, arguments)
    sample = verdicts.sample(places, arguments.count)
    share = report(sample, verdicts, arguments.markdown)
    if arguments.work is None:
        shutil.rmtree(work)
    whole = len(sample) == arguments.count or all(verdicts.of(place) is not None for place in places)
    return 0 if whole and share >= arguments.reach else 1


if __name__ == "__main__":
    sys.exit(main())
