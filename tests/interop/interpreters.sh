#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs the real CPythons in which the report is played: versions with the enum defect and without
# it, for Linux, and for Windows to run under wine. They come from Maven Central, 20 to 24 MB each.
#
#   3.7.3 3.7.7 3.7.9 3.9.2             with the defect, once getaddrinfo answers kind 0
#   3.9.6 3.10.2 3.11.3 3.13.0          without it
#   3.7.9-windows 3.9.2-windows         with it, as they are
#   3.9.6-windows                       without it
#   legacy-defective                    the Python that has the legacy TVM (setup.sh), with a copy of
#                                       its own enum.py that lacks the mend, and getaddrinfo answering kind 0
#
# They are written below build/interpreters (or LASTREF_INTERPRETERS_DIR), with a file `paths` that lists
# what there is, one NAME=COMMAND a line. wine gets configurations of its own there, never the user's.
#
# usage: interpreters.sh [--only NAME].. [--dir DIR] [--no-packages] [--check]
#
#   --only NAME     makes that one alone; may be repeated; the exit status speaks of those
#   --no-packages   installs none of Debian's packages (maven, unzip, wine64)
#   --check         makes nothing, only says what is there
#
# An interpreter counts only when its stamp names exactly what this script would make, and each one is
# made aside and moved into its place when it runs: a run that was cut short is taken up by the next one.
#
# exit status: 0 all that was asked for is there; 3 something is missing, and it was said what and
# why; 2 wrong usage; 4 the directory cannot be used.

set -u

readonly stamp_format=2
readonly wine_slots='1 2 3 4'
# NAME, version of the artifact, name of the executable
readonly interpreters='
3.7.3          3.7.3-1.5.1    bin/python3.7
3.7.7          3.7.7-1.5.3    bin/python3.7
3.7.9          3.7.9-1.5.4    bin/python3.7
3.9.2          3.9.2-1.5.5    bin/python3.9
3.9.6          3.9.6-1.5.6    bin/python3.9
3.10.2         3.10.2-1.5.7   bin/python3.10
3.11.3         3.11.3-1.5.9   bin/python3.11
3.13.0         3.13.0-1.5.11  bin/python3.13
3.7.9-windows  3.7.9-1.5.4    python.exe
3.9.2-windows  3.9.2-1.5.5    python.exe
3.9.6-windows  3.9.6-1.5.6    python.exe
legacy-defective - -
'

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 4
repository=$(cd "$here/../.." && pwd) || exit 4
dir=${LASTREF_INTERPRETERS_DIR:-$repository/build/interpreters}
tvm_dir=${LASTREF_TVM_DIR:-$repository/build/tvm}
kind_zero=$repository/mocks/pyclient/kind_zero.py
only=
packages=yes
check=no

usage() {
    sed -n 's/^# usage: /usage: /p' "${BASH_SOURCE[0]}"
}

say() {
    printf '%s\n' "interpreters: $*"
}

names() {
    awk 'NF { print $1 }' <<<"$interpreters"
}

# Column $2 of interpreter $1.
column() {
    awk -v name="$1" -v column="$2" '$1 == name { print $column }' <<<"$interpreters"
}

while [ $# -gt 0 ]; do
    case $1 in
    --only)
        names | grep -qxF -- "${2:-}" || { usage >&2; exit 2; }
        only="$only $2"
        shift
        ;;
    --dir) dir=${2:-}; shift ;;
    --no-packages) packages=no ;;
    --check) check=yes ;;
    --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
    esac
    shift || { usage >&2; exit 2; }
done
[ -n "$dir" ] || { usage >&2; exit 2; }

if [ $check = no ]; then
    mkdir -p "$dir" || exit 4
fi
[ -d "$dir" ] || { say "nothing there: $dir"; exit 3; }
dir=$(cd "$dir" && pwd) || exit 4

# A PYTHON* variable of the caller must not reach the interpreters.
unset PYTHONHOME PYTHONPATH PYTHONSTARTUP VIRTUAL_ENV

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

# ---- what the machine must have -------------------------------------------------------------------

find_wine() {
    local candidate
    for candidate in wine64 wine /usr/lib/wine/wine64; do
        command -v "$candidate" 2>/dev/null && return 0
    done
    return 1
}

has_all_programs() {
    command -v mvn >/dev/null 2>&1 && command -v unzip >/dev/null 2>&1 && find_wine >/dev/null
}

# Debian's packages of what is missing. What cannot be had is said by the interpreters that need it.
install_programs() {
    local wanted=()
    command -v mvn >/dev/null 2>&1 || wanted+=(maven)
    command -v unzip >/dev/null 2>&1 || wanted+=(unzip)
    find_wine >/dev/null || wanted+=(wine64)
    command -v apt-get >/dev/null 2>&1 || { say "no apt-get to install ${wanted[*]} with"; return 1; }
    local as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo -n)
    say "installing ${wanted[*]}"
    for attempt in lists-as-they-are lists-updated; do
        [ $attempt = lists-as-they-are ] ||
            ${as_root[@]+"${as_root[@]}"} apt-get update -qq >>"$dir/packages.log" 2>&1
        ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
            --no-install-recommends "${wanted[@]}" </dev/null >>"$dir/packages.log" 2>&1 && return 0
    done
    say "could not install ${wanted[*]} (log: $dir/packages.log)"
    return 1
}

# ---- interpreters ---------------------------------------------------------------------------------

platform_of() {
    case $1 in
    *-windows) echo windows-x86_64 ;;
    *) echo linux-x86_64 ;;
    esac
}

artifact_of() {
    echo "org.bytedeco:cpython:$(column "$1" 2):jar:$(platform_of "$1")"
}

# The text of interpreter $1's stamp.
stamp_text() {
    local source
    if [ "$1" = legacy-defective ]; then
        source=$(legacy_python)
        source="$source $("$source" -V 2>&1) $(cat "$here/defective.py" "$kind_zero" | cksum)"
    else
        source=$(artifact_of "$1")
    fi
    printf 'format=%s\nsource=%s\nplace=%s\n' $stamp_format "$source" "$dir"
}

is_made() {
    [ -f "$dir/$1/stamp" ] && [ "$(stamp_text "$1")" = "$(cat "$dir/$1/stamp")" ] || return 1
    case $1 in *-windows) has_wine_slots || return 1 ;; esac
    answers "$dir/$1/bin/python" "$1"
}

# Does command $1 start as a CPython of version $2 (or as any, for a name that is no version)?
answers() {
    local version=${2%-windows} said=
    # Through a pipe, as CPython for Windows refuses a plain file; and not to its end, as wine's server,
    # which stays for some seconds, has it open too.
    IFS= read -r said < <(LASTREF_WINE_SHARED=1 timeout 60 "$1" -c '
import platform, socket
print(platform.python_version())' </dev/null 2>&1 9>&-)
    said=${said%$'\r'}
    case $version in
    [0-9]*) [ "$said" = "$version" ] ;;
    *) case $said in [0-9]*.[0-9]*.[0-9]*) ;; *) false ;; esac ;;
    esac && return 0
    reason="it does not run: $said"
    return 1
}

# Fetches interpreter $1 and unpacks it as $2/tree.
unpack_tree() {
    local artifact jar
    artifact=$(artifact_of "$1")
    command -v mvn >/dev/null 2>&1 || { reason="Maven (mvn) is not installed"; return 1; }
    command -v unzip >/dev/null 2>&1 || { reason="unzip is not installed"; return 1; }
    mvn -q -B dependency:copy "-Dartifact=$artifact" "-DoutputDirectory=$2/jar" >>"$dir/$1.log" 2>&1 ||
        { reason="mvn could not get $artifact (log: $dir/$1.log)"; return 1; }
    jar=$(find "$2/jar" -name 'cpython-*.jar' | head -n 1)
    # Of the headers, the manuals and the library's own tests nothing is needed.
    unzip -q -o "$jar" "org/bytedeco/cpython/$(platform_of "$1")/*" -d "$2/jar" \
        -x '*/include/*' '*/share/*' '*/test/*' '*/idlelib/*' '*/ensurepip/*' >>"$dir/$1.log" 2>&1 &&
        mv "$2/jar/org/bytedeco/cpython/$(platform_of "$1")" "$2/tree" && rm -rf "$2/jar" ||
        { reason="cannot unpack $jar (log: $dir/$1.log)"; return 1; }
}

make_linux() {
    [ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || { reason="it is for x86-64 Linux"; return 1; }
    unpack_tree "$1" "$2" || return 1
    chmod +x "$2/tree/$(column "$1" 3)" && mkdir "$2/bin" || return 1
    sed "s|@EXECUTABLE@|$(column "$1" 3)|" >"$2/bin/python" <<'WRAPPER'
#!/bin/sh
tree=$(cd "$(dirname "$0")/../tree" && pwd) || exit 1
LD_LIBRARY_PATH=$tree:$tree/lib PYTHONHOME=$tree PYTHONDONTWRITEBYTECODE=1
export LD_LIBRARY_PATH PYTHONHOME PYTHONDONTWRITEBYTECODE
exec "$tree/@EXECUTABLE@" "$@"
WRAPPER
}

# wine's server belongs to a configuration, and all that use it share it and its sockets. So that an
# interpreter has one of its own, and can be killed with it, there are several: each start takes the
# first that is not locked, and the lock lasts as long as any process that was started with it. Who does
# not care for that sets LASTREF_WINE_SHARED: a server that runs already saves a second.
make_windows() {
    make_wine_slots || return 1
    unpack_tree "$1" "$2" || return 1
    mkdir "$2/bin" || return 1
    sed "s|@WINE@|$wine|; s|@SLOTS@|$wine_slots|; s|@WINE_DIR@|$dir/wine|" >"$2/bin/python" <<'WRAPPER'
#!/bin/sh
tree=$(cd "$(dirname "$0")/../tree" && pwd) || exit 1
WINEDEBUG=-all PYTHONDONTWRITEBYTECODE=1
export WINEPREFIX WINEDEBUG PYTHONDONTWRITEBYTECODE
if [ -n "${LASTREF_WINE_SHARED:-}" ]; then
    WINEPREFIX=@WINE_DIR@/shared
    exec "@WINE@" "$tree/python.exe" "$@"
fi
round=0
while [ $round -lt 100 ]; do # wine's server stays for some seconds
    for slot in @SLOTS@; do
        exec 8>"@WINE_DIR@/$slot/lock" || exit 1
        if flock -n 8; then
            WINEPREFIX=@WINE_DIR@/$slot
            exec "@WINE@" "$tree/python.exe" "$@"
        fi
    done
    sleep 0.1
    round=$((round + 1))
done
echo "all configurations of wine are in use" >&2
exit 1
WRAPPER
}

has_wine_slots() {
    local slot
    for slot in base shared $wine_slots; do
        [ -f "$dir/wine/$slot/system.reg" ] || return 1
    done
}

# One configuration is made by wine; the others have its files and a registry of their own.
make_wine_slots() {
    local base=$dir/wine/base slot
    wine=$(find_wine) || { reason="wine is not installed (Debian: package wine64)"; return 1; }
    has_wine_slots && return 0
    rm -rf "$dir/wine" && mkdir -p "$base" || return 1
    say "making a configuration of wine"
    WINEPREFIX=$base WINEDEBUG=-all WINEDLLOVERRIDES=mscoree,mshtml= \
        timeout 120 "$wine" wineboot -i </dev/null >"$dir/wine.log" 2>&1 9>&-
    WINEPREFIX=$base timeout 60 "$(find_wineserver)" -w >>"$dir/wine.log" 2>&1 9>&-
    [ -f "$base/system.reg" ] || { reason="wine does not start (log: $dir/wine.log)"; return 1; }
    link_copies "$base/drive_c/windows/system32"
    for slot in shared $wine_slots; do
        mkdir -p "$dir/wine/$slot/dosdevices" &&
            cp "$base"/*.reg "$base/.update-timestamp" "$dir/wine/$slot/" &&
            ln -s ../base/drive_c "$dir/wine/$slot/drive_c" &&
            ln -s ../drive_c "$dir/wine/$slot/dosdevices/c:" &&
            ln -s / "$dir/wine/$slot/dosdevices/z:" || { reason="cannot write $dir/wine"; return 1; }
    done
}

# Files in folder $1 that are mere copies of the installed wine's become links to those: 600 MB.
link_copies() {
    local folder file
    for folder in /usr/lib/*/wine/x86_64-windows /usr/lib*/wine/x86_64-windows; do
        for file in "$1"/*; do
            [ -f "$file" ] && [ ! -L "$file" ] && cmp -s "$folder/${file##*/}" "$file" &&
                ln -sf "$folder/${file##*/}" "$file"
        done
    done
}

find_wineserver() {
    local candidate
    for candidate in wineserver /usr/lib/wine/wineserver64 /usr/lib/wine/wineserver; do
        command -v "$candidate" 2>/dev/null && return 0
    done
    echo false
}

legacy_python() {
    sed -n 's/^legacy=//p' "$tvm_dir/paths" 2>/dev/null
}

make_defective() {
    local python
    python=$(legacy_python)
    [ -n "$python" ] || { reason="there is no legacy TVM (tests/interop/setup.sh)"; return 1; }
    mkdir -p "$2/modules" "$2/bin" || return 1
    "$python" "$here/defective.py" "$kind_zero" "$2/modules" >>"$dir/$1.log" 2>&1 ||
        { reason="$(tail -n 1 "$dir/$1.log")"; return 1; }
    sed "s|@PYTHON@|$python|" >"$2/bin/python" <<'WRAPPER'
#!/bin/sh
PYTHONPATH=$(cd "$(dirname "$0")/../modules" && pwd) PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH PYTHONDONTWRITEBYTECODE
exec "@PYTHON@" "$@"
WRAPPER
}

# Makes interpreter $1 aside, and moves it into its place when it runs there.
make_interpreter() {
    local name=$1 aside=$dir/.$1
    rm -rf "${aside:?}" "${dir:?}/$name" && mkdir -p "$aside" && : >"$dir/$name.log" ||
        { reason="cannot write $dir"; return 1; }
    case $name in
    *-windows) make_windows "$name" "$aside" ;;
    legacy-defective) make_defective "$name" "$aside" ;;
    *) make_linux "$name" "$aside" ;;
    esac || return 1
    chmod +x "$aside/bin/python" && answers "$aside/bin/python" "$name" || return 1
    stamp_text "$name" >"$aside/stamp" && mv "$aside" "$dir/$name"
}

set_up() {
    reason=
    if [ $check = yes ]; then
        is_made "$1" || { say "$1: not there"; return 1; }
    elif ! is_made "$1"; then
        make_interpreter "$1" || {
            say "$1: CANNOT BE HAD: ${reason:-cannot write $dir}"
            rm -rf "${dir:?}/.$1"
            return 1
        }
    fi
    say "$1: $dir/$1/bin/python"
}

write_paths() {
    local name
    for name in $(names); do
        [ -f "$dir/$name/stamp" ] && echo "$name=$dir/$name/bin/python"
    done >"$dir/paths.new"
    mv "$dir/paths.new" "$dir/paths"
}

lock
if [ $check = no ] && [ $packages = yes ] && ! has_all_programs; then
    install_programs
fi
missing=0
for name in ${only:-$(names)}; do
    set_up "$name" || missing=1
done
[ $check = yes ] || write_paths || exit 4
[ $missing = 0 ] || exit 3
