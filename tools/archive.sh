#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# archive.sh: makes the static library that is installed, in which only the public names are global.
# Usage: tools/archive.sh IN.a OUT.a CC [ARGUMENT...]
set -eu

in=$1 out=$2
shift 2
# Hidden visibility means nothing to a linker that is given the objects one by one: a host program
# with a log_write() of its own would not link. As one object they need no names among themselves.
"$@" -r -nostdlib -Wl,--whole-archive "$in" -Wl,--no-whole-archive -o "$out.o"
${OBJCOPY:-objcopy} --localize-hidden "$out.o"
rm -f "$out"
${AR:-ar} crsD "$out" "$out.o"
rm -f "$out.o"
