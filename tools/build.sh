#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: build.sh PRESET [TARGET..]
#
# Configures and builds a preset; quiet unless something is wrong. Configures each time, as a library
# that was missing may have been installed since.
# environment: JOBS
set -euo pipefail

[ $# -ge 1 ] || { sed -n '4p' "$0" | cut -c3- >&2; exit 2; }
cd "$(dirname "$0")/.."
preset=$1
shift
mkdir -p "build/$preset"
log=build/$preset/configure.log
options=()
# Whoever builds tests to run them must not be told that all is well when there are none.
case $preset in dev* | asan | valgrind | coverage) options+=(-DLR_REQUIRE_TESTS=ON) ;; esac
if ! cmake --preset "$preset" "${options[@]}" >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
targets=()
[ $# -eq 0 ] || targets=(--target "$@")
echo "building $preset in build/$preset"
log=build/$preset/build.log
if ! cmake --build "build/$preset" -j "${JOBS:-2}" "${targets[@]}" >"$log" 2>&1; then
    grep -v '^\[[0-9]*/[0-9]*\] \(Building\|Linking\)' "$log" >&2 || true
    exit 1
fi
# A warning that is no error (release) shall still be seen.
grep -A6 'warning:' "$log" || true
