#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# protocol.py: the JSON of protocol/ is well formed, and the schemas, lists and text agree.
import json

import _tree

PROTOCOL = _tree.ROOT / "protocol"


def load(name):
    return json.loads(_tree.text(PROTOCOL / name))


def enum_of(schema, name):
    return schema["$defs"][name]["enum"]


def check():
    for path in sorted(PROTOCOL.glob("**/*.json")):
        try:
            json.loads(_tree.text(path))
        except ValueError as error:
            yield f"{_tree.name(path)}: {error}"
            return
    types = [event["name"] for event in load("event_types.json")["event_types"]]
    levels = [level["name"] for level in load("levels.json")["levels"]]
    for name in ("client_messages.schema.json", "event.schema.json", "publish.schema.json"):
        if enum_of(load(name), "event_type") != types:
            yield f"protocol/{name}: its event types are not those of event_types.json"
    words = _tree.text(PROTOCOL / "PROTOCOL.md")
    troubles = _tree.text(_tree.ROOT / "docs" / "troubleshooting.md")
    for kind in types + levels:
        if kind not in words:
            yield f"protocol/PROTOCOL.md: {kind} is missing"
    for close in load("close_codes.json")["close_codes"]:
        if str(close["code"]) not in words:
            yield f"protocol/PROTOCOL.md: close code {close['code']} is missing"
        if f"{close['code']} `{close['reason']}`" not in troubles:
            yield f"docs/troubleshooting.md: {close['code']} `{close['reason']}` is missing"
    errors = [error["code"] for error in load("errors.json")["errors"]]
    if enum_of(load("server_frames.schema.json"), "error_code") != errors:
        yield "protocol/server_frames.schema.json: its error codes are not those of errors.json"


if __name__ == "__main__":
    _tree.main(lambda: list(check()))
