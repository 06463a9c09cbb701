#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The interop tests: lastref's roles against those of real Apache TVM, of both dialects.
#
# usage: run.sh [--strict] [--dialect NAME | --tvm VERSION] [--filter TEXT] [--real-only] [--no-setup]
#
# Makes the environments (setup.sh), then runs the matrix of tracker, server and client (matrix.py)
# and the lifecycle of a real client's sessions on TVM's server and on ours (lifecycle.py). --tvm takes
# another version of TVM than the usual two (`setup.sh --tvm list`), and its dialect alone. Without --dialect,
# --tvm, --filter and --real-only it also installs real CPythons (interpreters.sh) and holds the ground truth
# of the heap model against them (heap_truth.py); `make run` then plays the report's scenarios in them.
# LASTREF names the lastref command (build/dev/bin/lastref), LASTREF_STEPS the stepped client of ours
# (lastref-steps beside it), LASTREF_TVM_DIR the environments (build/tvm).
#
# exit status: 0 nothing failed; 1 something did; 3 with --strict if something could not run;
# 2 wrong usage.

set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 4
strict=() options=() real_only=no setup=yes all=yes dialect= tvm=

while [ $# -gt 0 ]; do
    case $1 in
    --strict) strict=(--strict) ;;
    --dialect) all=no dialect=${2:-}; options+=(--dialect "$dialect"); shift ;;
    --tvm) all=no tvm=${2:-}; shift ;;
    --filter) all=no; options+=(--filter "${2:-}"); shift ;;
    --real-only) all=no real_only=yes ;;
    --no-setup) setup=no ;;
    *) sed -n 's/^# usage: /usage: /p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
    esac
    shift || exit 2
done

python=
for candidate in python3 /usr/bin/python3; do
    "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null &&
        { python=$candidate; break; }
done
if [ -z "$python" ]; then
    echo "interop: not run: no python3 (3.8 or newer) on this machine"
    [ ${#strict[@]} -gt 0 ] && exit 3
    exit 0
fi

if [ -n "$tvm" ]; then
    dialect=$("$here/setup.sh" --tvm list | awk -v tvm="$tvm" '$1 == tvm { print $2 }')
    [ -n "$dialect" ] || { "$here/setup.sh" --tvm "$tvm"; exit 2; }
    options+=(--dialect "$dialect")
    LASTREF_TVM_DIR=${LASTREF_TVM_DIR:-$here/../../build/tvm-$tvm}
    mkdir -p "$LASTREF_TVM_DIR" && LASTREF_TVM_DIR=$(cd "$LASTREF_TVM_DIR" && pwd) || exit 4
    export LASTREF_TVM_DIR
fi

status=0

# Remembers the worst: 1 before 3 before 0.
account() {
    case $1 in
    0) ;;
    3) [ $status = 0 ] && status=3 ;;
    *) status=1 ;;
    esac
}

if [ $setup = yes ]; then
    # What is missing is said here, and again for each case that it keeps from running.
    if [ -n "$tvm" ]; then
        "$here/setup.sh" --tvm "$tvm"
    else
        "$here/setup.sh" ${dialect:+--only "$dialect"}
    fi
    case $? in 0 | 3) ;; *) exit 1 ;; esac
fi

real=()
[ $real_only = yes ] && real=(--real-only)
"$python" -B "$here/matrix.py" ${strict[@]+"${strict[@]}"} ${real[@]+"${real[@]}"} \
    ${options[@]+"${options[@]}"}
account $?
for parts in real ours; do
    [ $real_only = yes ] && [ $parts = ours ] && continue
    "$python" -B "$here/lifecycle.py" --tracker $parts --server $parts \
        ${strict[@]+"${strict[@]}"} ${options[@]+"${options[@]}"}
    account $?
done
if [ $all = yes ]; then
    if [ $setup = yes ]; then
        "$here/interpreters.sh"
        case $? in 0 | 3) ;; *) exit 1 ;; esac
    fi
    "$python" -B "$here/heap_truth.py" ${strict[@]+"${strict[@]}"}
    account $?
fi
exit $status
