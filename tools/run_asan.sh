#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: run_asan.sh
#
# All tests under the address, leak and undefined behaviour sanitizers, after the proof that this rig
# finds what is planted. environment: JOBS
set -euo pipefail

cd "$(dirname "$0")/.."
tools/build.sh asan
tests/rigs/check_rigs.sh asan build/asan/bin
tools/with_asan.sh build/asan/logs \
    ctest --test-dir build/asan -L '^(unit|golden|scenario)$' \
    --output-on-failure --no-tests=error -j "${JOBS:-2}"
