#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# length.py: files up to 500 lines, functions up to 60; older exceptions only shrink (ratchet.json).
"""Usage: length.py [--shrink]

ratchet.json names what was longer when the rule came, with its length. An entry may not grow, and
one that became shorter must be lowered (--shrink does it), so that the way back is closed. New
entries are not made by this script.
"""
import json
import sys

import _tree

FILE_LINES, FUNCTION_LINES = 500, 60
RATCHET = _tree.ROOT / "tools" / "check" / "ratchet.json"


def functions(path):
    """(name, lines) of each function: its brace stands alone in column 0, as .clang-format does."""
    lines = _tree.c_code(_tree.text(path)).splitlines()
    start = None
    for number, line in enumerate(lines):
        if line == "{":
            start = number
        elif line.startswith("}") and start is not None:
            head = start - 1
            while head > 0 and lines[head][:1].isspace():
                head -= 1
            yield lines[head].split("(")[0].split()[-1].lstrip("*"), number - start + 1
            start = None


def measured():
    """{key: (length, limit)} for everything that has a limit."""
    found = {}
    for path in _tree.files(".c", ".h", ".py", ".sh", ".lua",
                            under=("src", "cli", "include", "tests", "tools", "fuzz", "bench")):
        found[_tree.name(path)] = (len(_tree.text(path).splitlines()), FILE_LINES)
    for path in _tree.files(".c", ".h", under=("src", "cli")):
        for function, size in functions(path):
            found[f"{_tree.name(path)}:{function}"] = (size, FUNCTION_LINES)
    return found


def judge(found, ratchet):
    for key, (size, limit) in sorted(found.items()):
        if size > ratchet.get(key, limit):
            yield f"{key}: {size} lines, at most {ratchet.get(key, limit)}: is it still one concept?"
    for key, allowed in sorted(ratchet.items()):
        size, limit = found.get(key, (0, 0))
        if size <= limit or size < allowed:
            yield f"{key}: shorter than ratchet.json says: tools/check/length.py --shrink"


def shrunk(found, ratchet):
    return {key: min(allowed, found[key][0]) for key, allowed in ratchet.items()
            if key in found and found[key][0] > found[key][1]}


def main():
    found, ratchet = measured(), json.loads(_tree.text(RATCHET))
    if sys.argv[1:] == ["--shrink"]:
        ratchet = shrunk(found, ratchet)
        RATCHET.write_text(json.dumps(ratchet, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return _tree.report(list(judge(found, ratchet)))


if __name__ == "__main__":
    sys.exit(main())
