#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# install.sh: installs peers by name from Debian, npm, pip or the Go modules into build/peers.
# Usage: bench/peers/install.sh all|NAME...    Nothing outside build/peers is written.
set -eu
cd "$(dirname "$0")/../.."
cache=$PWD/build/peers
mkdir -p "$cache"

with_npm() { # FOLDER PACKAGE
    mkdir -p "$1"
    npm install --silent --no-audit --no-fund --prefix "$1" "$2"
    node -e 'console.log(require(process.argv[1]).version)' \
        "$1/node_modules/$2/package.json" >"$1/version"
}

with_pip() { # FOLDER PACKAGE...
    folder=$1
    shift
    /usr/bin/python3 -m venv "$folder/venv"
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check "$@"
    "$folder/venv/bin/pip" freeze | grep -iE '^(fastapi|uvicorn|websockets|uvloop)=' |
        tr '\n' ' ' >"$folder/version"
}

# Unpacked, not installed: no service of that name is started, and no root is needed.
with_debian() { # FOLDER PACKAGE...
    folder=$1
    shift
    mkdir -p "$folder/deb"
    (cd "$folder/deb" && apt-get download "$@")
    for file in "$folder"/deb/*.deb; do
        dpkg-deb -x "$file" "$folder"
        dpkg-deb -f "$file" Package Version | sed 's/^[^:]*: //' | tr '\n' ' '
    done >"$folder/version"
}

with_go() { # FOLDER MODULE PROGRAM
    mkdir -p "$1"
    GOBIN=$1 GOPATH=$1/go GOFLAGS=-modcacherw go install "$2@latest"
    "$1/$3" version >"$1/version"
}

install_one() {
    folder=$cache/$1
    rm -rf "$folder"
    mkdir -p "$folder"
    case "$1" in
    bun) with_npm "$folder" bun ;;
    ws) with_npm "$folder" ws ;;
    fastapi) with_pip "$folder" fastapi uvicorn uvloop httptools websockets ;;
    nchan) with_debian "$folder" nginx libnginx-mod-nchan ;;
    centrifugo) with_go "$folder" github.com/centrifugal/centrifugo/v6 centrifugo ;;
    *) echo "install.sh: no peer is called '$1'" >&2 && return 2 ;;
    esac
    touch "$folder/installed"
}

[ $# -gt 0 ] || { echo "usage: bench/peers/install.sh all|NAME..." >&2 && exit 2; }
if [ "$1" = --one ]; then
    install_one "$2"
    exit
fi
sh tools/setup.sh peers
[ "$1" = all ] && set -- bun ws fastapi nchan centrifugo
status=0
for name; do
    # A shell of its own: in a condition, "set -e" would be off inside.
    if sh bench/peers/install.sh --one "$name" >"$cache/$name.log" 2>&1; then
        echo "$name: $(cat "$cache/$name/version")"
    else
        echo "$name: absent, it could not be installed: $(tail -n 1 "$cache/$name.log")"
        status=1
    fi
done
exit $status
