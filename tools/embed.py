#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# embed.py: writes the files of the page as C arrays, each with its type and its ETag.
"""Usage: embed.py OUT.c FILE..."""

import hashlib
import json
import pathlib
import sys

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webp": "image/webp",
}

HEAD = """/* SPDX-License-Identifier: Apache-2.0 */
/* embedded_assets.c: generated from web/ by tools/embed.py; do not edit. */
#include "api/embedded.h"
"""


def array(index, data):
    rows = [", ".join(str(byte) for byte in data[at:at + 24]) for at in range(0, len(data), 24)]
    # A zero at the end keeps an empty file a valid array; it is not counted.
    return f"static const unsigned char asset_{index}[] = {{\n    " + ",\n    ".join(rows + ["0"]) + "};\n"


def row(index, path, data):
    # The name is what the browser asks for after the slash: "index.html" is also "/".
    # RFC 9110 section 8.8.3: a strong ETag, equal only for equal bytes.
    tag = '"' + hashlib.sha256(data).hexdigest()[:32] + '"'
    return (f"    {{{json.dumps(path.name)}, {json.dumps(TYPES[path.suffix])}, {json.dumps(tag)}, "
            f"{{(const char *)asset_{index}, {len(data)}}}}},")


def main(arguments):
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    paths = [pathlib.Path(name) for name in arguments[1:]]
    unknown = [str(path) for path in paths if path.suffix not in TYPES]
    if unknown:
        print(f"embed.py: no content type known for {', '.join(unknown)}", file=sys.stderr)
        return 1
    parts, rows = [HEAD], []
    for index, path in enumerate(paths):
        data = path.read_bytes()
        parts.append(array(index, data))
        rows.append(row(index, path, data))
    # The empty row ends the list, and keeps it an array when there is no file.
    rows.append("    {0},")
    parts.append("const struct embedded_asset embedded_assets[] = {\n" + "\n".join(rows) + "\n};\n")
    parts.append(f"const unsigned embedded_assets_count = {len(paths)};\n")
    pathlib.Path(arguments[0]).write_text("\n".join(parts), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
