#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: with_asan.sh LOGDIR COMMAND [ARG..]
#
# Runs COMMAND, built with sanitizers, and lets them write what they find to files in LOGDIR (emptied
# first), as the standard error of a Criterion test is read by nobody. Fails if the command fails or if
# there is any finding in the files, of whichever process below the command.
set -euo pipefail

[ $# -ge 2 ] || { sed -n '4p' "$0" | cut -c3- >&2; exit 2; }
tools=$(cd "$(dirname "$0")" && pwd)
logs=$1
shift
rm -rf "$logs"
mkdir -p "$logs"
logs=$(cd "$logs" && pwd)

# allocator_may_return_null: tests ask for absurd sizes on purpose, and get what malloc says then.
ASAN_OPTIONS="log_path=$logs/asan:detect_leaks=1:halt_on_error=1:detect_stack_use_after_return=1"
ASAN_OPTIONS+=":strict_string_checks=1:check_initialization_order=1:allocator_may_return_null=1"
UBSAN_OPTIONS="log_path=$logs/ubsan:print_stacktrace=1:halt_on_error=1"
LSAN_OPTIONS="report_objects=0"
export ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS

status=0
"$@" || status=$?
python3 "$tools/scan_logs.py" asan "$logs" || exit 1
[ "$status" -eq 0 ] || { echo "with_asan: $1 ended with status $status" >&2; exit 1; }
