#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs tools/setup.sh on machines that do not exist: a PATH of its own, with a package manager, a sudo and
# a pkg-config that only write down what they were asked, and "install" by putting a name into a folder.
set -euo pipefail

setup=$(cd "$(dirname "$0")/../../tools" && pwd)/setup.sh
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
passed=0

# A machine with the tools that setup.sh itself needs and nothing else.
new_machine() {
    local tool
    machine=$(mktemp -d "$scratch/machine.XXXXXX")
    mkdir "$machine/bin" "$machine/lib" "$machine/lists" "$machine/runtime"
    mkdir "$machine/runtime/lib"
    : >"$machine/calls"
    for tool in bash env sed find sort head cut cat touch ln mkdir; do
        ln -s "$(type -P "$tool")" "$machine/bin/$tool"
    done
    user 0
    give_program cc gcc cmake ninja pkg-config python3 clang patch ip
    cat >"$machine/bin/cmake" <<<'#!/bin/sh
echo "cmake version 3.25.1"'
    cat >"$machine/bin/pkg-config" <<<'#!/bin/sh
[ -e "$MACHINE/lib/${2%% *}" ]'
    cat >"$machine/bin/clang" <<<'#!/bin/sh
case $1 in -dumpversion) echo 14.0.6 ;; -print-resource-dir) echo "$MACHINE/runtime" ;; esac'
    printf '#!/bin/sh\necho GNU parallel 20210822\n' >"$machine/bin/parallel"
    chmod +x "$machine"/bin/{cmake,pkg-config,clang,parallel}
    touch "$machine/lib/libuv" "$machine/lib/lua5.4" "$machine/lib/jansson"
}
give_program() {
    local name
    for name in "$@"; do
        printf '#!/bin/sh\nexit 0\n' >"$machine/bin/$name"
        chmod +x "$machine/bin/$name"
    done
}
user() {
    printf '#!/bin/sh\necho %s\n' "$1" >"$machine/bin/id"
    chmod +x "$machine/bin/id"
}
# An apt-get that "installs" libraries, valgrind and the runtime of clang 14; fails while the file
# `broken` is there, and an update removes that.
give_apt() {
    cat >"$machine/bin/apt-get" <<'APT'
#!/bin/bash
echo "apt-get $* [${DEBIAN_FRONTEND:-}]" >>"$MACHINE/calls"
if [ "$1" = update ]; then
    touch "$MACHINE/lists/x_Packages"
    [ ! -e "$MACHINE/broken" ] || mv "$MACHINE/broken" "$MACHINE/mended"
    exit 0
fi
[ ! -e "$MACHINE/broken" ] || exit 100
for word in "$@"; do
    case $word in
    libcriterion-dev) touch "$MACHINE/lib/criterion" ;;
    libuv1-dev) touch "$MACHINE/lib/libuv" ;;
    valgrind | git) ln -s "$(type -P env)" "$MACHINE/bin/$word" ;;
    maven) ln -s "$(type -P env)" "$MACHINE/bin/mvn" ;;
    libclang-rt-14-dev) touch "$MACHINE/runtime/lib/libclang_rt.fuzzer-x86_64.a" ;;
    esac
done
APT
    ln -s "$(type -P mv)" "$machine/bin/mv"
    chmod +x "$machine/bin/apt-get"
}
give_sudo() {
    cat >"$machine/bin/sudo" <<<'#!/bin/sh
echo "sudo $*" >>"$MACHINE/calls"
exec "$@"'
    chmod +x "$machine/bin/sudo"
}

# run STATUS GROUP..: output in $machine/out
run() {
    local want=$1 status=0
    shift
    env -i PATH="$machine/bin" MACHINE="$machine" LR_APT_LISTS="$machine/lists" \
        "$setup" "$@" >"$machine/out" 2>&1 || status=$?
    check "status $want (is $status)" [ "$status" -eq "$want" ]
}
check() {
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        return
    fi
    echo "setup_test: $case_name: not so: $what"
    cat "$machine/out" "$machine/calls"
    failed=$((failed + 1))
}
said() { check "says '$1'" grep -qF -- "$1" "$machine/out"; }
called() { check "calls '$1'" grep -qxF -- "$1" "$machine/calls"; }
call_count() { check "$1 calls" [ "$(wc -l <"$machine/calls")" -eq "$1" ]; }
install='apt-get install -y -qq --no-install-recommends'

case_name="nothing is missing: silent, and no package manager is called"
new_machine; give_apt
run 0 base
check "silent" [ ! -s "$machine/out" ]
call_count 0

case_name="root on a fresh container: lists first, then the package, without questions"
new_machine; give_apt
run 0 base test
called "apt-get update -qq [noninteractive]"
called "$install libcriterion-dev [noninteractive]"
call_count 2

case_name="root with lists: no update"
new_machine; give_apt; touch "$machine/lists/x_Packages"
run 0 base test valgrind
called "$install libcriterion-dev valgrind [noninteractive]"
call_count 1

case_name="lists that name what is gone: one update, one more try"
new_machine; give_apt; touch "$machine/lists/x_Packages" "$machine/broken"
run 0 test
call_count 3

case_name="not root: through sudo"
new_machine; give_apt; give_sudo; user 1000; touch "$machine/lists/x_Packages"
run 0 test
called "sudo env DEBIAN_FRONTEND=noninteractive $install libcriterion-dev"
called "$install libcriterion-dev [noninteractive]"

case_name="neither root nor sudo: says what root must run"
new_machine; give_apt; user 1000; touch "$machine/lists/x_Packages"
run 1 test
said "$install libcriterion-dev"
call_count 0

case_name="a dry run installs nothing"
new_machine; give_apt
run 0 --dry-run test
said "would run: $install libcriterion-dev"
call_count 0

case_name="another program that is called parallel"
new_machine; give_apt; touch "$machine/lib/criterion"; give_program parallel
run 0 --dry-run test
said "would run: $install parallel"

case_name="the runtime that belongs to this clang"
new_machine; give_apt; touch "$machine/lists/x_Packages"
run 0 fuzz
called "$install libclang-rt-14-dev [noninteractive]"

case_name="a package that does not bring what it should"
new_machine; give_apt; rm "$machine/lib/jansson"; touch "$machine/lists/x_Packages"
run 1 base
said "still missing after the installation: libjansson-dev"

# The legacy TVM's environment, on a machine without a Python that takes it.
interop=$(cd "$(dirname "$0")/../interop" && pwd)/setup.sh
make_legacy() {
    local status=0 tool
    for tool in awk dirname grep rm tail; do
        ln -s "$(type -P $tool)" "$machine/bin/$tool"
    done
    printf '#!/bin/sh\n[ "$1" = -s ] && echo Linux || echo x86_64\n' >"$machine/bin/uname"
    chmod +x "$machine/bin/uname"
    env -i PATH="$machine/bin" MACHINE="$machine" LR_APT_LISTS="$machine/lists" \
        "$interop" --only legacy --legacy-from maven --dir "$machine/tvm" >"$machine/out" 2>&1 ||
        status=$?
    check "status 3 (is $status)" [ "$status" -eq 3 ]
}

case_name="no Python for the legacy TVM, and no Maven: it is installed"
new_machine; give_apt; touch "$machine/lists/x_Packages"
make_legacy
called "$install maven [noninteractive]"
said "mvn could not get"

case_name="a Maven that is there is not installed again"
new_machine; give_apt; give_program mvn
make_legacy
call_count 0

case_name="no Python for the legacy TVM, and no way to Maven: said, and no more than that"
new_machine; give_apt; user 1000
make_legacy
said "CANNOT BE HAD: Maven (mvn) cannot be installed"

case_name="no apt-get: names for the others, and failure"
new_machine; rm "$machine/lib/libuv" "$machine/lib/lua5.4"
run 1 base test
said "brew install libuv lua criterion"
said "dnf install libuv-devel lua-devel criterion-devel"
said "vcpkg install libuv lua"

case_name="a cmake without presets"
new_machine
sed -i 's/3.25.1/3.18.4/' "$machine/bin/cmake"
run 1 base
said "cmake is 3.18"

case_name="a group that does not exist"
new_machine
run 2 nonsense

echo "setup_test: $passed checks passed, $failed failed"
[ "$failed" -eq 0 ]
