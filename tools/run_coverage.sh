#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: run_coverage.sh
#
# Which lines and branches of harness/, mocks/ and reports/ the tests reach. environment: JOBS
set -euo pipefail

cd "$(dirname "$0")/.."
tools/build.sh coverage
find build/coverage -name '*.gcda' -delete
status=0
ctest --test-dir build/coverage -L '^(unit|golden|scenario)$' --output-on-failure --no-tests=error \
    -j "${JOBS:-2}" || status=$?
folders=()
for folder in harness mocks reports; do
    [ ! -d "$folder" ] || folders+=("$PWD/$folder/*")
done
report() {
    local options=(--quiet --rc lcov_branch_coverage=1)
    lcov "${options[@]}" --capture --directory build/coverage --base-directory . --no-external \
        --output-file build/coverage/all.info
    lcov "${options[@]}" --extract build/coverage/all.info "${folders[@]}" \
        --output-file build/coverage/lcov.info
    genhtml --quiet --branch-coverage --prefix "$PWD" --output-directory build/coverage/html \
        build/coverage/lcov.info
}
report 2>build/coverage/lcov.log || { cat build/coverage/lcov.log >&2; exit 1; }
lcov --rc lcov_branch_coverage=1 --list build/coverage/lcov.info 2>/dev/null
echo "in full: build/coverage/html/index.html"
exit "$status"
