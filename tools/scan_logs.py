#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads what sanitizers or valgrind wrote to files while a program ran, and judges it.

usage: scan_logs.py asan|valgrind DIR

Criterion runs each test in a process of its own, and neither that process's standard error nor its exit
status reaches the verdict: what the tools found is in the files alone. Prints each finding with its
log. Exit status: 0 nothing found, 1 findings, 2 wrong usage or no log where there must be one.
"""

import pathlib
import re
import sys

# Said when a test asks for more memory than there is, which must fail and does: not a finding.
ASAN_HARMLESS = re.compile(r"==\d+==WARNING: AddressSanitizer failed to allocate 0x[0-9a-f]+ bytes")


def scan_asan(log):
    """Anything that a sanitizer writes is a finding, but for one harmless warning."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    lines = [line for line in lines if not ASAN_HARMLESS.match(line)]
    return ["\n".join(lines)] if lines else []


OPEN_FD = re.compile(r"Open (?:file descriptor|\w+ socket|socket) (\d+):")
FRAME = re.compile(r"(?:at|by) 0x[0-9A-F]+: (.*)")
CRITERION = re.compile(r"\(in \S*/libcriterion\.so[.\d]*\)$")
ERROR = re.compile(
    r"Invalid |Use of uninitialised|Conditional jump|Syscall param|Mismatched free|Source and dest"
    r"|Argument '|Jump to the invalid|realloc\(\) with"
    r"|Process terminating with default action of signal (?:4|5|7|8|11)\b")
LEAK = re.compile(r"[\d,]+ (?:\([\d,]+ direct, [\d,]+ indirect\) )?bytes in [\d,]+ blocks are "
                  r"(?:definitely|indirectly|possibly) lost")
SIGNAL = re.compile(r"Process terminating with default action of signal")
SUMMARY = re.compile(r"ERROR SUMMARY: ([\d,]+) errors")


def is_criterions_own(frames):
    """A descriptor that the framework opened in the process of a test, beside its body.

    Criterion keeps the write end of the pipe by which a test reports, and ends without closing it. Of
    such a descriptor each frame between the system call (first) and main (last) lies in the library; one
    opened by a test, or by what a test calls, has a frame of ours in between.
    """
    return len(frames) > 2 and all(CRITERION.search(frame) for frame in frames[1:-1])


def paragraphs_of(lines):
    """Blocks of lines between empty ones; valgrind separates what it says so."""
    block = []
    for line in lines + [""]:
        if line.strip():
            block.append(line)
        elif block:
            yield block
            block = []


def scan_valgrind(log):
    """Errors of any process; leaks and descriptors of those that had to clean up.

    A process that was forked and never became a program of its own holds copies of all that its parent
    has, where it is judged; one that a signal ended had no occasion to give anything back. Only a
    program that starts reads suppressions (with -v), which tells it from a forked process.
    """
    text = log.read_text(errors="replace")
    # Lines of the -v kind (--PID--) separate what is said in lines of the other (==PID==).
    lines = re.sub(r"^--\d+--.*$", "==0==", text, flags=re.M)
    lines = re.findall(r"^==\d+== ?(.*)$", lines, re.M)
    end = next((i for i, line in enumerate(lines) if SUMMARY.match(line)), len(lines))
    must_clean_up = ("Reading suppressions file" in text
                     and not any(SIGNAL.match(line) for line in lines))
    findings, known = [], 0
    for block in paragraphs_of(lines[:end]):
        if ERROR.match(block[0]):
            findings.append("\n".join(block))
        elif LEAK.match(block[0]):
            known += 1
            if must_clean_up:
                findings.append("\n".join(block))
        opened = [i for i, line in enumerate(block) if OPEN_FD.match(line)]
        for start, stop in zip(opened, opened[1:] + [len(block)]):
            frames = [m.group(1) for m in map(FRAME.search, block[start:stop]) if m]
            if must_clean_up and frames and not is_criterions_own(frames):
                findings.append("\n".join(block[start:stop]))
    errors = int(SUMMARY.match(lines[end]).group(1).replace(",", "")) if end < len(lines) else 0
    if errors > known and not findings:
        findings.append(f"{errors} errors, of which this program knows only {known}")
    return findings


def main():
    scanners = {"asan": scan_asan, "valgrind": scan_valgrind}
    if len(sys.argv) != 3 or sys.argv[1] not in scanners:
        print(__doc__, file=sys.stderr)
        return 2
    tool, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    logs = sorted(p for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []
    if tool == "valgrind" and not logs:
        print(f"no log of valgrind in {folder}: nothing was examined", file=sys.stderr)
        return 2
    count = 0
    for log in logs:
        for finding in scanners[tool](log):
            print(f"--- {log.name}\n{finding}\n")
            count += 1
    killed = sum(tool == "valgrind" and "ERROR SUMMARY" not in log.read_text(errors="replace")
                 for log in logs)
    print(f"{tool}: {len(logs)} logs, {count} findings"
          + (f"; {killed} processes were killed before valgrind could sum up" if killed else ""))
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
