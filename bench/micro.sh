#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# micro.sh: runs every small benchmark of build/bench, and says on what machine.
set -eu
cd "$(dirname "$0")/.."

echo "$(uname -srm), $(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
found=0
for program in build/bench/bench/micro_*; do
    [ -x "$program" ] && [ -f "$program" ] || continue
    found=1
    "$program"
done
[ "$found" = 1 ] || { echo "bench/micro.sh: nothing built in build/bench: make bench" >&2 && exit 1; }
