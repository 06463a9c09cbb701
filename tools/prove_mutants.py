#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that each mutant of mocks/mutants is found, by whom first, after how long, and as what.

usage: prove_mutants.py [--check | --first | --by FINDER] [--jobs N] [--cap SECONDS] [--work DIR]
                        [--json FILE] [--markdown FILE] [PATCH..]

--check: only that each patch applies as it stands, and that README.md names them all; a second.
--first: each mutant until its first finder: what its patch names, and where that fails the other finders.
--by: this finder alone is asked: scenarios, exploration, "torture memory" or "torture io".
Else every finder is asked of every mutant: the scenarios in the simulated world, exploration, torture of
memory and of io, each for at most --cap seconds (30).

The tree is built once, and each mutant compiled and linked beside it (tools/overlay_build.py); the tree
itself is not touched. Exit status: 0 all were found, 1 not, 2 wrong usage.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import time

from overlay_build import ROOT, Base, BuildError, Variant, apply_patch, watch

MUTANTS = ROOT / "mocks" / "mutants"
FAILED = r"(?:FAILED|INVALID|STALE)\b"
KNOWN = ["--known-failures", "scenarios/known_failures.txt"]
# What there is besides is not to be part of the result.
ENVIRONMENT = dict(os.environ, LASTREF_TVM_DIR="none", LASTREF_INTERPRETERS_DIR="none")


class Patch:
    def __init__(self, path):
        text = path.read_text()
        self.path = path
        self.name = path.stem
        self.what = self.field(text, "What")
        self.found_by = re.sub(r" \(.*", "", self.field(text, "Found by"))
        self.seen_as = self.field(text, "Seen as")

    def field(self, text, name):
        found = re.search(rf"^{name}: (.*)$", text, re.M)
        return found[1].strip() if found else ""


def check(patches):
    """What is wrong with the patches and their table, a line each."""
    wrong = []
    with tempfile.TemporaryDirectory(prefix="lastref-mutants-") as folder:
        for patch in patches:
            try:
                apply_patch(patch.path, ROOT, pathlib.Path(folder) / patch.name)
            except (BuildError, OSError) as error:
                wrong.append(f"{patch.name}: does not apply, plant its bug anew: {error}")
            if not patch.what or not patch.found_by or not patch.seen_as:
                wrong.append(f"{patch.name}: must say What, Found by and Seen as")
            for scenario in re.findall(r"scenarios/\S+\.lua", patch.found_by):
                if not (ROOT / scenario).is_file():
                    wrong.append(f"{patch.name}: there is no {scenario}")
    table = set(re.findall(r"^\| `([a-z]\S*)` \|", (MUTANTS / "README.md").read_text(), re.M))
    there = {path.stem for path in MUTANTS.glob("*.patch")}
    wrong += [f"{name}: README.md does not name it" for name in sorted(there - table)]
    wrong += [f"{name}: README.md names it, and there is no such patch" for name in sorted(table - there)]
    return wrong


class Found:
    """What a finder says: after how many seconds, in which case, with which verdict, and in which words.
    Of exploration also whether the scenario that it wrote fails on the mutant (|repeats|), and passes on the
    tree as it is (|clean|)."""

    def __init__(self, finder, seconds, case, verdict, text, count=1, repeats=None, clean=None):
        self.finder, self.seconds, self.case = finder, seconds, case
        self.verdict, self.text, self.count = verdict, text, count
        self.repeats, self.clean = repeats, clean


def words_of(case):
    """All that a case of the JSON report says of what is wrong."""
    words = [finding["text"] for finding in case.get("findings", [])]
    words += [f"{e['text']}: expected {e['expected']}, seen {e['seen']}"
              for e in case.get("expectations", []) if not e["held"]]
    return words + [case["reason"]] if case.get("reason") else words


def verdict_of(case):
    release = case.get("release") or "not observable"
    if release not in ("on time", "not observable", "not run"):
        return f"release: {release}"
    return "protocol: failed" if case.get("protocol") == "failed" else case["result"]


def read_cases(file):
    try:
        return [case for case in json.loads(file.read_text())["cases"]
                if case["result"] not in ("as expected", "not run", "not allowed", "known failure",
                                          "contention")]
    except (OSError, ValueError, KeyError):
        return []


class Finders:
    def __init__(self, base, cap):
        self.cap = cap
        self.base = base
        self.torture = "--torture" in watch([str(base), "run", "--help"], ROOT, 10)[1]
        self.exploration = watch([str(base), "explore", "--help"], ROOT, 10)[0] == 0

    def run_scenarios(self, program, finder, words, patch=None):
        """Plays scenarios; the finding whose words the patch names, else the first."""
        file = program.parent / "report.json"
        status, output, first_at = watch(
            [str(program), "run", "--world", "sim", "--jobs", "1", "--grace", "3", "--json", str(file),
             *words],
            ROOT, self.cap, FAILED, ENVIRONMENT)
        if status == 2:
            raise BuildError(output[-500:])
        cases = read_cases(file)
        if first_at is None and status in (0, None):
            return None
        told = [(case, text) for case in cases for text in words_of(case)] or [(case, "") for case in cases]
        if not told:
            return Found(finder, first_at or 0, "", "died", output[-200:])
        right = [one for one in told if patch and patch.seen_as and patch.seen_as in one[1]]
        case, text = (right or told)[0]
        return Found(finder, first_at or 0, case["name"], verdict_of(case), text, len(cases))

    def named(self, program, patch):
        """What the patch says that finds it."""
        words = patch.found_by.split()
        if words[:1] == ["torture"]:
            torture = ["--torture", *words[1:]]
            return self.run_scenarios(program, "torture", torture, patch) if self.torture else None
        if words[:1] == ["exploration"]:
            return self.explored(program)
        return self.run_scenarios(program, "its scenario", words, patch)

    def all(self, program):
        """Each finder that there is, as a name and what to call."""
        yield "scenarios", lambda: self.run_scenarios(program, "scenarios", [*KNOWN, "scenarios"])
        if self.exploration:
            yield "exploration", lambda: self.explored(program)
        for kind in ("memory", "io") if self.torture else ():
            yield "torture " + kind, lambda kind=kind: self.run_scenarios(
                program, "torture " + kind, ["--torture", kind, "scenarios"])

    def explored(self, program):
        if not self.exploration:
            return None
        file = program.parent / "explored.json"
        status, output, first_at = watch(
            [str(program), "explore", "--for", str(self.cap), "--jobs", "1", "--json", str(file),
             "--found", str(program.parent / "found")],
            program.parent, self.cap + 30, r"FOUND\b", ENVIRONMENT)
        if status in (0, None) and first_at is None:
            return None
        try:
            finding = json.loads(file.read_text())["findings"][0]
        except (OSError, ValueError, KeyError, IndexError):
            return Found("exploration", first_at or 0, "", "died", output[-200:])
        verdict = finding["finding"].split(":")[0]
        return Found("exploration", first_at or 0, f"seed {finding['seed']}", verdict, finding["finding"],
                     repeats=finding["repeats"], clean=self.passes(program.parent, finding))

    def passes(self, folder, finding):
        """Whether a finding's scenario is as expected without the mutant."""
        status, _, _ = watch([str(self.base), "run", "--world", "sim", "--jobs", "1", "--seed",
                              str(finding["seed"]), finding["file"]], folder, self.cap, env=ENVIRONMENT)
        return status == 0


class Proof:
    """What became of one mutant."""

    def __init__(self, patch):
        self.patch = patch
        self.error = None
        self.found = []
        self.build_seconds = 0.0

    @property
    def first(self):
        return min(self.found, key=lambda found: found.seconds) if self.found else None

    def line(self):
        if self.error:
            return f"WRONG  {self.patch.name}: {self.error}"
        if self.first is None:
            return f"MISSED {self.patch.name}: {self.patch.what}"
        found = self.first
        scenario = "" if found.repeats is None else \
            f" [its scenario: {'fails' if found.repeats else 'DOES NOT FAIL'}, " \
            f"{'passes' if found.clean else 'DOES NOT PASS'} without it]"
        return (f"found  {self.patch.name}: by {found.finder} after {found.seconds:.1f} s, {found.verdict}; "
                f"{found.case}: {found.text[:160]}{scenario}")


def prove(proof, base, guard, finders, folder, first, by):
    patch = proof.patch
    began = time.monotonic()
    try:
        names = apply_patch(patch.path, ROOT, folder / "src")
        program = Variant(base, folder / "bin", folder / "src", names).link("lastref")
        shutil.copy(guard, program.parent)
        proof.build_seconds = time.monotonic() - began
        if first:
            found = finders.named(program, patch)
            if found is not None and patch.seen_as in found.text:
                proof.found.append(found)
                return
            proof.error = f"not found by {patch.found_by} as \"{patch.seen_as}\"" + \
                (f", but as \"{found.text[:200]}\"" if found is not None else "")
        for name, finder in finders.all(program):
            found = finder() if by in (None, name) else None
            if found is not None:
                proof.found.append(found)
                if first:
                    return
    except BuildError as error:
        proof.error = str(error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_markdown(path, proofs, names):
    lines = ["| mutant | first found by | after | verdict | in the words | " + " | ".join(names) + " |",
             "| --- | --- | ---: | --- | --- |" + " ---: |" * len(names)]
    for proof in proofs:
        first = proof.first
        by = {found.finder: f"{found.seconds:.1f} s" for found in proof.found}
        cells = [f"`{proof.patch.name}`"]
        told = [first.finder, f"{first.seconds:.1f} s", first.verdict, first.text[:140]] if first else [
            "nobody", "", "", proof.error or ""]
        cells += [text.replace("|", "\\|") for text in told]
        lines.append("| " + " | ".join(cells + [by.get(name, "-") for name in names]) + " |")
    path.write_text("\n".join(lines) + "\n")


def write_json(path, proofs):
    path.write_text(json.dumps([{
        "mutant": proof.patch.name, "what": proof.patch.what, "error": proof.error,
        "build_seconds": round(proof.build_seconds, 3),
        "found": [vars(found) for found in sorted(proof.found, key=lambda found: found.seconds)],
    } for proof in proofs], indent=1) + "\n")


def prove_all(patches, arguments, work):
    base = Base(work / "base", "-O1", ["lastref", "lastref-guard"], arguments.jobs)
    built = base.folder / "bin" / "lastref"
    finders = Finders(built, arguments.cap)
    names = [name for name, _ in finders.all(built) if arguments.by in (None, name)]
    for name, there in (("exploration", finders.exploration), ("torture", finders.torture)):
        if not there:
            print(f"without {name}: this lastref does not know it", flush=True)
    proofs = []
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        waiting = []
        for patch in patches:
            proof = Proof(patch)
            proofs.append(proof)
            future = pool.submit(prove, proof, base, built.parent / "lastref-guard", finders,
                                 work / patch.name, arguments.first, arguments.by)
            waiting.append((proof, future))
        for proof, future in waiting:
            future.result()
            print(proof.line(), flush=True)
            if arguments.json:
                write_json(arguments.json, proofs)
    if arguments.markdown:
        write_markdown(arguments.markdown, proofs, names)
    return proofs, names


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--check", action="store_true")
    how.add_argument("--first", action="store_true")
    how.add_argument("--by", choices=["scenarios", "exploration", "torture memory", "torture io"])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--cap", type=float, default=30)
    parser.add_argument("--work", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--markdown", type=pathlib.Path)
    parser.add_argument("patches", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    patches = [Patch(path.resolve()) for path in arguments.patches or sorted(MUTANTS.glob("*.patch"))]
    wrong = check(patches) if arguments.check or not arguments.patches else []
    for line in wrong:
        print(line)
    if arguments.check or wrong:
        print(f"{len(patches)} mutants, {len(wrong)} complaints")
        return 1 if wrong else 0
    work = (arguments.work or pathlib.Path(tempfile.mkdtemp(prefix="lastref-mutants-"))).resolve()
    proofs, names = prove_all(patches, arguments, work)
    if arguments.work is None:
        shutil.rmtree(work)
    missed = sum(1 for proof in proofs if proof.error or not proof.found)
    for name in names if not arguments.first else ():
        print(f"{sum(any(f.finder == name for f in proof.found) for proof in proofs):4} found by {name}")
    print(f"{len(proofs)} mutants, {missed} missed or wrong")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
