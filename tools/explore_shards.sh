#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: explore_shards.sh A..B SHARDS FOLDER
#
# Explores the seeds in so many shares, each a process, and joins what they write in FOLDER/whole.json.
# environment: LASTREF (lastref), COMPARE=1: plays all of it once more in one process, and compares
set -euo pipefail

[ $# -eq 3 ] || { sed -n '4p' "$0" | cut -c3- >&2; exit 2; }
seeds=$1
shards=$2
folder=$3
lastref=${LASTREF:-lastref}
mkdir -p "$folder"

# Findings (1) are for the joined report to tell; anything worse ends this.
explore() {
    local status=0
    "$lastref" explore --seeds "$seeds" --jobs 1 --keep-going --found "$folder/found" "$@" || status=$?
    [ "$status" -le 1 ]
}
export -f explore
export seeds lastref folder

if command -v parallel >/dev/null; then
    seq "$shards" | parallel --halt now,fail=1 "explore --shard {}/$shards --json $folder/{}.json"
else
    pids=()
    for i in $(seq "$shards"); do
        explore --shard "$i/$shards" --json "$folder/$i.json" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid"; done
fi

status=0
files=()
for i in $(seq "$shards"); do files+=("$folder/$i.json"); done
"$lastref" report merge "${files[@]}" --out "$folder/whole.json" || status=$?
[ "$status" -le 1 ] || exit "$status"

if [ "${COMPARE:-0}" = 1 ]; then
    explore --json "$folder/at_once.json"
    # What a share is, and how long it took, differs; nothing else may.
    diff <(grep -v '"shards\?"\|"real_ms"' "$folder/whole.json") \
        <(grep -v '"shards\?"\|"real_ms"' "$folder/at_once.json")
    echo "the $shards shares are the whole"
fi
exit "$status"
