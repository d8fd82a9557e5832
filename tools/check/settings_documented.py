#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# settings_documented.py: docs/settings.md and the settings table have the same names.
"""Usage: settings_documented.py [PROGRAM]

With the built program its own list (`config --names`) is compared; without, the rows of
src/node/settings*.c.
"""
import re
import sys

import _tree

NAME = r"(?:WEBSOCKET|MCP_AUTH|REDIS)_[A-Z0-9_]+"


def documented():
    text = _tree.text(_tree.ROOT / "docs" / "settings.md")
    return set(re.findall(rf"^\| `({NAME})` \|", text, re.MULTILINE))


def in_source():
    found = set()
    for path in _tree.files(".c", ".h", under=("src/node",)):
        if path.stem.startswith("settings"):
            found |= set(re.findall(rf'\{{"({NAME})",\s*"--', _tree.text(path)))
    return found


def from_program(program):
    answer = _tree.run([program, "config", "--names"])
    if answer.returncode != 0:
        sys.exit(f"{program} config --names: {answer.stderr.strip() or answer.returncode}")
    return set(answer.stdout.split())


def main():
    known = from_program(sys.argv[1]) if len(sys.argv) > 1 else in_source()
    # A secret NAME may also come as NAME_FILE, which the program does not list by itself.
    written = {n for n in documented() if not (n.endswith("_FILE") and n[:-5] in known)}
    if not known:
        return _tree.report(["no setting was found in src/node/settings*.c"])
    mistakes = [f"{n}: a setting that docs/settings.md does not name" for n in sorted(known - written)]
    mistakes += [f"{n}: docs/settings.md names it, the program does not" for n in sorted(written - known)]
    return _tree.report(mistakes)


if __name__ == "__main__":
    sys.exit(main())
