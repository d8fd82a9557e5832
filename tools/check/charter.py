#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# charter.py: every source file opens with its licence line, then says what it is for.
import re

import _tree

LICENSE = "SPDX-License-Identifier: Apache-2.0"
OPENING = {".c": "/* ", ".h": "/* ", ".py": "# ", ".sh": "# ", ".lua": "-- "}


def check():
    for path in _tree.files(*OPENING):
        lines = _tree.text(path).splitlines()
        if lines and lines[0].startswith("#!"):
            lines = lines[1:]
        opening = OPENING[path.suffix]
        if not lines or not lines[0].startswith(opening + LICENSE):
            yield f"{_tree.name(path)}: its first line is not '{opening}{LICENSE}'"
            continue
        charter = re.escape(opening) + re.escape(path.name) + r": \S"
        if len(lines) < 2 or not re.match(charter, lines[1]):
            yield f"{_tree.name(path)}: its second line is not '{opening}{path.name}: charter'"


if __name__ == "__main__":
    _tree.main(lambda: list(check()))
