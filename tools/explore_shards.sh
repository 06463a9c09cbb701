#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: explore_shards.sh A..B SHARDS FOLDER
#
# Explores the seeds in so many shares, each a process, and joins what they write in FOLDER/whole.json; what
# is found lies below FOLDER/found.
# environment:
#   VIA        who starts the shares: processes (all at once, here), parallel (GNU parallel: where it is
#              installed, unless said), slurm (an array of jobs; FOLDER is one that all nodes see)
#   SSHLOGIN   parallel: on these hosts, as in 4/host1,4/host2
#   LASTREF    the program, as all hosts find it (lastref)
#   COMPARE=1  plays all of it once more in one process, and compares
# status: 0 nothing was found, 1 something was; 2 wrong usage; 4 a share is missing
set -euo pipefail

[ $# -eq 3 ] || { sed -n '4p' "$0" | cut -c3- >&2; exit 2; }
seeds=$1
shards=$2
lastref=${LASTREF:-lastref}
case $lastref in */*) lastref=$(realpath "$lastref") ;; esac
if [ -z "${VIA:-}" ]; then
    VIA=processes
    ! command -v parallel >/dev/null || VIA=parallel
fi
mkdir -p "$3/found"
cd "$3"
files=()
for i in $(seq "$shards"); do files+=("$i.json"); done
rm -f "${files[@]}" whole.json # of another time

# One share in a shell's words, with SHARE for its number. That something was found (1) is for the joined
# report to tell; anything worse is a share that failed.
explore="$(printf %q "$lastref") explore --seeds $(printf %q "$seeds") --jobs 1 --keep-going --found found"
share="mkdir -p found; $explore --shard SHARE/$shards --json SHARE.json"
# shellcheck disable=SC2016 # the share's own
share+=' || [ $? -eq 1 ]'

failed=0
case $VIA in
processes)
    pids=()
    for i in $(seq "$shards"); do
        bash -c "${share//SHARE/$i}" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
    ;;
parallel)
    options=(--halt now,fail=1)
    if [ -n "${SSHLOGIN:-}" ]; then # each share in a folder of its own on its host, which is gone afterwards
        options+=(--sshlogin "$SSHLOGIN" --workdir ... --return {}.json --return found --cleanup)
    fi
    seq "$shards" | parallel "${options[@]}" "${share//SHARE/{\}}" || failed=1
    ;;
slurm)
    sbatch --quiet --wait --array="1-$shards" --cpus-per-task=1 --output=%a.log \
        --wrap "${share//SHARE/\$SLURM_ARRAY_TASK_ID}" || failed=1
    ;;
*)
    echo "explore_shards.sh: VIA is processes, parallel or slurm" >&2
    exit 2
    ;;
esac
for file in "${files[@]}"; do [ -s "$file" ] || failed=1; done
if [ "$failed" = 1 ]; then
    echo "explore_shards.sh: a share is missing" >&2
    exit 4
fi

status=0
"$lastref" report merge "${files[@]}" --out whole.json || status=$?
[ "$status" -le 1 ] || exit "$status"

if [ "${COMPARE:-0}" = 1 ]; then
    bash -c "$explore --json at_once.json" || [ $? -eq 1 ]
    # What a share is, and how long it took, differs; nothing else may.
    diff <(grep -v '"shards\?"\|"real_ms"' whole.json) <(grep -v '"shards\?"\|"real_ms"' at_once.json)
    echo "the $shards shares are the whole"
fi
exit "$status"
