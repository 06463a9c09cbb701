#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: run_valgrind.sh [NAME..]
#
# Each test that ctest knows (or those named) under valgrind, after the proof that this rig finds what is
# planted. Not through ctest itself: its time limits are meant for programs at full speed.
# environment: JOBS
set -euo pipefail

cd "$(dirname "$0")/.."
tools/build.sh valgrind
tests/rigs/check_rigs.sh valgrind build/valgrind/bin
exec python3 tools/each_test.py --build build/valgrind --jobs "${JOBS:-2}" --limit 900 \
    --under tools/with_valgrind.sh --logs build/valgrind/logs "$@"
