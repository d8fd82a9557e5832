#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# start.sh: starts nginx with a /var/lib/nginx of its own, which Debian's build wants to exist.
# Usage: start.sh NGINX FOLDER    The folder is made in a mount namespace: the system's stays alone.
set -eu
as_root=
[ "$(id -u)" = 0 ] || as_root=--map-root-user
# shellcheck disable=SC2016 # expanded in the shell inside
exec unshare $as_root --mount sh -c '
    mount -t tmpfs none /var/lib
    mkdir /var/lib/nginx
    exec "$1" -p "$2" -c "$2/nginx.conf"
' sh "$1" "$2"
