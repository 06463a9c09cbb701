#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: run_fuzz.sh
#
# Every program build/fuzz/bin/fuzz_NAME for a while, from the seeds in fuzz/corpus/NAME and with the
# words of fuzz/NAME.dict where there is one. What it learns is kept in build/fuzz/corpus/NAME; an input
# that breaks it, in build/fuzz/findings/NAME-*. environment: JOBS FUZZ_SECONDS FUZZ_TARGETS
set -euo pipefail

cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-20}
tools/build.sh fuzz fuzz/all
# The seeds alone, and two targets with a planted bug, which must be found.
ctest --test-dir build/fuzz -L '^fuzz-corpus$' --output-on-failure --no-tests=error

fuzz_one() {
    local program=$1 seconds=$2 name corpus findings log status=0
    name=$(basename "$program")
    name=${name#fuzz_}
    corpus=build/fuzz/corpus/$name
    findings=build/fuzz/findings
    log=build/fuzz/logs/$name.log
    mkdir -p "$corpus" "$findings" build/fuzz/logs
    local options=("-max_total_time=$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
        "-artifact_prefix=$findings/$name-")
    [ ! -f "fuzz/$name.dict" ] || options+=("-dict=fuzz/$name.dict")
    local folders=("$corpus")
    if [ -d "fuzz/corpus/$name" ]; then
        folders+=("fuzz/corpus/$name")
    else
        echo "  $name: no seeds in fuzz/corpus/$name"
        return 1
    fi
    "$program" "${options[@]}" "${folders[@]}" >"$log" 2>&1 </dev/null || status=$?
    local runs covered
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n1)
    if [ "$status" -eq 0 ] && [ "${runs:-0}" -gt 0 ]; then
        printf '  passed  %-20s %10s runs, %s edges\n' "$name" "$runs" "${covered:-?}"
    else
        printf '  FAILED  %-20s status %s\n' "$name" "$status"
        tail -n 60 "$log"
        return 1
    fi
}
export -f fuzz_one
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1

programs=()
for program in build/fuzz/bin/fuzz_*; do
    [ -x "$program" ] || continue
    name=$(basename "$program")
    case " ${FUZZ_TARGETS:-} " in "  " | *" ${name#fuzz_} "*) programs+=("$program") ;; esac
done
[ ${#programs[@]} -gt 0 ] || { echo "run_fuzz: there is no target to run" >&2; exit 2; }
echo "${#programs[@]} targets, $seconds s each, ${JOBS:-2} at once"
printf '%s\0' "${programs[@]}" |
    xargs -0 -n1 -P "${JOBS:-2}" bash -c 'fuzz_one "$1" "$0"' "$seconds"
