#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: run_big_endian.sh [SCENARIOS]
#
# Builds for s390x, a big-endian machine, and runs the unit tests, the golden tests and the fuzzers' seeds
# under qemu-user; starts the commands there, with peers of this machine; and compares the histories of the
# simulated world with those of this machine. The target's libraries come from this machine's own package
# sources into build/s390x-root, beside its packages and not among them. environment: JOBS
set -euo pipefail

cd "$(dirname "$0")/.."
scenarios=${1:-scenarios/}
root=$PWD/build/s390x-root
build=build/big-endian
# As long as these stay the same, the root is not made again.
packages="libc6-dev libuv1-dev liblua5.4-dev libjansson-dev"

# An apt of its own: another architecture, nothing installed, and all that it writes in $root.
fill_root() {
    local apt=$root.apt package
    if [ "$(cat "$root/packages" 2>/dev/null)" = "$packages" ]; then
        return
    fi
    if ! command -v apt-get >/dev/null; then
        echo "run_big_endian: no apt-get to get the s390x libraries with ($packages)" >&2
        return 1
    fi
    echo "fetching the libraries of s390x"
    rm -rf "$root" "$apt"
    mkdir -p "$root" "$apt/lists/partial" "$apt/cache/archives/partial"
    : >"$apt/status"
    cat >"$apt/conf" <<CONF
APT::Architecture "s390x";
APT::Architectures { "s390x"; };
Dir::State "$apt";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
CONF
    # shellcheck disable=SC2086 # words
    if ! { APT_CONFIG=$apt/conf apt-get update -qq &&
        APT_CONFIG=$apt/conf apt-get install --download-only -y -qq --no-install-recommends $packages; } \
        >"$apt/log" 2>&1; then
        cat "$apt/log" >&2
        echo "run_big_endian: the package sources of this machine have no s390x libraries" >&2
        return 1
    fi
    for package in "$apt"/cache/archives/*.deb; do
        dpkg-deb -x "$package" "$root"
    done
    # Where /lib is a link, another package than the libraries' makes it.
    [ -e "$root/lib" ] || ln -s usr/lib "$root/lib"
    rm -rf "$apt"
    echo "$packages" >"$root/packages"
}

# Beside each program that another of ours starts, one of its name that starts it in the emulator.
add_starters() {
    local name
    for name in lastref lastref-guard; do
        printf '#!/bin/sh\nexec qemu-s390x -L "%s" "$0.s390x" "$@"\n' "$root" >"$build/bin/$name"
        chmod +x "$build/bin/$name"
    done
}

run_tests() {
    local status=0
    LR_TEST_PATIENCE=10 ctest --test-dir "$build" -L '^(unit|golden|fuzz-corpus)$' --output-on-failure \
        --no-tests=error -j "${JOBS:-2}" || status=$?
    grep '^skipped ' "$build/Testing/Temporary/LastTest.log" || true
    return "$status"
}

run_commands() {
    local name status=0
    for name in usage query roles limits; do
        LASTREF=$PWD/$build/bin/lastref python3 -B "tests/cli/${name}_test.py" >"$build/cli_$name.log" 2>&1 &&
            echo "cli_$name passed" || { status=1; cat "$build/cli_$name.log"; echo "cli_$name FAILED"; }
    done
    return "$status"
}

fill_root
tools/build.sh release lastref
tools/build.sh big-endian
add_starters
failed=()
run_tests || failed+=(tests)
run_commands || failed+=(commands)
tools/compare_digests.py "$scenarios" build/release/bin/lastref "$build/bin/lastref" || failed+=(digests)
[ ${#failed[@]} -eq 0 ] || { echo "run_big_endian: failed: ${failed[*]}" >&2; exit 1; }
