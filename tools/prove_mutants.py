#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that each mutant of mocks/mutants is found by the scenario that it names.

usage: prove_mutants.py [--work DIR] [PATCH..]

Copies the tree to DIR (a temporary folder unless said), builds it there, and for each patch, alone: applies
it, builds, plays its scenario in the simulated world, and takes it back. Prints a line each. Exit status: 0
all were found, 1 not, 2 wrong usage.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LEFT_OUT = shutil.ignore_patterns(".git", "build", "build-*")


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def build(tree):
    """None, or the last lines of what went wrong."""
    made = run("cmake", "--build", str(tree / "build-mutants"), "--target", "lastref")
    return None if made.returncode == 0 else made.stdout[-800:]


def prove(tree, patch):
    """What became of |patch|: whether it was found, and a sentence."""
    named = re.search(r"^Found by: (scenarios/\S+\.lua)", patch.read_text(), re.M)
    if named is None:
        return False, "names no scenario"
    applied = run("patch", "-p1", "-s", "-d", str(tree), "-i", str(patch))
    if applied.returncode != 0:
        return False, "does not apply: plant its bug anew"
    try:
        wrong = build(tree)
        if wrong is not None:
            return False, "does not build: " + wrong
        lastref = tree / "build-mutants" / "bin" / "lastref"
        played = run(str(lastref), "run", "--world", "sim", str(tree / named[1]))
        cases = re.findall(r"^(?:FAILED|INVALID)", played.stdout, re.M)
        return played.returncode in (1, 3), f"{len(cases)} cases of {named[1]}"
    finally:
        run("patch", "-p1", "-s", "-R", "-d", str(tree), "-i", str(patch))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=pathlib.Path)
    parser.add_argument("patches", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    patches = arguments.patches or sorted((ROOT / "mocks" / "mutants").glob("*.patch"))
    work = arguments.work or pathlib.Path(tempfile.mkdtemp(prefix="lastref-mutants-"))
    tree = work / "tree"
    shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
    run("cmake", "-S", str(tree), "-B", str(tree / "build-mutants"), "-G", "Ninja")
    wrong = build(tree)
    if wrong is not None:
        sys.exit("the tree without mutants does not build: " + wrong)
    missed = 0
    for patch in patches:
        found, told = prove(tree, patch.resolve())
        missed += not found
        print(f"{'found ' if found else 'MISSED'} {patch.stem}: {told}", flush=True)
    print(f"{len(patches)} mutants, {missed} missed")
    if arguments.work is None:
        shutil.rmtree(work)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
