#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run.py: runs scenarios, each server beside its limit and its peers, and keeps the results as JSON.
"""Usage: run.py [SCENARIO ...] [--all] [--quick] [--pairs N] [--peers NAME,...|all|none]
              [--nice N] [--out FILE]

A scenario is a file in bench/scenarios. All its servers run at once, one is loaded at a time, and
the order turns from pair to pair. Servers and clients are started anew a few times in between. A
run in which any frame is missing, doubled or of another size is failed, and said.
"""
import argparse
import atexit
import datetime
import json
import os
import pathlib
import platform
import signal
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import arms  # noqa: E402
import figures  # noqa: E402

PAIRS, QUICK_PAIRS, MEMORY_PAIRS, STARTS = 15, 6, 3, 3
SCENARIOS = arms.HERE / "scenarios"
FOLDER = arms.ROOT / "build" / "bench-run"


def output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False,
                              timeout=30).stdout.strip()
    except OSError:
        return ""


def machine():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    model = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {"cpu": model[0] if model else platform.machine(), "cores": os.cpu_count(),
            "kernel": platform.release(), "load_before": os.getloadavg(),
            "commit": output("git", "-C", str(arms.ROOT), "describe", "--always", "--dirty"),
            "compiler": output("cc", "--version").splitlines()[:1],
            "flags": build_flags()}


def peer_versions(names):
    found = {}
    for name in names:
        path = arms.CACHE / name / "version"
        if (arms.CACHE / name / "installed").exists():
            found[name] = path.read_text(encoding="utf-8").strip()
    return found


def build_flags():
    found = arms.BUILD / "compile_commands.json"
    if not found.exists():
        return ""
    for entry in json.loads(found.read_text()):
        if entry["file"].endswith("src/hub/fanout.c"):
            return " ".join(word for word in entry["command"].split()
                            if word.startswith(("-O", "-f", "-g", "-m", "-std", "-U", "-D_")))
    return ""


def scenario_named(name):
    path = pathlib.Path(name)
    if not path.exists():
        path = SCENARIOS / f"{name}.json"
    if not path.exists():
        sys.exit(f"run.py: no scenario is called {name!r}; there are "
                 + " ".join(sorted(p.stem for p in SCENARIOS.glob("*.json"))))
    return dict(json.loads(path.read_text(encoding="utf-8")), name=path.stem)


def portable(words):
    """A command as seen from the root of the tree, wherever that is."""
    return [word.replace(f"{arms.ROOT}/", "") for word in words]


def load(arm, unit):
    """One measured run of an arm: the client's answer, judged."""
    s = arm.settings
    if unit in ("connection", "memory"):
        before = arm.memory()
        answer = arm.tell("connect", s["connections"])
        time.sleep(s.get("rest_seconds", 0))
        answer["memory"] = arm.memory() - before
        figures.require_complete(answer, arm.name)
        arm.tell("disconnect")
        time.sleep(s.get("after_seconds", 0.2))
        return answer
    answer = arm.tell("run", s["rounds"], s["batch"], *([s["rate"]] if "rate" in s else []))
    figures.require_complete(answer, arm.name)
    figures.require_payload(answer, s.get("payload"))
    return answer


def ready(arm, unit):
    """Connects everybody, opens the publishing side, brings frames to their size, warms up."""
    arm.start()
    s = arm.settings
    if unit == "memory":
        return
    if unit == "connection":
        load(arm, unit)
        return
    figures.require_complete(arm.tell("connect", s["connections"]), arm.name)
    arm.tell("publisher")
    if s.get("payload"):
        arm.tell("calibrate", s["payload"])
    warm = arm.tell("run", s.get("warm", max(1, s["rounds"] // 4)), s["batch"])
    figures.require_complete(warm, arm.name)


class Bout:
    """One scenario: its arms, and what every pair gave."""

    def __init__(self, scenario, peers, pairs):
        self.scenario, self.unit = scenario, scenario["unit"]
        # Memory needs a fresh start each time, and hardly differs from one to the next.
        self.pairs = min(pairs, MEMORY_PAIRS) if self.unit == "memory" else pairs
        self.absent, self.failures, self.commands = {}, [], {}
        self.settings = {}
        common = {"payload": 310, **scenario.get("common", {})}
        wanted = dict(scenario["arms"])
        for peer in [p for p in scenario.get("peers", []) if p in peers]:
            wanted[peer] = {"server": peer}
        for name, own in wanted.items():
            try:
                arms.described(own["server"])
            except arms.Absent as why:
                self.absent[name] = str(why)
                continue
            self.settings[name] = arms.merged(common, own)
        self.answers = {name: [] for name in self.settings}

    def start(self):
        running = []
        for name, settings in self.settings.items():
            arm = arms.Arm(name, settings, FOLDER)
            try:
                ready(arm, self.unit)
            except (RuntimeError, figures.Failed) as why:
                self.failures.append(f"{name}: {why}")
                arm.close()
                continue
            except BaseException:
                for other in (arm, *running):
                    other.close()
                raise
            self.commands[name] = {"server": portable(arm.command),
                                   "client": portable(arm.client_command)}
            running.append(arm)
        return running

    def pair(self, number, running):
        turn = number % max(1, len(running))
        order = running[turn:] + running[:turn]
        got = dict.fromkeys(self.answers)
        for arm in order:
            try:
                got[arm.name] = load(arm, self.unit)
            except figures.Failed as why:
                self.failures.append(f"pair {number}: {why}")
            except RuntimeError as why:
                self.failures.append(f"pair {number}: {why}")
                running.remove(arm)
                arm.close()
        for name, answer in got.items():
            self.answers[name].append(answer)

    def run(self):
        starts = self.pairs if self.unit == "memory" else min(STARTS, self.pairs)
        done = 0
        for start in range(starts):
            running = self.start()
            try:
                while done < self.pairs * (start + 1) // starts:
                    self.pair(done, running)
                    done += 1
            finally:
                for arm in running:
                    arm.close()

    def result(self):
        values = {name: [figures.value(a, self.unit) if a else None for a in answers]
                  for name, answers in self.answers.items()}
        base = self.scenario["base"]
        found = {**{key: self.scenario.get(key)
                    for key in ("title", "order", "unit", "base", "target", "absolute")},
                 "settings": self.settings,
                 "commands": self.commands, "absent": self.absent, "failures": self.failures,
                 "arms": {}}
        for name in values:
            row = figures.compared(values[name], values[base])
            row["values"] = values[name]
            client = [a["client_cpu"] / a["wall"] for a in self.answers[name] if a and a["wall"]]
            row["client_busy"] = statistics.median(client) if client else None
            found["arms"][name] = row
        return found


def tell(result):
    for arm, row in result["arms"].items():
        value, ratio = row.get("value"), row.get("ratio")
        print(f"  {arm:12} " + (f"{value['median']:9.3f}" if value else "   no value")
              + (f"  ratio {ratio['median']:.3f} ({ratio['low']:.3f} to {ratio['high']:.3f})"
                 if ratio else "")
              + (f"  client {row['client_busy']:.0%}" if row["client_busy"] else "")
              + (f"  FAILED {row['failed']}" if row["failed"] else ""), flush=True)
    for name, why in result["absent"].items():
        print(f"  {name:12} absent: {why}")
    for why in result["failures"]:
        print(f"  failed: {why}")


def keep(results, out):
    """After every scenario: what was measured is not lost when a later one is interrupted."""
    results["machine"]["load_after"] = os.getloadavg()
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def end_tidily(*_):
    """As for ^C: the servers of the scenario under way are ended, too."""
    raise KeyboardInterrupt


def take_precedence(nice):
    """Children inherit it. Where the kernel groups processes by session, the group counts first."""
    os.setpriority(os.PRIO_PROCESS, 0, nice)
    group = pathlib.Path("/proc/self/autogroup")
    if group.exists():
        group.write_text(str(nice))
        atexit.register(group.write_text, "0")


def main():
    signal.signal(signal.SIGTERM, end_tidily)
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("scenarios", nargs="*")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--pairs", type=int)
    parser.add_argument("--peers", default="all")
    parser.add_argument("--nice", type=int, default=0,
                        help="priority of servers and clients: below 0 (needs root), other work\n"
                             "on the machine disturbs less, and is held up more")
    parser.add_argument("--out")
    options = parser.parse_args()
    if options.nice:
        take_precedence(options.nice)
    every = [p.stem for p in SCENARIOS.glob("*.json")]
    names = every if options.all or (options.quick and not options.scenarios) else options.scenarios
    scenarios = sorted(map(scenario_named, names), key=lambda s: s.get("order", 0))
    if options.quick and not options.scenarios:
        scenarios = [s for s in scenarios if s.get("quick")]
    if not scenarios:
        parser.error("which scenarios? " + " ".join(sorted(every)))
    known = sorted(p.parent.name for p in (arms.HERE / "peers").glob("*/peer.json"))
    peers = {"all": known, "none": []}.get(options.peers, options.peers.split(","))
    pairs = options.pairs or (QUICK_PAIRS if options.quick else PAIRS)
    now = datetime.datetime.now(datetime.timezone.utc)
    results = {"began": now.isoformat(timespec="seconds"), "machine": machine(),
               "peers": peer_versions(peers), "pairs": pairs, "nice": options.nice,
               "command": " ".join(portable(sys.argv)),
               "scenarios": {}}
    out = pathlib.Path(options.out or arms.ROOT / "build" / f"bench-{now:%Y%m%d-%H%M%S}.json")
    failed = False
    for scenario in scenarios:
        print(f"{scenario['name']}: {scenario['title']}", flush=True)
        bout = Bout(scenario, peers, pairs)
        bout.run()
        result = results["scenarios"][scenario["name"]] = bout.result()
        tell(result)
        failed |= bool(result["failures"])
        keep(results, out)
    print(f"kept in {out}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
