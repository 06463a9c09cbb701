#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: cut_table.sh LASTREF OUT
#
# Plays the scenarios that cut a session's links behind every byte, in the live world, too, where the suite
# has the edges alone, and writes the table of all cuts and the times of release to OUT.
set -euo pipefail

[ $# -eq 2 ] || { sed -n '4p' "$0" | cut -c3- >&2; exit 2; }
lastref=$1
out=$2
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/scenarios"
for file in scenarios/faults/every_cut_of_*.lua; do
    copy=$folder/scenarios/$(basename "$file")
    sed 's/^local every_byte = false$/local every_byte = true/' "$file" >"$copy"
done
grep -q '^local every_byte = true$' "$folder"/scenarios/every_cut_of_a_session-*.lua
status=0
"$lastref" run "$folder/scenarios" ${ARGS:-} >"$out" || status=$?
grep -E '^(ok|FAILED|invalid)|(cases in|as expected|unexpected|invalid)' "$out" || true
echo "the table: $out"
exit "$status"
