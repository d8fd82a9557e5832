#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# embed_scripts.py: writes the scripts that run inside Redis as C strings, each with its SHA-1.
"""Usage: embed_scripts.py OUT.c FILE.lua..."""

import hashlib
import json
import pathlib
import sys

HEAD = """/* SPDX-License-Identifier: Apache-2.0 */
/* embedded_scripts.c: generated from src/broker/scripts by tools/embed_scripts.py; do not edit. */
#include "broker/redis_scripts.h"

/* C99 promises 4095 characters to programs that go anywhere; ours goes where gcc or clang is. */
#pragma GCC diagnostic ignored "-Woverlength-strings"
"""


def shortened(text):
    """Without what only people read: comments of whole lines, indentation and empty lines. Redis keeps
    every script it was ever given, and gets each once a start."""
    lines = (line.strip() for line in text.splitlines())
    return "".join(line + "\n" for line in lines if line and not line.startswith("--"))


def main(arguments):
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    parts = [HEAD, "const struct redis_script redis_scripts[REDIS_SCRIPTS] = {"]
    for name in arguments[1:]:
        path = pathlib.Path(name)
        text = shortened(path.read_text(encoding="ascii"))
        # What EVALSHA asks for is the SHA-1 of the text.
        parts.append(f"    [REDIS_SCRIPT_{path.stem.upper()}] = {{\n"
                     f"        {{\"{hashlib.sha1(text.encode()).hexdigest()}\", 40}},")
        rows = "\n".join(f"         {json.dumps(line)}" for line in text.splitlines(keepends=True))
        parts.append(f"        {{{rows.lstrip()},\n         {len(text)}}},\n    }},")
    parts.append("};\n")
    pathlib.Path(arguments[0]).write_text("\n".join(parts), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
