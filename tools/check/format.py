#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# format.py: the C files are as .clang-format writes them; with --write, makes them so.
import re
import shutil
import sys

import _tree

FOLDERS = ("src", "cli", "include", "tests", "fuzz", "bench", "examples")


def main():
    if not shutil.which("clang-format"):
        return _tree.report(["clang-format is not installed: tools/setup.sh test"])
    found = [_tree.name(path) for path in _tree.files(".c", ".h", under=FOLDERS)]
    if sys.argv[1:] == ["--write"]:
        return _tree.run(["clang-format", "-i", *found]).returncode
    answer = _tree.run(["clang-format", "--dry-run", *found])
    lines = re.findall(r"^(\S+?):(\d+):\d+: (?:warning|error)", answer.stderr, re.MULTILINE)
    first = {}
    for path, line in lines:
        first.setdefault(path, line)
    return _tree.report([f"{path}:{line}: not formatted: make format"
                         for path, line in sorted(first.items())])


if __name__ == "__main__":
    sys.exit(main())
