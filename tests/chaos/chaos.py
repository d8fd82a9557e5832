#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# chaos.py: a fleet on Redis while everything around it fails; judged by what was seen from outside.
"""Usage: chaos.py [--seconds N] [--seed N] [--lossy] [--longest S] [--clients N] [--keep FILE]

Starts three instances, a redis-server, a few hundred clients and some publishers; kills, freezes
and cuts; heals; and lets checker.py judge the records. --lossy: with a standby, failovers that lose
a tail, and FLUSHALL. --judge FILE judges a kept record once more.
"""
import argparse
import asyncio
import collections
import pathlib
import random
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "behaviour")]

from checker import judge  # noqa: E402
from crowd import Crowd, People  # noqa: E402
from faults import Faults  # noqa: E402
from fleet import Fleet  # noqa: E402
from publishers import Enforcer, Publisher  # noqa: E402
from record import Record  # noqa: E402
from tasks import ended, within  # noqa: E402

HEAL_SECONDS = 60
MORE_SECONDS = 180  # for its begin, healing and settling
LAST = 3000  # characters of a finding: of a log, the end
SHOWN = 8  # findings of a rule that are printed


def options_of(words):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--lossy", action="store_true")
    parser.add_argument("--longest", type=float, default=30, help="seconds a fault may last")
    parser.add_argument("--clients", type=int, default=300)
    parser.add_argument("--publishers", type=int, default=5)
    parser.add_argument("--no-faults", action="store_true", help="the same people, in peace")
    parser.add_argument("--keep", metavar="FILE", help="the record, as JSON; logs beside it")
    parser.add_argument("--judge", metavar="FILE", help="judge a kept record, and start nothing")
    return parser.parse_args(words)


async def healed(fleet, log):
    """Everything is there again; the buses must become ok by themselves."""
    await asyncio.to_thread(fleet.heal)
    end, behind = time.monotonic() + HEAL_SECONDS, NAMES_UNKNOWN
    while behind and time.monotonic() < end:
        await asyncio.sleep(0.2)
        try:
            behind = await asyncio.to_thread(fleet.behind)
        except OSError as error:
            behind = [str(error)]
    if behind:
        fleet.record.crashed.append(f"bus not ok {HEAL_SECONDS} s after everything was: {behind}")
    log("healed" if not behind else f"not healed: {behind}")


NAMES_UNKNOWN = ["?"]


async def run(options, result, fleet):
    dice = random.Random(options.seed)
    began = time.monotonic()

    def log(text):
        print(f"  {time.monotonic() - began:7.1f} s  {text}", flush=True)

    def own():
        return random.Random(dice.getrandbits(32))

    people = People()
    crowd = Crowd(fleet, result, people, own(), options.clients)
    publishers = [Publisher(f"p{i}", fleet, result, people, own(), 4)
                  for i in range(options.publishers)]
    publishers.append(Enforcer("e", fleet, result, people, own(), 1))
    faults = Faults(fleet, own(), options.longest, log)
    await asyncio.to_thread(fleet.start)
    log("the fleet is up")
    crowd.start()
    await asyncio.sleep(2)
    publishing = [asyncio.ensure_future(p.run()) for p in publishers]
    watching = [asyncio.ensure_future(fleet.watch())] if options.lossy else []
    failing = [] if options.no_faults else faults.start()
    await asyncio.sleep(options.seconds)
    await ended(failing)
    await healed(fleet, log)
    await ended(publishing)
    # What was being sent when its publisher was ended may have been accepted: nobody was told.
    last = Publisher("last", fleet, result, people, own(), 1)
    await crowd.settle(last.settle)
    log("settled")
    await crowd.stop()
    await ended(watching)
    await asyncio.to_thread(fleet.read_stream)
    return faults


def tell(options, result, faults, seconds):
    attempts = [a for p in result.publications for a in p.attempts]
    connections = [x for c in result.clients for x in c.connections]
    closes = collections.Counter(x.closed[0] for x in connections if x.closed)
    print(f"  seed {options.seed}: {len(result.publications)} published in {len(attempts)} attempts, "
          f"{sum(bool(a.degraded) for a in attempts)} accepted without the bus; "
          f"{len(result.clients)} clients, {len(connections)} connections, "
          f"{sum(len(x.frames) for x in connections)} frames; closes {dict(closes)}; "
          f"faults {faults.count if faults else '-'}; judged in {seconds:.1f} s")


def judged(options, result, faults):
    began = time.monotonic()
    found = judge(result)
    tell(options, result, faults, time.monotonic() - began)
    by_rule = collections.defaultdict(list)
    for rule, text in found:
        by_rule[rule].append(text)
    for rule, texts in by_rule.items():
        print(f"  {rule}: {len(texts)}")
        for text in texts[:SHOWN]:
            print("    " + text[-LAST:].replace("\n", "\n    "))
    print(f"{'0 passed, 1 failed' if found else '1 passed, 0 failed'}", flush=True)
    return 1 if found else 0


def main(words=None):
    options = options_of(words)
    if options.judge:
        return judged(options, Record.load(options.judge), None)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 31)
    print(f"chaos: seed {options.seed}, {options.seconds:.0f} s"
          f"{', lossy' if options.lossy else ''}", flush=True)
    result = Record()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        fleet = Fleet(folder, result, options.seed, options.lossy)
        try:
            faults = asyncio.run(within(options.seconds + MORE_SECONDS,
                                        run(options, result, fleet)))
        except BaseException:
            fleet.stop(judge=False)
            raise
        fleet.stop()
    if options.keep:
        result.save(options.keep)
        for instance in fleet.instances:
            for name, server in instance.logs.items():
                pathlib.Path(f"{options.keep}.{name}.log").write_text(server.log)
    return judged(options, result, faults)


if __name__ == "__main__":
    sys.exit(main())
