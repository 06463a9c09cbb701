# SPDX-License-Identifier: Apache-2.0
"""Builds programs with some of their sources replaced, as quickly as may be.

The tree is built once. A variant compiles what differs, and links it before the libraries: a linker takes of
a library only what it still misses, so the replaced member is left where it is. Nothing is copied, and any
number of variants can be built side by side.
"""

import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


class BuildError(Exception):
    """What did not compile, link or configure; the text is the tool's own."""


def run(argv, cwd):
    done = subprocess.run(argv, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise BuildError(done.stdout[-2000:])
    return done.stdout


def apply_patch(patch, root, out):
    """Writes what |patch| makes of the files of |root| below |out|. Returns their paths. Without fuzz: a
    patch whose lines have changed is refused."""
    names = re.findall(r"^\+\+\+ b/(\S+)", patch.read_text(), re.M)
    if not names:
        raise BuildError("it changes no file")
    for name in names:
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((root / name).read_bytes())
    run(["patch", "-p1", "-s", "-f", "-F0", "--no-backup-if-mismatch", "-d", str(out), "-i", str(patch)], out)
    return names


def hides(root):
    """The option that takes |root| from the names that assertions print; of several the last holds."""
    return f"-fmacro-prefix-map={root}/="


class Base:
    """The tree as it is, built in |folder|."""

    def __init__(self, folder, flags, targets, jobs=2, options=()):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        # Neither a cache of compilations nor optimisation across files: each variant is compiled once.
        # Where a file stands is not to be seen in its code, so that what is the same can be known by it.
        run(["cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
             f"-DCMAKE_C_FLAGS_DEBUG={flags} {hides(ROOT)}", "-DCMAKE_C_COMPILER_LAUNCHER=",
             "-DLR_BENCH=OFF", *options], ROOT)
        self.build(targets, jobs)
        self.units = {}
        for unit in json.loads((folder / "compile_commands.json").read_text()):
            name = os.path.relpath(unit["file"], ROOT)
            self.units.setdefault(name, []).append(shlex.split(unit["command"]))
        self.links = {}
        self.dependents = None

    def build(self, targets, jobs=2):
        run(["ninja", "-j", str(jobs), *targets], self.folder)

    def programs(self):
        """The names of all programs that can be built."""
        rules = run(["ninja", "-t", "targets", "all"], self.folder)
        return [pathlib.Path(name).name
                for name in re.findall(r"^(\S+): C_EXECUTABLE_LINKER", rules, re.M)]

    def link_command(self, target):
        if target not in self.links:
            last = run(["ninja", "-t", "commands", target], self.folder).strip().splitlines()[-1]
            words = shlex.split(last)
            words = [word for word in words if word not in (":", "&&")]
            self.links[target] = words
        return self.links[target]

    def sources_of(self, name):
        """The units that are compiled anew when |name| has changed: itself, or who includes it."""
        if name in self.units:
            return {name}
        if self.dependents is None:
            self.dependents = {}
            for block in run(["ninja", "-t", "deps"], self.folder).split("\n\n"):
                files = [os.path.relpath(os.path.join(self.folder, line.strip()), ROOT)
                         for line in block.splitlines()[1:]]
                unit = next((file for file in files if file in self.units), None)
                for file in files:
                    self.dependents.setdefault(file, set()).add(unit)
        return self.dependents.get(name, set()) - {None}


class Variant:
    """The tree with |names| taken from |sources| instead; made in |folder|."""

    def __init__(self, base, folder, sources, names):
        self.base = base
        self.folder = folder
        self.objects = {}
        folder.mkdir(parents=True, exist_ok=True)
        units = set()
        for name in names:
            units |= base.sources_of(name)
        if not units:
            raise BuildError("nothing is built from " + ", ".join(names))
        for unit in sorted(units):
            self.compile(unit, sources)

    def compile(self, unit, sources):
        words = list(self.base.units[unit][0])
        made = str(self.folder / unit.replace("/", "_")) + ".o"
        source = sources / unit if (sources / unit).exists() else ROOT / unit
        argv = [words[0]]
        skip = False
        for word in words[1:]:
            if skip or word in ("-MD", "-c") or word == str(ROOT / unit):
                skip = False
                continue
            if word in ("-MT", "-MF", "-o"):
                skip = True
                continue
            if word.startswith("-I" + str(ROOT)):  # what is replaced is found first
                argv.append("-I" + str(sources) + word[2 + len(str(ROOT)):])
            argv.append(word)
        run([*argv, "-w", hides(sources), "-o", made, "-c", str(source)], self.base.folder)
        self.objects[words[words.index("-o") + 1]] = made

    def link(self, target, name=None):
        """Makes the program of |target|; returns its path."""
        words = list(self.base.link_command(target))
        made = self.folder / (name or pathlib.Path(target).name)
        libraries = (i for i, word in enumerate(words) if word.endswith((".a", ".so")))
        first_library = next(libraries, len(words))
        inserted = []
        for plain, replaced in self.objects.items():
            if plain in words:
                words[words.index(plain)] = replaced
            else:
                inserted.append(replaced)
        words[first_library:first_library] = inserted
        words[words.index("-o") + 1] = str(made)
        run(words, self.base.folder)
        return made


def watch(argv, cwd, seconds, pattern=None, env=None, stop_at_first=False):
    """Runs |argv| for at most |seconds|, or until the first line that |pattern| matches. Returns its exit
    status (None: it was stopped), its output, and after how many seconds that line came (None: none did)."""
    began = time.monotonic()
    first_at = None
    lines = []
    process = subprocess.Popen(argv, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               errors="replace", stdin=subprocess.DEVNULL, env=env, start_new_session=True)
    stopped = threading.Event()

    def stop():
        stopped.set()
        os.killpg(process.pid, signal.SIGKILL)

    timer = threading.Timer(seconds, stop)
    timer.start()
    try:
        for line in process.stdout:
            lines.append(line)
            if first_at is None and pattern is not None and re.match(pattern, line):
                first_at = time.monotonic() - began
                if stop_at_first:
                    stop()
        status = process.wait()
    finally:
        timer.cancel()
    return (None if stopped.is_set() else status), "".join(lines), first_at
