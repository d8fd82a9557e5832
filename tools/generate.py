#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# generate.py: writes OUTDIR/protocol_lists.h, the lists of protocol/*.json as X-macros for C.
"""Usage: generate.py OUTDIR

The JSON files in protocol/ are the single source of event types, levels, close codes and error
codes. A mistake in them stops the build here, with its file and reason.
"""

import json
import pathlib
import re
import sys

PROTOCOL = pathlib.Path(__file__).resolve().parent.parent / "protocol"


class Mistake(Exception):
    """A list that C code could not be generated from."""


def load(name):
    try:
        return json.loads((PROTOCOL / name).read_text(encoding="utf-8"))
    except ValueError as error:
        raise Mistake(f"{name}: {error}") from error


def require(condition, words):
    if not condition:
        raise Mistake(words)


def quoted(text):
    """A C string literal; json.dumps escapes the same characters for printable ASCII."""
    require(text.isascii() and text.isprintable(), f"not printable ASCII: {text!r}")
    return json.dumps(text)


def unique(file, values):
    values = list(values)
    for value in values:
        require(values.count(value) == 1, f"{file}: {value!r} appears twice")


def macro(name, arguments, rows):
    lines = [f"/* X({arguments}) */", f"#define {name}(X) \\"]
    lines += [f"    X({row}) \\" for row in rows]
    lines[-1] = lines[-1][:-2]
    return "\n".join(lines) + "\n"


def event_types():
    file = "event_types.json"
    data = load(file)
    unique(file, data["families"])
    unique(file, (e["name"] for e in data["event_types"]))
    for event in data["event_types"]:
        require(re.fullmatch(r"[a-z]+(_[a-z]+)+", event["name"]), f"{file}: name {event['name']!r}")
        require(event["family"] in data["families"], f"{file}: family of {event['name']}")
        require(event["effect"] in ("none", "everything", "role", "permission"),
                f"{file}: effect of {event['name']}")
    yield macro("EVENT_FAMILY_LIST", 'NAME, "text"',
                (f"{name.upper()}, {quoted(name)}" for name in data["families"]))
    yield macro("EVENT_TYPE_LIST", 'NAME, "text", FAMILY, "default message, naming nobody"',
                (f"{e['name'].upper()}, {quoted(e['name'])}, {e['family'].upper()}, "
                 f"{quoted(e['message'])}" for e in data["event_types"]))
    yield macro("EVENT_EFFECT_LIST", "NAME, SCOPE: the default fence of each event type",
                (f"{e['name'].upper()}, {e['effect'].upper()}" for e in data["event_types"]))


def levels():
    data = load("levels.json")
    unique("levels.json", (level["name"] for level in data["levels"]))
    require(data["default"] in [level["name"] for level in data["levels"]],
            "levels.json: the default is no level")
    yield macro("LEVEL_LIST", 'NAME, rank, "text"',
                (f"{x['name']}, {x['rank']}, {quoted(x['name'])}" for x in data["levels"]))
    yield f"#define LEVEL_DEFAULT_NAME {data['default']}\n"


def close_codes():
    file = "close_codes.json"
    data = load(file)
    unique(file, (c["name"] for c in data["close_codes"]))
    for code in data["close_codes"]:
        require(any(r["first"] <= code["code"] <= r["last"] for r in data["ranges"]),
                f"{file}: {code['code']} is in no range")
        # RFC 6455 section 5.5: a control frame carries 125 bytes, two of them the code.
        require(len(code["reason"]) <= 123, f"{file}: the reason of {code['name']} is too long")
    yield macro("CLOSE_RANGE_LIST", 'NAME, "text", first, last',
                (f"{r['name'].upper()}, {quoted(r['name'])}, {r['first']}, {r['last']}"
                 for r in data["ranges"]))
    yield macro("CLOSE_LIST", 'code, NAME, "reason"',
                (f"{c['code']}, {c['name']}, {quoted(c['reason'])}" for c in data["close_codes"]))


def errors():
    data = load("errors.json")
    unique("errors.json", (e["code"] for e in data["errors"]))
    for error in data["errors"]:
        require(400 <= error["status"] <= 599, f"errors.json: status of {error['code']}")
    yield macro("ERROR_LIST", 'NAME, "snake_case", http_status, retryable, "meaning"',
                (f"{e['code'].upper()}, {quoted(e['code'])}, {e['status']}, "
                 f"{'true' if e['retryable'] else 'false'}, {quoted(e['meaning'])}"
                 for e in data["errors"]))


def header():
    parts = [
        "/* SPDX-License-Identifier: Apache-2.0 */\n"
        "/* protocol_lists.h: generated from protocol/ by tools/generate.py; do not edit. */\n"
        "#ifndef PROTOCOL_LISTS_H\n#define PROTOCOL_LISTS_H\n"]
    for make in (event_types, levels, close_codes, errors):
        parts += make()
    return "\n".join(parts + ["#endif\n"])


def main(arguments):
    if len(arguments) != 1 or arguments[0] in ("-h", "--help"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    try:
        text = header()
    except (Mistake, KeyError) as error:
        print(f"generate.py: protocol/{error}", file=sys.stderr)
        return 1
    target = pathlib.Path(arguments[0]) / "protocol_lists.h"
    target.parent.mkdir(parents=True, exist_ok=True)
    # An unchanged file keeps its time, so that nothing is compiled again for it.
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        target.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
