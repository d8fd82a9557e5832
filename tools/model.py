#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# model.py: checks tests/model/fleet.pml with spin: every configuration must hold, every seeded fault must be found.
# Usage: tools/model.py [word]   only the configurations and faults whose name has that word
import pathlib
import re
import subprocess
import sys
import tempfile

MODEL = pathlib.Path(__file__).resolve().parent.parent / "tests/model/fleet.pml"
MEMORY_MB = 3000
SECONDS = 240

# name: what may happen (docs/model.md); what is not named is as in the model.
CONFIGURATIONS = {
    "outage": "OUTAGES=1 MOVES=1",
    "two outages": "OUTAGES=2 MOVES=0",
    "two resumes": "OUTAGES=1 MOVES=2 EVENTS=1",
    "given id": "OUTAGES=1 MOVES=0 RETRIES=1",
    "hidden event": "OUTAGES=1 MOVES=1 HIDDEN=1",
    "lost tail": "OUTAGES=0 KILLS=1 MOVES=1",
    "restart": "OUTAGES=0 RESTARTS=1 MOVES=1",
    "start": "OUTAGES=1 MOVES=1 EVENTS=1 STARTED=0",
    "fence": "OUTAGES=1 MOVES=1 FENCE=1",
    "fence, lost tail, restart": "OUTAGES=0 KILLS=1 RESTARTS=1 MOVES=0 EVENTS=1 FENCE=1",
}

# fault (a macro of the model): the configuration in which it must be found.
FAULTS = {
    "FAULT_NO_GENERATION": "OUTAGES=1 MOVES=0",
    "FAULT_DRAIN_BEFORE_CATCHUP": "OUTAGES=1 MOVES=0",
    "FAULT_ALONE_AGAIN": "OUTAGES=0 MOVES=0",
    "FAULT_CHECK_ONE_ID": "OUTAGES=0 KILLS=1 MOVES=0 RETRIES=1 EVENTS=3",
    "FAULT_FOLLOWER_LATE": "OUTAGES=1 KILLS=1 MOVES=0 EVENTS=3",
    "FAULT_AHEAD_STAYS": "OUTAGES=0 KILLS=1 MOVES=1 FAULT_EPOCH_UNCHECKED",
    "FAULT_AHEAD_FOR_EVER": "OUTAGES=0 KILLS=1 RESTARTS=1 MOVES=1 EVENTS=1",
    "FAULT_PAST_PASSES": "OUTAGES=0 RESTARTS=1 MOVES=1",
    "FAULT_NO_LOCAL_DEDUPE": "OUTAGES=1 MOVES=0 RETRIES=1",
    "FAULT_DROP_DUPLICATE_EARLY": "OUTAGES=1 MOVES=0 RETRIES=1",
    "FAULT_BARE_PING": "OUTAGES=0 KILLS=1 MOVES=0",
    "FAULT_FENCES_READ_ONCE": "OUTAGES=0 KILLS=1 RESTARTS=1 MOVES=0 EVENTS=1 FENCE=1",
}


def check(name, words):
    """The number of errors (0 or 1), states and seconds; None instead of errors: not whole."""
    with tempfile.TemporaryDirectory(prefix="mcp-auth-model-") as folder:
        subprocess.run(["spin", "-a", *(f"-D{word}" for word in words.split()), str(MODEL)],
                       cwd=folder, check=True, stdout=subprocess.DEVNULL)
        # Optimizing what spin writes takes longer than it saves.
        subprocess.run(["cc", "-O0", "-w", "-DSAFETY", "-DCOLLAPSE", f"-DMEMLIM={MEMORY_MB}",
                        "-o", "pan", "pan.c"], cwd=folder, check=True)
        try:
            said = subprocess.run(["./pan", "-m100000"], cwd=folder, text=True, timeout=SECONDS,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
        except subprocess.TimeoutExpired:
            return None, 0, SECONDS, f"not whole after {SECONDS} s"
    errors = re.search(r"errors: (\d+)", said)
    states = re.search(r"(\S+) states, stored", said)
    seconds = re.search(r"elapsed time (\S+)", said)
    why = re.search(r"pan:1: (.*)", said)
    whole = errors and "max search depth" not in said and "Search not completed" not in said
    found = int(errors.group(1)) if errors and (whole or int(errors.group(1))) else None
    return (found, int(float(states.group(1))) if states else 0,
            float(seconds.group(1)) if seconds else 0.0, why.group(1) if why else "")


def main():
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    wrong = done = 0
    for name, words in CONFIGURATIONS.items():
        if word not in name:
            continue
        errors, states, seconds, why = check(name, words)
        done += 1
        wrong += errors != 0
        print(f"{'ok' if errors == 0 else 'WRONG':6} {name:28} {states:>9} states {seconds:6.1f} s"
              f"  {words}{'  ' + why if errors != 0 else ''}", flush=True)
    for name, words in FAULTS.items():
        if word not in name:
            continue
        errors, states, seconds, why = check(name, f"{words} {name}")
        done += 1
        wrong += not errors
        print(f"{'found' if errors else 'MISSED':6} {name:28} {states:>9} states {seconds:6.1f} s"
              f"  {words}", flush=True)
    print(f"model: {done - wrong} passed, {wrong} failed")
    return 1 if wrong or not done else 0


if __name__ == "__main__":
    sys.exit(main())
