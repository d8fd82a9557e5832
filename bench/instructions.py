#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# instructions.py: instructions of one targeted event, at few and at many connections, by callgrind.
"""Usage: instructions.py [--few N] [--many N] [--events N] [--out FILE]

What a run executes with N events is taken from what it executes with 4 N: the rest, start and
sign-ins too, falls out. Instructions do not depend on what else the machine does. Needs valgrind.
"""
import argparse
import json
import pathlib
import re
import shutil
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import arms  # noqa: E402
import figures  # noqa: E402

FOLDER = arms.ROOT / "build" / "bench-run"


def executed(connections, events):
    """Instructions of a whole life with these connections and events."""
    arm = arms.Arm(f"callgrind-{connections}-{events}", {
        "server": "host", "spread": "one", "timeout": 600000,
        "command": ["valgrind", "--tool=callgrind", "--callgrind-out-file={folder}/callgrind.out",
                    "{build}/bench/host", "{control_port}"]}, FOLDER)
    try:
        arm.start()
        figures.require_complete(arm.tell("connect", connections), arm.name)
        arm.tell("publisher")
        figures.require_complete(arm.tell("run", 1, events), arm.name)
        arm.server.send_signal(signal.SIGTERM)
        arm.server.wait(120)
    finally:
        arm.close()
    text = (arm.folder / "callgrind.out").read_text(errors="replace")
    return int(re.search(r"^(?:totals|summary): (\d+)", text, re.MULTILINE)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--few", type=int, default=100)
    parser.add_argument("--many", type=int, default=5000)
    parser.add_argument("--events", type=int, default=5000)
    parser.add_argument("--out")
    options = parser.parse_args()
    if not shutil.which("valgrind"):
        sys.exit("instructions.py: valgrind is not installed")
    each = {}
    for connections in (options.few, options.many):
        less = executed(connections, options.events)
        more = executed(connections, 4 * options.events)
        each[connections] = (more - less) / (3 * options.events)
        print(f"{connections} connections: {each[connections]:.0f} instructions an event",
              flush=True)
    ratio = each[options.many] / each[options.few]
    print(f"ratio {ratio:.3f}")
    if options.out:
        pathlib.Path(options.out).write_text(json.dumps(
            {"instructions": each, "ratio": ratio, "events": options.events}, indent=1) + "\n",
            encoding="utf-8")


if __name__ == "__main__":
    main()
