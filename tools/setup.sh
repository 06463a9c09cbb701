#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: setup.sh [--dry-run] GROUP..
#
# Sees to it that this machine has what the groups need, and installs what is missing with apt-get
# (through sudo when not root). Where there is no apt-get it names what is missing, for other package
# managers, and fails. Says nothing and is quick when nothing is missing.
#
# groups: base test lint clang fuzz mutants valgrind coverage interop big-endian, or all; and maven, which
# tests/interop/setup.sh asks for where it cannot do without
# environment: LR_APT_LISTS (where apt keeps its lists; for tests)
set -euo pipefail

dry_run=0
if [ "${1:-}" = --dry-run ]; then
    dry_run=1
    shift
fi
[ $# -ge 1 ] || { sed -n '4p' "$0" | cut -c3- >&2; exit 2; }

has() { command -v "$1" >/dev/null 2>&1; }
has_library() {
    local name
    has pkg-config || return 1
    for name in "$@"; do
        pkg-config --exists "$name" && return 0
    done
    return 1
}
# The runtime that libFuzzer and the sanitizers of this very clang are linked from.
has_fuzzer() {
    has clang || return 1
    [ -n "$(find "$(clang -print-resource-dir)/lib" -name 'libclang_rt.fuzzer*.a' -print -quit 2>/dev/null)" ]
}
clang_major() { clang -dumpversion 2>/dev/null | cut -d. -f1; }
has_headers() { cc -E -x c - <<<'#include <stdio.h>' >/dev/null 2>&1; }
has_compiler() { { has cc || has gcc || has clang; } && has_headers; }

# need CHECK.. -- APT BREW DNF VCPKG   ("-": not needed or not to be had there)
missing_apt=() missing_brew=() missing_dnf=() missing_vcpkg=()
need() {
    local check=()
    while [ "$1" != -- ]; do
        check+=("$1")
        shift
    done
    "${check[@]}" && return
    missing_apt+=("$2")
    [ "$3" = - ] || missing_brew+=("$3")
    [ "$4" = - ] || missing_dnf+=("$4")
    [ "$5" = - ] || missing_vcpkg+=("$5")
}

find_missing() {
    local group
    missing_apt=() missing_brew=() missing_dnf=() missing_vcpkg=()
    for group in "$@"; do
        case $group in
        base)
            need has_compiler -- "gcc libc6-dev" gcc "gcc glibc-devel" -
            need has cmake -- cmake cmake cmake -
            need has ninja -- ninja-build ninja ninja-build -
            need has pkg-config -- pkg-config pkg-config pkgconf-pkg-config pkgconf
            need has python3 -- python3 python3 python3 -
            need has_library libuv -- libuv1-dev libuv libuv-devel libuv
            need has_library lua5.4 lua-5.4 "lua >= 5.4" -- liblua5.4-dev lua lua-devel lua
            need has_library jansson -- libjansson-dev jansson jansson-devel jansson
            need has ip -- iproute2 - iproute -
            ;;
        test)
            need has_library criterion -- libcriterion-dev criterion criterion-devel -
            need has patch -- patch gpatch patch -
            need has_gnu_parallel -- parallel parallel parallel -
            ;;
        mutants)
            need has patch -- patch gpatch patch -
            ;;
        lint)
            need has clang-tidy -- clang-tidy llvm clang-tools-extra -
            need has clang-format -- clang-format clang-format clang-tools-extra -
            need has git -- git git git -
            need has pyflakes3 -- pyflakes3 - python3-pyflakes -
            ;;
        clang)
            need has clang -- clang llvm clang -
            ;;
        fuzz)
            if has clang; then
                need has_fuzzer -- "$(fuzzer_package)" llvm compiler-rt -
            else
                need has clang -- clang llvm "clang compiler-rt" -
            fi
            ;;
        valgrind)
            need has valgrind -- valgrind valgrind valgrind -
            ;;
        coverage)
            need has lcov -- lcov lcov lcov -
            ;;
        interop)
            need has_venv -- python3-venv python3 python3 -
            ;;
        maven)
            need has mvn -- maven maven maven -
            ;;
        big-endian)
            need has s390x-linux-gnu-gcc -- gcc-s390x-linux-gnu - gcc-s390x-linux-gnu -
            need has qemu-s390x -- qemu-user qemu qemu-user -
            ;;
        *)
            echo "setup: no group '$group'" >&2
            exit 2
            ;;
        esac
    done
}
# There is another program of that name.
has_gnu_parallel() { [[ $(parallel --version 2>/dev/null </dev/null) == "GNU parallel"* ]]; }
has_venv() { has python3 && python3 -c 'import ensurepip, venv' 2>/dev/null; }
# Debian 12 and Ubuntu 23.04 moved the runtimes out of libclang-common-N-dev.
fuzzer_package() {
    local major
    major=$(clang_major)
    if ! has apt-cache || apt-cache show "libclang-rt-$major-dev" >/dev/null 2>&1; then
        echo "libclang-rt-$major-dev"
    else
        echo "libclang-common-$major-dev"
    fi
}

name_for_others() {
    echo "setup: this machine lacks something and has no apt-get to get it with. Please install"
    [ ${#missing_brew[@]} -eq 0 ] || echo "  macOS, Homebrew:  brew install ${missing_brew[*]}"
    [ ${#missing_dnf[@]} -eq 0 ] || echo "  Fedora, RHEL:     dnf install ${missing_dnf[*]}"
    [ ${#missing_vcpkg[@]} -eq 0 ] || echo "  vcpkg:            vcpkg install ${missing_vcpkg[*]}"
    echo "  (Debian, Ubuntu:  apt-get install ${missing_apt[*]})"
} >&2

updated=0
# as_root COMMAND..: runs it, or with --dry-run says it.
as_root() {
    local command=("$@")
    if [ "$(id -u)" -ne 0 ]; then
        if ! has sudo; then
            echo "setup: not root, and there is no sudo. Please run as root: $*" >&2
            return 1
        fi
        # Past sudo the environment is a fresh one.
        command=(sudo env DEBIAN_FRONTEND=noninteractive "$@")
    fi
    if [ "$dry_run" = 1 ]; then
        echo "would run: ${command[*]}"
        return
    fi
    DEBIAN_FRONTEND=noninteractive "${command[@]}" </dev/null
}
update_lists() {
    [ "$updated" = 0 ] || return 0
    updated=1
    as_root apt-get update -qq
}
install_packages() {
    local lists=${LR_APT_LISTS:-/var/lib/apt/lists} packages
    read -r -a packages <<<"${missing_apt[*]}"
    echo "setup: installing ${packages[*]}"
    # A fresh container has no lists at all; an old machine has some that name what is gone.
    if [ -z "$(find "$lists" -maxdepth 1 -name '*_Packages*' -print -quit 2>/dev/null)" ]; then
        update_lists
    fi
    if ! as_root apt-get install -y -qq --no-install-recommends "${packages[@]}"; then
        update_lists
        as_root apt-get install -y -qq --no-install-recommends "${packages[@]}"
    fi
}

check_cmake_version() {
    local version
    version=$(cmake --version | sed -n '1s/[^0-9]*\([0-9]*\.[0-9]*\).*/\1/p')
    [ "$(printf '3.21\n%s\n' "$version" | sort -V | head -n1)" = 3.21 ] && return
    echo "setup: cmake is $version, 3.21 or newer is needed (presets)" >&2
    exit 1
}

groups=("$@")
[ "${groups[*]}" = all ] && groups=(base test lint clang fuzz valgrind coverage interop big-endian)

# Twice, as only an installed clang tells which runtime belongs to it.
for round in 1 2; do
    find_missing "${groups[@]}"
    [ ${#missing_apt[@]} -gt 0 ] || break
    if ! has apt-get; then
        name_for_others
        exit 1
    fi
    install_packages
    [ "$dry_run" = 0 ] || exit 0
done
find_missing "${groups[@]}"
if [ ${#missing_apt[@]} -gt 0 ]; then
    echo "setup: still missing after the installation: ${missing_apt[*]}" >&2
    exit 1
fi
case " ${groups[*]} " in *" base "*) check_cmake_version ;; esac
