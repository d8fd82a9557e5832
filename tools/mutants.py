#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# mutants.py: puts one fault at a time into a copy of the tree; a named test must turn red.
"""Usage: mutants.py [WORD]     only the faults whose file or sentence holds WORD

The tree itself is never touched. Objects are kept, so that a fault costs what depends on its file.
Exits 1 when a fault survives, or when its old text does not stand exactly once in its file.
"""

import concurrent.futures
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The rooms of the core, and what else the simulation stands on.
ROOMS = ["base", "codec", "model", "wire", "auth", "history", "hub", "io", "broker"]
MORE = ["src/node/broadcast.c", "src/node/bus_outbox.c", "src/node/degraded.c",
        "src/node/degraded_known.c", "src/node/degraded_road.c", "src/node/degraded_send.c",
        "src/node/follow.c", "src/node/older.c", "src/front/text.c", "src/load/histogram.c",
        "src/load/tally.c"]
FLEET_MORE = [f"tests/sim/{name}.c" for name in ("frames", "mail", "seeds", "token")]
MORE_TESTS = ["tests/unit/node/test_broadcast.c", "tests/unit/node/test_broadcast_turns.c",
              "tests/unit/node/test_degraded.c", "tests/unit/node/test_degraded_known.c",
              "tests/unit/node/test_degraded_send.c", "tests/unit/node/test_follow.c",
              "tests/unit/node/test_older.c", "tests/unit/front/test_text.c",
              "tests/unit/load/test_histogram.c",
              "tests/unit/load/test_tally.c"]
LIBRARIES = ["-lcmocka", "-lssl", "-lcrypto", "-ljansson", "-lz", "-lhiredis", "-lpthread", "-lm"]
COMPILER = os.environ.get("CC", "cc").split()
FLAGS = ["-std=gnu11", "-O1", "-w", "-D_GNU_SOURCE", '-DMCP_AUTH_VERSION="mutant"']
SIM = ["--runs", "48"]
FLEET = ["--runs", "150"]
SECONDS = 120  # for one test program; one that hangs is red, too


class Copy:
    """A copy of the tree with its objects and three programs."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        for name in ("src", "include", "tests", "protocol", "tools"):
            shutil.copytree(ROOT / name, self.folder / name)
        (self.folder / "made").mkdir()
        (self.folder / "objects").mkdir()
        subprocess.run([sys.executable, "tools/generate.py", "made"], cwd=self.folder, check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run([sys.executable, "tools/embed_scripts.py", "made/embedded_scripts.c",
                        *sorted(str(p.relative_to(self.folder))
                                for p in (self.folder / "src/broker/scripts").glob("*.lua"))],
                       cwd=self.folder, check=True)
        self.core = sorted(str(p.relative_to(self.folder)) for room in ROOMS
                           for p in (self.folder / "src" / room).glob("*.c")) + MORE
        self.core.append("made/embedded_scripts.c")
        self.sim = sorted(str(p.relative_to(self.folder))
                          for p in (self.folder / "tests/sim").glob("*.c"))
        self.fleet = FLEET_MORE + sorted(str(p.relative_to(self.folder))
                                         for p in (self.folder / "tests/fleet").glob("*.c"))
        self.unit = sorted(str(p.relative_to(self.folder)) for room in ROOMS
                           for p in (self.folder / "tests/unit" / room).glob("*.c"))
        self.unit += MORE_TESTS + ["tests/unit/unit.c"]

    def object_of(self, source):
        return self.folder / "objects" / (source.replace("/", "_") + ".o")

    def compile(self, source):
        """Kept with its list of headers, and made again when any of them is newer."""
        made = self.object_of(source)
        listed = made.with_suffix(".d")
        if made.exists() and listed.exists():
            words = listed.read_text().replace("\\\n", " ").split()[1:]
            if all((self.folder / w).stat().st_mtime_ns <= made.stat().st_mtime_ns for w in words):
                return ""
        command = COMPILER + FLAGS + ["-Isrc", "-Iinclude", "-Imade", "-Itests/unit", "-MD", "-MF",
                                      str(listed), "-c", source, "-o", str(made)]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        return done.stderr if done.returncode else ""

    def build(self):
        """The compiler's complaint, or nothing."""
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            errors = [e for e in pool.map(self.compile, self.core + self.sim +
                                          self.fleet + self.unit) if e]
        if errors:
            return errors[0]
        for name, sources in (("sim", self.sim), ("fleet", self.fleet), ("unit", self.unit)):
            objects = [str(self.object_of(s)) for s in self.core + sources]
            done = subprocess.run(COMPILER + objects + LIBRARIES + ["-o", name], cwd=self.folder,
                                  capture_output=True, text=True)
            if done.returncode:
                return done.stderr
        return ""

    def is_red(self, test):
        program, _, word = test.partition(":")
        command = {"sim": ["./sim", *SIM], "fleet": ["./fleet", *FLEET]}.get(program,
                                                                            ["./unit", word])
        try:
            done = subprocess.run(command, cwd=self.folder, timeout=SECONDS,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  errors="replace")
        except subprocess.TimeoutExpired:
            self.why = "never ends"
            return True
        self.last = done.stdout[-1500:]
        self.why = next((line[:110] for line in done.stdout.splitlines()
                         if line.startswith(("seed ", "[  FAILED", program + ":"))),
                        f"status {done.returncode}")
        return done.returncode != 0


def faults(word):
    every = []
    for name in ("faults", "faults_fleet"):
        spec = importlib.util.spec_from_file_location(name, ROOT / f"tests/mutants/{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        every += module.FAULTS
    return [f for f in every if not word or word in f[0] or word in f[3]]


def try_fault(copy, fault):
    """(killed, what to say)"""
    name, old, new, sentence, tests = fault
    path = copy.folder / name
    text = path.read_text()
    if text.count(old) != 1:
        return False, f"{name}: its text stands there {text.count(old)} times, not once: {sentence}"
    path.write_text(text.replace(old, new))
    try:
        error = copy.build()
        if error:
            return False, f"{name}: does not compile: {sentence}\n{error[:800]}"
        for test in tests:
            if copy.is_red(test):
                return True, f"{name}: {sentence}: {test} is red: {copy.why}"
        return False, f"{name}: SURVIVES {', '.join(tests)}: {sentence}"
    finally:
        path.write_text(text)
        os.utime(path)  # newer than the object that has the fault


def main():
    chosen = faults(sys.argv[1] if len(sys.argv) > 1 else "")
    failed = 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Copy(folder)
        error = copy.build()
        if error:
            print(error[:4000])
            sys.exit("mutants: the tree as it is does not build")
        for test in sorted({test for fault in chosen for test in fault[4]}):
            if copy.is_red(test):
                print(copy.last)
                sys.exit(f"mutants: {test} is red without any fault")
        for fault in chosen:
            began = time.monotonic()
            killed, words = try_fault(copy, fault)
            failed += not killed
            print(f"{'ok  ' if killed else 'FAIL'} {words} ({time.monotonic() - began:.1f} s)",
                  flush=True)
    print(f"{len(chosen) - failed} passed, {failed} failed")
    sys.exit(1 if failed or not chosen else 0)


if __name__ == "__main__":
    main()
