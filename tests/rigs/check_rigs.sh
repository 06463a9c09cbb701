#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: check_rigs.sh asan|valgrind BINDIR
#
# Proves that the rig can turn red before anybody believes its green: runs the planted programs of
# BINDIR in the very way unit tests are run, and demands that each bug is found, and found as what it
# is; the twin without a bug must pass. What a rig cannot see by its nature, it need not.
set -euo pipefail

[ $# -eq 2 ] || { sed -n '4p' "$0" | cut -c3- >&2; exit 2; }
rig=$1
bin=$2
tools=$(cd "$(dirname "$0")/../../tools" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

# expect NAME COLOUR [PATTERN that the output of a red run has]
expect() {
    local name=$1 colour=$2 pattern=${3:-} seen=green
    [ -x "$bin/rig_$name" ] || { echo "check_rigs: $bin/rig_$name is not built" >&2; exit 2; }
    "$tools/with_$rig.sh" "$scratch/logs" "$bin/rig_$name" >"$scratch/out" 2>&1 || seen=red
    if [ "$seen" = red ] && [ -n "$pattern" ] && ! grep -Eq "$pattern" "$scratch/out"; then
        seen="red for another reason"
    fi
    if [ "$seen" = "$colour" ]; then
        printf '  rig %-8s %-18s %s, as planted\n' "$rig" "$name" "$colour"
    else
        printf '  rig %-8s %-18s %s, but must be %s\n' "$rig" "$name" "$seen" "$colour"
        cat "$scratch/out"
        failed=1
    fi
}

case $rig in
asan)
    expect clean green
    expect planted_leak red 'LeakSanitizer: detected memory leaks'
    expect planted_overflow red 'heap-buffer-overflow|insufficient space for an object'
    expect planted_undefined red 'signed integer overflow'
    ;;
valgrind)
    expect clean green
    expect planted_leak red '4,321 bytes in 1 blocks are definitely lost'
    expect planted_overflow red 'Invalid read of size 1'
    expect planted_fd red 'leaves_a_descriptor_open'
    ;;
*)
    echo "check_rigs: no rig '$rig'" >&2
    exit 2
    ;;
esac
exit "$failed"
