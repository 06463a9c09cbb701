#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: bench/run.sh [OPTION OF lastref-bench]..
#
# Measures what build/release/bin holds, beside the bare-socket program and, where tests/interop/setup.sh has
# installed one, a real TVM of the newest dialect. Prints a table, writes bench.json, and fails where a target
# of speed or memory is missed.
# environment: FAST (1: half a minute, without real TVM), LASTREF_BIN (where the programs are),
# LASTREF_TVM_DIR (build/tvm)
set -euo pipefail

cd "$(dirname "$0")/.."
bin=${LASTREF_BIN:-build/release/bin}
paths=${LASTREF_TVM_DIR:-build/tvm}/paths
options=()
if [ "${FAST:-0}" != 0 ]; then
    options+=(--fast)
elif [ -r "$paths" ]; then
    python=$(sed -n 's/^ffi=//p' "$paths")
    [ -z "$python" ] || options+=(--tvm "$python")
fi
exec "$bin/lastref-bench" --bin "$bin" --source bench "${options[@]}" "$@"
