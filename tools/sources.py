#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# sources.py: compares the source lists of the meson.build files with the tree, or writes them.
"""Usage: sources.py [--write]

A list stands between `# begin PATTERN` and `# end`; the pattern is relative to the meson.build.
meson has no globs on purpose (a new file must make it configure again), so the lists are explicit,
and this keeps a forgotten file, above all a forgotten test, from going unnoticed.
"""

import os
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIST = re.compile(r"^( *)# begin (\S+)\n(.*?)^ *# end$", re.DOTALL | re.MULTILINE)


def listed(folder, pattern):
    # pathlib globs no "..", so the part before the first star's folder is walked to by hand.
    fixed = pattern.split("*")[0].rpartition("/")[0]
    tail = pattern[len(fixed):].lstrip("/")
    found = [p for p in (folder / fixed).resolve().glob(tail)
             if p.is_file() and not p.name.startswith(".")]
    return sorted(pathlib.Path(os.path.relpath(p, folder)).as_posix() for p in found
                  if p.name != "meson.build")


def renewed(path):
    def fill(match):
        indent, pattern = match[1], match[2]
        rows = "".join(f"{indent}'{name}',\n" for name in listed(path.parent, pattern))
        return f"{indent}# begin {pattern}\n{rows}{indent}# end"

    return LIST.sub(fill, path.read_text(encoding="utf-8"))


def main(arguments):
    write = arguments == ["--write"]
    if arguments and not write:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    stale = 0
    for folder in ("src", "cli", "tests", "fuzz", "bench"):
        path = ROOT / folder / "meson.build"
        text = renewed(path)
        if text == path.read_text(encoding="utf-8"):
            continue
        if write:
            path.write_text(text, encoding="utf-8")
            print(f"{path.relative_to(ROOT)}: written")
        else:
            print(f"{path.relative_to(ROOT)}: its list is not the tree's: tools/sources.py --write")
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
