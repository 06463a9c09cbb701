#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Changes the real code in small ways, and counts how many of the changes the tests and scenarios notice.

usage: mutate.py [--seed N] [--count N] [--reach PERCENT] [--jobs N] [--work DIR] [--json FILE]
                 [--markdown FILE] [--at FILE:LINE..] [PATH..]

Of all places below the paths (harness/rpc and harness/ledger unless said) where a condition can be negated,
an operator or a constant be another, a statement be dropped or an error be passed over, a seeded sample is
taken. Each is compiled alone; what does not compile, or compiles to the very same code, is not counted and
another one takes its place. It is killed where a unit test of its library fails, or the scenarios do in the
simulated world; a test that does not end kills as well. Assertions are left alone, as they are tests
themselves, and so is what is only told to a log. --at: every mutation of these lines, to try out a test.

Tools for C that are packaged were looked at: none is in Debian; universalmutator (PyPI) changes lines by
patterns without knowing statements from declarations, so that most of its mutants do not compile, and has no
notion of a sample.

Exit status: 0 the sample was judged, 1 fewer than --reach percent were killed, 2 wrong usage.
"""

import argparse
import concurrent.futures
import filecmp
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

import lint_tree
from overlay_build import ROOT, Base, BuildError, Variant, watch

UNIT_SECONDS = 60  # the slowest unit suite needs a few
SUITE_SECONDS = 120
MEMORY = ["prlimit", "--as=4294967296"]
SOURCES = ["harness/rpc", "harness/ledger"]

# What is replaced by what, in code without comments and strings. Operators stand between blanks there.
OPERATORS = [
    ("boundary", r" < ", " <= "), ("boundary", r" <= ", " < "), ("boundary", r" > ", " >= "),
    ("boundary", r" >= ", " > "), ("comparison", r" == ", " != "), ("comparison", r" != ", " == "),
    ("logic", r" && ", " || "), ("logic", r" \|\| ", " && "),
    ("arithmetic", r" \+ ", " - "), ("arithmetic", r" - ", " + "), ("arithmetic", r" \* (?=\w)", " + "),
    ("arithmetic", r"\+\+", "--"), ("arithmetic", r"(?<!-)--(?!>)", "++"), ("arithmetic", r" \+= ", " -= "),
    ("arithmetic", r" -= ", " += "),
    ("constant", r"\btrue\b", "false"), ("constant", r"\bfalse\b", "true"),
    ("constant", r"(?<![\w.\[{])0(?![\w.])", "1"),
    ("constant", r"(?<![\w.])([1-9]\d*)(?![\w.\d])", r"(\1 + 1)"),
    ("error", r"\breturn LR_E[A-Z]+;", "return LR_OK;"),
    ("return", r"\breturn LR_OK;", "return LR_ENOMEM;"),
]
CONDITION = re.compile(r"\b(?:if|while) \(")
DROPPED = re.compile(r"(?:\(void\))?[a-z_][\w.\->\[\]+*& ]*?(?:\(|[-+|&^]?= |\+\+;|--;)")
NOT_DROPPED = re.compile(
    r"(?:return|if|while|for|switch|case|goto|else|do|break|continue|default|const|static|struct|enum"
    r"|union|typedef|unsigned|size_t|int|char|bool|double|float|u?int\d+_t|lr_\w+ [*\w]+ =)\b")
UNTOUCHED = re.compile(r"LR_ASSERT|LR_UNREACHABLE|trace|TRACE|\(void\)[a-z_]+;")


def closing(code, opening):
    """The offset behind the bracket that closes the one at |opening|."""
    depth = 0
    for at in range(opening, len(code)):
        depth += {"(": 1, ")": -1}.get(code[at], 0)
        if depth == 0:
            return at + 1
    return len(code)


def statements(code, begin, end):
    """Offsets of what stands between ; { } outside of brackets, and ends with a semicolon."""
    start, depth = begin, 0
    for at in range(begin, end):
        c = code[at]
        depth += {"(": 1, ")": -1}.get(c, 0)
        if depth == 0 and c in ";{}":
            if c == ";":
                yield start + len(code[start:at]) - len(code[start:at].lstrip()), at + 1
            start = at + 1


class Mutation:
    def __init__(self, path, code, kind, begin, end, text):
        self.path = path
        self.kind = kind
        self.begin, self.end, self.text = begin, end, text
        self.line = code.count("\n", 0, begin) + 1
        self.killer = None

    def apply(self, source):
        old = source[self.begin:self.end]
        more = "\n" * (old.count("\n") - self.text.count("\n"))  # assertions and the log name lines
        return source[:self.begin] + self.text + more + source[self.end:]

    def describe(self, source):
        begin = source.rfind("\n", 0, self.begin) + 1
        end = source.find("\n", self.end)
        clean = " ".join(source[begin:end].split())
        changed = " ".join((source[begin:self.begin] + self.text + source[self.end:end]).split())
        return clean, changed


def mutations_of(path):
    source = (ROOT / path).read_text()
    code = lint_tree.strip_directives(lint_tree.strip_c(source))
    lines = code.split("\n")
    found = []

    def add(kind, begin, end, text):
        line = code.count("\n", 0, begin)
        if not UNTOUCHED.search(lines[line]):
            found.append(Mutation(path, code, kind, begin, end, text))

    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    for _, first, last in lint_tree.find_functions(code):
        begin = code.index("{", starts[first - 1])
        end = starts[last]
        told = [(b, e) for b, e in statements(code, begin + 1, end) if UNTOUCHED.search(code[b:e])]
        for kind, pattern, text in OPERATORS:
            for match in re.finditer(pattern, code[begin:end]):
                at = begin + match.start()
                if not any(b <= at < e for b, e in told):
                    add(kind, at, begin + match.end(), match.expand(text))
        for match in CONDITION.finditer(code, begin, end):
            close = closing(code, match.end() - 1)
            add("negation", match.end(), close - 1, "!(" + source[match.end():close - 1] + ")")
        for b, e in statements(code, begin + 1, end):
            text = code[b:e]
            if DROPPED.match(text) and not NOT_DROPPED.match(text) and not UNTOUCHED.search(text):
                add("dropped", b, e, ";")
    return found


class Judge:
    def __init__(self, work, jobs):
        self.work = work
        print("building the tree as it is", flush=True)
        self.base = Base(work / "base", "-O1", ["all"], jobs, ["-DLR_REQUIRE_TESTS=ON"])
        tests = json.loads(subprocess.run(["ctest", "--show-only=json-v1"], cwd=self.base.folder, check=True,
                                          capture_output=True, text=True).stdout)["tests"]
        self.tests = {}
        for test in tests:
            program = pathlib.Path(test.get("command", [""])[0])
            properties = {item["name"]: item["value"] for item in test["properties"]}
            if re.match(r"test_(rpc|ledger|golden|role)", program.name):
                self.tests[program.name] = properties["WORKING_DIRECTORY"]

    def tests_of(self, path, own):
        """The suites of a file: those named after its module, or all others of the roles and the ledger."""
        folder, stem = pathlib.Path(path).parent.name, pathlib.Path(path).stem
        prefix = f"test_{folder}" + ("_" + stem.split("_")[0] if folder == "rpc" else "")
        return [name for name in self.tests if name.startswith(prefix) == own]

    def links(self, name, variant):
        """Whether a test has to do with what has changed at all."""
        command = self.base.link_command(name)
        archives = {re.sub(r"CMakeFiles/(\w+)\.dir/.*", r"lib\1.a", made) for made in variant.objects}
        return any(word in archives for word in command)

    def kill(self, mutation, folder):
        """None: it survives. Else what killed it."""
        source = (ROOT / mutation.path).read_text()
        target = folder / "src" / mutation.path
        target.parent.mkdir(parents=True)
        target.write_text(mutation.apply(source))
        variant = Variant(self.base, folder / "bin", folder / "src", [mutation.path])
        if all(filecmp.cmp(self.base.folder / plain, made, shallow=False)
               for plain, made in variant.objects.items()):
            raise BuildError("the same code")
        return (self.kill_by_tests(mutation, variant, True) or self.kill_by_scenarios(variant, folder)
                or self.kill_by_tests(mutation, variant, False))

    def kill_by_tests(self, mutation, variant, own):
        for name in self.tests_of(mutation.path, own):
            if not self.links(name, variant):
                continue
            program = variant.link(name)
            status, _, _ = watch([*MEMORY, str(program), "-j1"], self.tests[name], UNIT_SECONDS)
            program.unlink()
            if status != 0:
                return name
        return None

    def kill_by_scenarios(self, variant, folder):
        program = variant.link("lastref")
        shutil.copy(self.base.folder / "bin" / "lastref-guard", program.parent)
        environment = dict(os.environ, LASTREF_TVM_DIR="none", LASTREF_INTERPRETERS_DIR="none")
        status, output, _ = watch(
            [*MEMORY, str(program), "run", "scenarios", "--world", "sim", "--jobs", "1", "--grace", "3",
             "--known-failures", "scenarios/known_failures.txt"], ROOT, SUITE_SECONDS, env=environment)
        if status == 0:
            return None
        named = re.search(r"^(?:FAILED|INVALID)\s+(\S+)", output, re.M)
        return "scenario " + named[1] if named else "scenarios, which did not end"


def judge_one(judge, mutation, number):
    folder = judge.work / f"mutation-{number}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        return judge.kill(mutation, folder) or "", None
    except BuildError as error:
        return None, str(error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def report(sample, skipped, path):
    rows = {}
    for mutation in sample:
        row = rows.setdefault(mutation.path, [0, 0])
        row[0] += 1
        row[1] += mutation.killer != ""
    lines = ["| file | mutations | killed |", "| --- | ---: | ---: |"]
    lines += [f"| `{name}` | {count} | {killed} |" for name, (count, killed) in sorted(rows.items())]
    killed = sum(row[1] for row in rows.values())
    lines.append(f"| all | {len(sample)} | {killed} ({100 * killed / max(1, len(sample)):.1f} %) |")
    lines += ["", "| survivor | kind | it says | instead |", "| --- | --- | --- | --- |"]
    for mutation in sample:
        if mutation.killer == "":
            both = mutation.describe((ROOT / mutation.path).read_text())
            clean, changed = (text.replace("|", "\\|") for text in both)
            lines.append(f"| `{mutation.path}:{mutation.line}` | {mutation.kind} | `{clean}` | `{changed}` |")
    text = "\n".join(lines) + "\n"
    if path:
        path.write_text(text)
    print(text + f"{skipped} more did not compile or changed nothing")
    return 100 * killed / max(1, len(sample))


def write_json(path, sample):
    rows = [{"file": m.path, "line": m.line, "kind": m.kind, "killer": m.killer,
             "clean": m.describe((ROOT / m.path).read_text())[0],
             "changed": m.describe((ROOT / m.path).read_text())[1]} for m in sample]
    path.write_text(json.dumps(rows, indent=1) + "\n")


def run(judge, chosen, arguments):
    sample, skipped, waiting = [], 0, {}
    queue = iter(enumerate(chosen))
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        while True:
            while len(waiting) < arguments.jobs and len(sample) + len(waiting) < arguments.count:
                number, mutation = next(queue, (None, None))
                if mutation is None:
                    break
                waiting[pool.submit(judge_one, judge, mutation, number)] = mutation
            if not waiting:
                return sample, skipped
            done, _ = concurrent.futures.wait(waiting, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                mutation = waiting.pop(future)
                mutation.killer, _ = future.result()
                if mutation.killer is None:
                    skipped += 1
                    continue
                sample.append(mutation)
                print(f"{len(sample):4} {mutation.path}:{mutation.line} {mutation.kind}: "
                      f"{mutation.killer or 'SURVIVES'}", flush=True)
                if arguments.json:
                    write_json(arguments.json, sample)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--reach", type=float, default=90)
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
    random.Random(arguments.seed).shuffle(places)
    print(f"{len(places)} mutations, {min(arguments.count, len(places))} to be judged, seed {arguments.seed}",
          flush=True)
    work = (arguments.work or pathlib.Path(tempfile.mkdtemp(prefix="lastref-mutate-"))).resolve()
    judge = Judge(work, arguments.jobs)
    sample, skipped = run(judge, places, arguments)
    share = report(sample, skipped, arguments.markdown)
    if arguments.work is None:
        shutil.rmtree(work)
    return 0 if share >= arguments.reach else 1


if __name__ == "__main__":
    sys.exit(main())
