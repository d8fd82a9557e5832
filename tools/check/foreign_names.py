#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# foreign_names.py: nothing in the tree depends on one developer's machine or one package host.
import re

import _tree

# Written in pieces, so that this file does not find itself.
HOSTS = [("pypi", "org"), ("pythonhosted", "org"), ("registry", "npmjs", "org"), ("crates", "io"),
         ("proxy", "golang", "org"), ("repo1", "maven", "org"), ("deb", "debian", "org"),
         ("security", "debian", "org")]
PATTERNS = [re.compile(r"\b" + r"\.".join(parts) + r"\b") for parts in HOSTS]
# A path of one machine. A path in a URL or below another folder is none.
PATTERNS.append(re.compile(r"(?<![\w./:-])/(?:" + "|".join(["wo" + "rk", "Us" + "ers"]) + r")/\w"))
BINARY = {".png", ".ico", ".webp", ".bin"}


def check():
    for path in _tree.files():
        if path.suffix in BINARY or "corpus" in path.parts or "regression" in path.parts:
            continue
        for number, line in enumerate(_tree.text(path).splitlines(), 1):
            for pattern in PATTERNS:
                match = pattern.search(line)
                if match:
                    yield f"{_tree.name(path)}:{number}: names {match[0]!r}"


if __name__ == "__main__":
    _tree.main(lambda: list(check()))
