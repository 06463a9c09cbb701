#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of the house that no compiler knows: lengths, who may include whom, banned calls.

usage: lint_tree.py [--root DIR] [--exempt FILE]

Prints `path:line: rule: what to do instead`, one finding a line. An exemption is a line
`RULE PATH REASON..` in tools/lint_exempt.txt; exemptions are counted, and one that exempts nothing is a
finding itself. Exit status: 0 clean, 1 findings, 2 wrong usage.
"""

import argparse
import pathlib
import re
import subprocess
import sys

COLUMNS_MAX = {".c": 100, ".h": 100, ".lua": 120}
COLUMNS_MAX_ELSE = 110  # scripts and build files
FILE_LINES_MAX = {".c": 600, ".h": 250}
FUNCTION_LINES_MAX = 70

# What a folder may include, by the first component of the path (mocks/ by two).
LAYERS = ["base", "trace", "rpc", "ledger", "world", "scenario", "explore", "cli"]
MAY_INCLUDE = {name: set(LAYERS[: i + 1]) for i, name in enumerate(LAYERS)}
MAY_INCLUDE["reports"] = {"reports", "base", "trace", "ledger"}
MAY_INCLUDE["mocks/heap"] = {"mocks/heap", "base", "trace"}
MAY_INCLUDE["mocks/peers"] = {"mocks/peers", "base", "rpc"}
MAY_INCLUDE["mocks/native"] = {"mocks/native", "base"}
MAY_INCLUDE["mocks/mutants"] = {"mocks/mutants", "base", "trace", "rpc"}
MOCKS = {name for name in MAY_INCLUDE if name.startswith("mocks/")}
MAY_INCLUDE["scenario"] |= MOCKS
MAY_INCLUDE["explore"] |= MOCKS
MAY_INCLUDE["cli"] |= MOCKS | {"reports"}

# Headers of others that only some files see: pattern, who may, what to do instead.
HEADERS = [
    (r"uv\.h", r"harness/world/live_[^/]*\.[ch]", "libuv belongs to world/live_*; use the host interface"),
    (r"(lua|lauxlib|lualib)\.h", r"harness/scenario/.*", "Lua belongs to scenario/"),
    (r"jansson\.h", r"harness/rpc/json\.c|reports/.*|tests/.*",
     "JSON belongs to rpc/json.c (rpc/tracker_msg.h for the tracker) and reports/"),
    (r"time\.h|sys/.*|netinet/.*|arpa/inet\.h|netdb\.h|poll\.h|unistd\.h|pthread\.h|threads\.h",
     r"(?!harness/(rpc|trace|ledger)/).*",
     "roles do no I/O and read no clock; take `now` and append commands to the outbox"),
    (r"threads\.h|stdatomic\.h", r"(?!)", "not in our subset of C11"),
]

# Banned calls: name, where the rule holds, where it does not, what to do instead.
OURS = r"(harness|mocks|reports)/"
BANNED = [
    (r"strcpy|strcat|strncpy|strncat", r"", r"(?!)", "copy with memcpy and a checked length, or lr_buf"),
    (r"sprintf|vsprintf", r"", r"(?!)", "use snprintf with the size of the buffer, or lr_buf"),
    (r"gets", r"", r"(?!)", "use fgets with the size of the buffer"),
    (r"strtok|atoi|atol|atoll|atof", r"", r"(?!)", "use a parser of base/text.h, which reports errors"),
    (r"rand|srand|random|srandom|drand48|rand_r", r"", r"(?!)",
     "use lr_prng, so that a seed repeats the run"),
    (r"time|gettimeofday|clock_gettime|clock|localtime|gmtime", OURS, r"harness/world/live_",
     "take `now` as an argument; only world/live_* reads clocks"),
    (r"sleep|usleep|nanosleep", OURS + "|tests/unit/", r"harness/world/live_",
     "arm a timer, or wait for the event itself"),
    (r"malloc|calloc|realloc|reallocarray|free|aligned_alloc|posix_memalign", OURS,
     r"harness/base/alloc\.c", "use lr_alloc (base/alloc.h), which counts and can fail"),
    (r"strdup|strndup|asprintf|vasprintf|getline", OURS, r"(?!)",
     "it allocates behind our back; use lr_alloc_string or lr_buf"),
    (r"alloca", r"", r"(?!)", "bound it and put it on the heap"),
    (r"printf|puts|putchar|fprintf|fputs|fopen", r"harness/(rpc|ledger)/", r"(?!)",
     "append a trace event; only reports/ and cli/ print"),
    (r"exit|_exit|_Exit|quick_exit", OURS, r"harness/cli/|harness/world/live_",
     "return an lr_status; only cli/ ends the process"),
]
BANNED = [
    # Not a member (x.free, x->time), not a declaration's name behind a type (void *free).
    (re.compile(r"(?<![\w.>])(" + names + r")\s*\("), re.compile(where), re.compile(but), instead)
    for names, where, but, instead in BANNED
]

# Each unit suite has a loop that fails the n-th allocation, for every n: lr_test_each_failure itself, or
# what a rig of tests/unit/support/ makes of it (what it runs once only is not here).
SUITE = re.compile(r"tests/(unit|cli)/[^/]*_test\.c")
REGISTERED = re.compile(r"tests/(unit|cli|golden)/[^/]*_test\.(c|py)")
LOOPS = re.compile(
    r"\b(lr_test_each_failure(_of_lua)?|lr_rig_each_failure|lr_test_report_each_failure|rig_each"
    r"|(RIG|CLIENT)_CASE(_WITH|_ROWS)?)\s*\(")

# Split, so that this file does not find itself.
PROMISES = re.compile(
    r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK|TB" r"D|st" r"ub|place" r"holder|coming so" r"on"
    r"|not yet imple" r"mented|not imple" r"mented yet|implement la" r"ter|for n" r"ow,)\b")
MACHINE_PATH = re.compile(r"(?<![\w.}])(?:/(?:work|root)/\w|/home/[a-z]\w*/|/Users/\w+/)")

SOURCE = {".c", ".h"}
CODE = SOURCE | {".lua", ".py", ".sh", ".cmake"}
CODE_NAMES = {"CMakeLists.txt", "Makefile", "run"}
TEXT = CODE | {".md", ".txt", ".json", ".yml", ".yaml", ".dict", ".supp", ".def"}
NOT_OURS = ("tests/golden/", "fuzz/corpus/", "build/")


def list_files(root):
    """Tracked files, and new ones that are not ignored; without git, all but build/."""
    try:
        names = subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", str(root), "ls-files", "-z", "-co", "--exclude-standard"],
            check=True, capture_output=True).stdout.decode().split("\0")
    except (OSError, subprocess.CalledProcessError):
        names = [str(p.relative_to(root)) for p in root.rglob("*") if ".git" not in p.parts]
    names = {n for n in names if n and (root / n).is_file() and not n.startswith(NOT_OURS)}
    return sorted(names)


def blank(match):
    """The same number of lines and columns, without what could be taken for code."""
    return re.sub(r"[^\n]", " ", match.group(0))


TOKENS = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def strip_c(text):
    """C without comments, strings and character constants; offsets stay."""
    return TOKENS.sub(blank, text)


def strip_directives(code):
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", blank, code, flags=re.M)


def find_functions(code):
    """Yields (name, first line, last line) of each function body; code without directives."""
    depth, head, start, name = 0, 0, 0, None
    for i, c in enumerate(code):
        if c == "{":
            if depth == 0:
                text = code[head:i]
                found = re.search(r"(\w+)\s*\(", text)
                name = found.group(1) if found and "=" not in text else None
                if name in ("Test", "ParameterizedTest", "Theory", "TheoryDataPoints"):
                    name = " ".join(text[found.start():].split())
                start = head + len(text) - len(text.lstrip())
            depth += 1
        elif c == "}":
            depth = max(depth - 1, 0)
            if depth == 0:
                if name:
                    yield name, code.count("\n", 0, start) + 1, code.count("\n", 0, i) + 1
                head = i + 1
        elif c == ";" and depth == 0:
            head = i + 1


def folder_of(path):
    """The layer that a file belongs to, None for what belongs to none (tests, fuzz)."""
    parts = pathlib.PurePosixPath(path).parts
    if parts[0] == "harness" and len(parts) > 2:
        return parts[1]
    if parts[0] == "mocks" and len(parts) > 2:
        return "/".join(parts[:2])
    return "reports" if parts[0] == "reports" else None


def target_of(include):
    """The layer that an include "a/b.h", written from the root, names."""
    parts = pathlib.PurePosixPath(include).parts
    if parts[0] == "mocks" and len(parts) > 2:
        return "/".join(parts[:2])
    return parts[0] if len(parts) > 1 else None


def check_includes(path, text):
    folder = folder_of(path)
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not found:
            continue
        quote, name = found.groups()
        for pattern, may, instead in HEADERS:
            if re.fullmatch(pattern, name) and not re.fullmatch(may, path):
                yield number, "include", f"<{name}>: {instead}"
        if quote == "<" or folder is None:
            continue
        target = target_of(name)
        if target is None or name.startswith(".."):
            yield number, "include", f'"{name}": write it from the root, as in "rpc/role.h"'
        elif target not in MAY_INCLUDE.get(folder, {folder, "base"}):
            yield number, "include", f"{folder}/ may not include from {target}/; turn the dependency round"


def check_source(path, text):
    yield from check_includes(path, text)
    code = strip_c(text)
    lines = text.count("\n")
    limit = FILE_LINES_MAX[pathlib.PurePosixPath(path).suffix]
    if lines > limit:
        yield limit, "file-length", f"{lines} lines, at most {limit}: split it where it holds two ideas"
    for name, first, last in find_functions(strip_directives(code)):
        if last - first + 1 > FUNCTION_LINES_MAX:
            yield first, "function-length", (
                f"{name}: {last - first + 1} lines, at most {FUNCTION_LINES_MAX}: split it by step")
    if SUITE.fullmatch(path) and not LOOPS.search(code):
        yield 1, "failing-allocation", (
            "no loop fails its allocations: hand a short story to lr_test_each_failure (support/failing.h)")
    for pattern, where, but, instead in BANNED:
        if where.match(path) and not but.match(path):
            for found in pattern.finditer(code):
                number = code.count("\n", 0, found.start()) + 1
                yield number, "banned-call", f"{found.group(1)}(): {instead}"


def check_text(path, text):
    suffix = pathlib.PurePosixPath(path).suffix
    columns = COLUMNS_MAX.get(suffix, COLUMNS_MAX_ELSE)
    is_code = suffix in CODE or pathlib.PurePosixPath(path).name in CODE_NAMES
    if is_code and "SPDX-License-Identifier: Apache-2.0" not in "\n".join(text.splitlines()[:3]):
        yield 1, "spdx", "the first lines name the licence: SPDX-License-Identifier: Apache-2.0"
    if text and not text.endswith("\n"):
        yield text.count("\n") + 1, "newline", "end the last line"
    for number, line in enumerate(text.splitlines(), 1):
        if is_code and len(line) > columns:
            yield number, "columns", f"{len(line)} columns, at most {columns}"
        if is_code and line != line.rstrip():
            yield number, "blanks", "blanks at the end of the line"
        found = PROMISES.search(line)
        if found:
            yield number, "promise", f"'{found.group(0)}': do the work or take the word out"
        found = MACHINE_PATH.search(line)
        if found:
            yield number, "machine-path", f"'{found.group(0)}': no path of one machine in the repository"


def check_registered(root, files):
    """Suites that nobody runs: no list of their folder names them, whole or by their end."""
    lists = {}
    for path in map(pathlib.PurePosixPath, files):
        if path.name == "CMakeLists.txt" or path.suffix == ".cmake":
            words = re.sub(r"#.*", "", (root / path).read_text(encoding="utf-8"))
            lists.setdefault(path.parent, set()).update(re.findall(r"\w+", words))
    for path in map(pathlib.PurePosixPath, files):
        if REGISTERED.fullmatch(str(path)):
            words = path.stem.split("_")[:-1]
            names = {"_".join(words[i:]) for i in range(len(words))} | {path.stem}
            if not names & lists.get(path.parent, set()):
                yield str(path), 1, "unregistered-test", "no CMakeLists.txt or .cmake beside it names it"


def check_file(root, path):
    suffix = pathlib.PurePosixPath(path).suffix
    if suffix not in TEXT and pathlib.PurePosixPath(path).name not in CODE_NAMES:
        return
    try:
        text = (root / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        yield 1, "encoding", "not UTF-8"
        return
    yield from check_text(path, text)
    if suffix in SOURCE:
        yield from check_source(path, text)


def read_exemptions(file):
    """{(rule, path): line number}; a line without a reason is wrong usage."""
    exempt = {}
    if not file.is_file():
        return exempt
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split(None, 2)
        if len(words) < 3:
            sys.exit(f"{file}:{number}: RULE PATH REASON expected")
        exempt[(words[0], words[1])] = number
    return exempt


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    here = pathlib.Path(__file__).resolve().parent
    parser.add_argument("--root", type=pathlib.Path, default=here.parent)
    parser.add_argument("--exempt", type=pathlib.Path, default=None)
    args = parser.parse_args()
    exempt_file = args.exempt or args.root / "tools" / "lint_exempt.txt"
    exempt = read_exemptions(exempt_file)

    files = list_files(args.root)
    used, findings = {}, 0
    found = [(path, *one) for path in files for one in check_file(args.root, path)]
    for path, number, rule, message in [*found, *check_registered(args.root, files)]:
        if (rule, path) in exempt:
            used[(rule, path)] = used.get((rule, path), 0) + 1
            continue
        print(f"{path}:{number}: {rule}: {message}")
        findings += 1
    for key, number in exempt.items():
        if key not in used:
            print(f"{exempt_file.name}:{number}: unused-exemption: {key[0]} {key[1]} exempts nothing")
            findings += 1
    print(f"lint_tree: {len(files)} files, {findings} findings, "
          f"{sum(used.values())} exempted by {len(used)} exemptions")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
