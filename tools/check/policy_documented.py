#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# policy_documented.py: the default policy in docs/policy.md is that of protocol/event_types.json.
import json
import re
import sys

import _tree


def main():
    text = _tree.text(_tree.ROOT / "docs" / "policy.md")
    types = json.loads(_tree.text(_tree.ROOT / "protocol" / "event_types.json"))["event_types"]
    found = re.search(r"## The default, written out\n```json\n(.*?)```", text, re.DOTALL)
    if not found:
        return _tree.report(["docs/policy.md: the default is not there"])
    written = json.loads(found[1])
    expected = {
        "version": 1,
        "privacy": "full",
        "events": {
            t["name"]: {
                "receivers": ["admins"] if t["family"] == "system" else ["subject", "target", "admins"],
                "effect": t["effect"],
            }
            for t in types
        },
    }
    mistakes = []
    for name in sorted(set(written["events"]) | set(expected["events"])):
        if written["events"].get(name) != expected["events"].get(name):
            mistakes.append(f"docs/policy.md: {name} is not as in protocol/event_types.json")
    if {**written, "events": 0} != {**expected, "events": 0}:
        mistakes.append("docs/policy.md: version or privacy is not the default")
    return _tree.report(mistakes)


if __name__ == "__main__":
    sys.exit(main())
