#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: lint.sh [--format]
#
# The rules of the house (lint_tree.py, and its own test), the formatting, the static analysis, the test
# of the set-up. Goes through all of them and fails at the end if one did. --format rewrites the sources
# instead. environment: JOBS CLANG_FORMAT CLANG_TIDY PYFLAKES
set -euo pipefail

cd "$(dirname "$0")/.."
jobs=${JOBS:-2}
clang_format=${CLANG_FORMAT:-clang-format}
clang_tidy=${CLANG_TIDY:-clang-tidy}
pyflakes=${PYFLAKES:-pyflakes3}

# Tracked files and new ones that are not ignored.
c_files() { git -c 'safe.directory=*' ls-files -z -co --exclude-standard -- '*.c' '*.h'; }

if [ "${1:-}" = --format ]; then
    c_files | xargs -0 -r "$clang_format" -i
    exit
fi

check_format() { c_files | xargs -0 -r -n 40 -P "$jobs" "$clang_format" --dry-run -Werror; }

check_tidy() {
    tools/build.sh dev >/dev/null || { echo "lint: the preset dev does not build" >&2; return 1; }
    python3 -c '
import json, os, sys
root = os.getcwd() + "/"
for entry in json.load(open("build/dev/compile_commands.json")):
    path = os.path.normpath(os.path.join(entry["directory"], entry["file"]))
    if path.startswith(root) and not path.startswith(root + "build/"):
        sys.stdout.write(path[len(root):] + "\0")
' | sort -zu >build/dev/tidy_files
    [ -s build/dev/tidy_files ] || { echo "lint: no file to analyse" >&2; return 1; }
    # One file a process: with several, the analyzer of clang 14 takes va_start for unseen in the later ones.
    # "N warnings generated" counts what is in headers of others and goes to standard error.
    local status=0
    xargs -0 -n 1 -P "$jobs" "$clang_tidy" -p build/dev --quiet <build/dev/tidy_files \
        2>build/dev/tidy.log || status=$?
    grep -vE '^[0-9]+ warnings? (generated|treated)' build/dev/tidy.log || true
    return "$status"
}

# The heap's scripts leave names unused on purpose: what a frame holds is what they show.
check_python() {
    git -c 'safe.directory=*' ls-files -z -co --exclude-standard -- '*.py' ':!tests/golden/heap/scripts' |
        xargs -0 -r "$pyflakes"
}

failed=()
step() {
    local name=$1 started=$SECONDS
    shift
    if "$@"; then
        printf 'lint: %-14s passed, %d s\n' "$name" $((SECONDS - started))
    else
        printf 'lint: %-14s FAILED, %d s\n' "$name" $((SECONDS - started))
        failed+=("$name")
    fi
}
step house-rules tools/lint_tree.py
step house-test python3 tests/rigs/lint_tree_test.py
step setup-test tests/rigs/setup_test.sh
step pyflakes check_python
step clang-format check_format
step clang-tidy check_tidy
[ ${#failed[@]} -eq 0 ] || { echo "lint: failed: ${failed[*]}" >&2; exit 1; }
