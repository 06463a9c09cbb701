#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: with_valgrind.sh LOGDIR COMMAND [ARG..]
#
# Runs COMMAND and every program of ours that it starts under valgrind, one log a process in LOGDIR
# (emptied first). Fails if the command fails, or if a log tells of an error, of a definite, indirect or
# possible leak, or of a descriptor that a process opened and left open at its end.
# Foreign programs (Python, the system's own) run at their own speed and are not examined.
set -euo pipefail

[ $# -ge 2 ] || { sed -n '4p' "$0" | cut -c3- >&2; exit 2; }
tools=$(cd "$(dirname "$0")" && pwd)
logs=$1
shift
rm -rf "$logs"
mkdir -p "$logs"
logs=$(cd "$logs" && pwd)

# -v: scan_logs.py tells programs from forked copies of them by what only a verbose log says.
options=(
    -v
    --tool=memcheck
    --leak-check=full
    --show-leak-kinds=definite,indirect,possible
    --errors-for-leak-kinds=definite,indirect,possible
    --track-fds=yes
    --trace-children=yes
    "--trace-children-skip=*python*,/bin/*,/sbin/*,/usr/bin/*,/usr/sbin/*,/usr/local/bin/*"
    --num-callers=16
    "--log-file=$logs/%p"
)
# Each test in a program of its own, with time for it (tests/plain).
export LR_TEST_EXEC=1 LR_TEST_PATIENCE=${LR_TEST_PATIENCE:-30}
status=0
valgrind "${options[@]}" "$@" || status=$?
python3 "$tools/scan_logs.py" valgrind "$logs" || exit 1
[ "$status" -eq 0 ] || { echo "with_valgrind: $1 ended with status $status" >&2; exit 1; }
