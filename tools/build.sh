#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# build.sh: configures build/KIND once and builds it; the kinds are release, sanitize, tsan, bench.
# Usage: tools/build.sh KIND [--prefix DIR] [--target NAME]
set -eu
cd "$(dirname "$0")/.."

kind=${1:-release}
[ $# -gt 0 ] && shift
prefix=
target=
while [ $# -gt 0 ]; do
    case "$1" in
    --prefix) prefix=$2 && shift 2 ;;
    --target) target=$2 && shift 2 ;;
    *) echo "build.sh: unknown argument '$1'" >&2 && exit 2 ;;
    esac
done

# CI makes a warning an error; a user with another compiler still gets a build.
werror=false
[ "${CI:-}" = true ] && werror=true

case "$kind" in
release) set -- --buildtype=release -Dtests=false ;;
bench) set -- --buildtype=release -Dbench=true ;;
sanitize)
    # Coverage for the fuzz targets is built in, so that one build serves unit, behaviour and fuzz.
    export CC=clang
    set -- --buildtype=debugoptimized -Doptimization=1 -Dtests=true -Dfuzz=true \
        -Db_sanitize=address,undefined -Db_lundef=false
    ;;
tsan)
    export CC=clang
    set -- --buildtype=debugoptimized -Doptimization=1 -Dtests=true -Db_sanitize=thread \
        -Db_lundef=false
    ;;
*) echo "build.sh: unknown kind '$kind'" >&2 && exit 2 ;;
esac
set -- "$@" "-Dwerror=$werror"
[ -n "$prefix" ] && set -- "$@" "--prefix=$prefix"

# meson in a virtual environment would run another Python; the system's tools come first.
PATH=/usr/bin:/bin:$PATH
export PATH
dir=build/$kind
if [ ! -f "$dir/build.ninja" ]; then
    rm -rf "$dir"
    mkdir -p build
    if ! meson setup "$dir" "$@" >"build/$kind-setup.log" 2>&1; then
        cat "build/$kind-setup.log" >&2
        exit 1
    fi
elif [ -n "$prefix" ]; then
    meson configure "$dir" "--prefix=$prefix"
fi
# A folder that was made without CI would let warnings pass.
if [ "$werror" = true ] && ! grep -q '"werror", "value": true' "$dir/meson-info/intro-buildoptions.json"; then
    meson configure "$dir" -Dwerror=true
fi
ninja --quiet -C "$dir" ${target:+"$target"}

# The echo server for outside suites has one name, whatever was built; release is the fast one.
if [ -x "$dir/tests/ws-echo" ] && { [ "$kind" = release ] || [ ! -e build/tests/ws-echo ]; }; then
    mkdir -p build/tests
    ln -sf "../$kind/tests/ws-echo" build/tests/ws-echo
fi
