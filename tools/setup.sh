#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# setup.sh: installs by apt what is missing to build and run, test or measure; nothing when all is there.
# Usage: tools/setup.sh run|test|model|bench|peers
set -eu

group=${1:-run}
build_packages="gcc libc6-dev meson ninja-build pkg-config libssl-dev libjansson-dev zlib1g-dev \
libcurl4-openssl-dev libhiredis-dev python3"
test_packages="clang g++ groff libclang-rt-14-dev clang-format libcmocka-dev curl python3-pytest \
python3-websockets python3-jwt python3-cryptography python3-requests python3-selenium chromium \
chromium-driver redis-server python3-redis"
# The Python package is built by Debian's tools and tested with Debian's FastAPI, beside the newest.
python_packages="python3-dev python3-venv python3-pip python3-setuptools python3-wheel \
python3-fastapi python3-pydantic python3-starlette python3-uvicorn python3-uvloop \
python3-httptools python3-wsproto gunicorn python3-hypercorn python3-httpx python3-dotenv"

case "$group" in
run) packages=$build_packages why="to build the server" ;;
test) packages="$build_packages $test_packages $python_packages" why="to build and test the server" ;;
model) packages="gcc libc6-dev python3 spin" why="to check the model" ;;
bench) packages="$build_packages util-linux" why="to measure the server" ;;
peers)
    packages="util-linux dpkg python3 python3-venv" why="to measure other servers"
    # A Node.js from elsewhere brings its npm, and Debian's would take its place.
    command -v npm >/dev/null 2>&1 || packages="$packages nodejs npm"
    ;;
*) echo "usage: tools/setup.sh run|test|model|bench|peers" >&2 && exit 2 ;;
esac

id= version=
if [ -r /etc/os-release ]; then
    id=$(. /etc/os-release && echo "${ID:-}")
    version=$(. /etc/os-release && echo "${VERSION_ID:-}")
fi

if [ "$id" != debian ] || [ "$version" != 12 ]; then
    # Names differ elsewhere; the build itself says which library it did not find.
    absent=
    needed="cc meson ninja pkg-config python3"
    [ "$group" = test ] && needed="$needed clang clang-format curl"
    for tool in $needed; do
        command -v "$tool" >/dev/null 2>&1 || absent="$absent $tool"
    done
    for library in libssl jansson zlib libcurl hiredis; do
        pkg-config --exists "$library" 2>/dev/null || absent="$absent $library"
    done
    [ -z "$absent" ] && exit 0
    echo "This is not Debian 12, so nothing is installed. Not found:$absent" >&2
    echo "On Debian 12 these packages are needed $why:" >&2
    echo "  $packages" >&2
    exit 1
fi

missing=
for package in $packages; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
done
[ -z "$missing" ] && exit 0

echo "Installing with apt, $why:$missing"
as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "Root rights are needed and sudo is not here. As root: apt-get install$missing" >&2
        exit 1
    fi
    as_root=sudo
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # the lists are words on purpose
if ! {
    $as_root apt-get update &&
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing
} >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "apt could not install:$missing" >&2
    echo "Is the network there? Try: ${as_root:+sudo }apt-get update && ${as_root:+sudo }apt-get install$missing" >&2
    exit 1
fi
