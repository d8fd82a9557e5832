#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run_tests.py: runs every phase of the tests, times it, and ends with "N passed, N failed".
"""Usage: run_tests.py [--only PHASE] [--filter WORD]

Phases: checks unit sim oom tsan behaviour python chaos fuzz, each with the build it needs. A failed phase
does not stop the next ones: one run tells everything that is wrong.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
SANITIZE = ROOT / "build" / "sanitize"
TSAN = ROOT / "build" / "tsan"
CLOSING = re.compile(r"^(?:\w+: )?(\d+) passed, (\d+) failed", re.MULTILINE)

# The sanitizers' answers to a find: stop, with a stack. A test that waits for ever is one, too.
ENVIRONMENT = dict(
    os.environ,
    ASAN_OPTIONS="detect_leaks=1:abort_on_error=0:detect_stack_use_after_return=1",
    UBSAN_OPTIONS="print_stacktrace=1",
    TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1",
)


def execute(command, seconds, echo=True, environment=None):
    """(exit status, output); the output is shown as it comes."""
    process = subprocess.Popen([str(word) for word in command], cwd=ROOT, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
                               errors="replace", env=environment or ENVIRONMENT,
                               start_new_session=True)
    lines = []
    watchdog = subprocess.Popen(["/bin/sh", "-c", f"sleep {seconds}; kill -KILL -{process.pid}"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                start_new_session=True)
    try:
        for line in process.stdout:
            lines.append(line)
            if echo:
                print("  " + line, end="", flush=True)
        status = process.wait()
    finally:
        os.killpg(watchdog.pid, 9)
        watchdog.wait()
    if status < 0:
        print(f"  {command[0]}: ended by signal {-status} (the limit is {seconds} s)")
    return status, "".join(lines)


def build(kind, target):
    status, _ = execute(["sh", "tools/build.sh", kind, *(["--target", target] if target else [])],
                        2400)
    return (0, 0) if status == 0 else (0, 1)


def counted(command, seconds):
    """A program that closes with "N passed, N failed"; one that dies before is one failure."""
    status, output = execute(command, seconds)
    closing = CLOSING.findall(output)
    if not closing:
        print("  (no closing line: counted as one failure)")
        return 0, 1
    passed, failed = map(int, closing[-1])
    return passed, failed + (1 if status != 0 and failed == 0 else 0)


def checks(_):
    passed = failed = 0
    for path in sorted((ROOT / "tools" / "check").glob("*.py")):
        if path.name.startswith("_"):
            continue
        status, output = execute([PYTHON, path], 300, echo=False)
        print(f"  {'ok  ' if status == 0 else 'FAIL'} {path.stem}")
        if status:
            print("".join(f"       {line}\n" for line in output.splitlines()), end="")
        passed, failed = passed + (status == 0), failed + (status != 0)
    return passed, failed


def settings(_):
    """The settings of the built program against docs/settings.md."""
    status, _ = execute([PYTHON, "tools/check/settings_documented.py", SANITIZE / "mcp-auth"], 60)
    return (1, 0) if status == 0 else (0, 1)


def unit(word):
    return counted([SANITIZE / "tests" / "unit", *([word] if word else [])], 300)


def sim(word):
    return counted([SANITIZE / "tests" / "sim", *([word] if word else [])], 900)


def oom(word):
    return counted([SANITIZE / "tests" / "oom", *([word] if word else [])], 300)


def programs(folder, prefix):
    return sorted(p for p in folder.glob(prefix + "*") if p.is_file() and os.access(p, os.X_OK))


def tsan(word):
    passed = failed = 0
    found = [p for p in programs(TSAN / "tests", "tsan_") if not word or word in p.name]
    if not found:
        print("  no program to run")
        return 0, 1
    for program in found:
        status, output = execute([program], 300, echo=False)
        print(f"  {'ok  ' if status == 0 else 'FAIL'} {program.name}")
        if status:
            print(output[-8000:])
        passed, failed = passed + (status == 0), failed + (status != 0)
    return passed, failed


def behaviour(word):
    environment = dict(ENVIRONMENT, MCP_AUTH_BIN=str(SANITIZE / "mcp-auth"))
    return pytest(word, "tests/behaviour", 1800, environment)


def pytest(word, folder, seconds, environment, python=PYTHON, more=(), name=None, echo=True):
    report = ROOT / "build" / f"{name or pathlib.Path(folder).name}.xml"
    report.unlink(missing_ok=True)
    status, output = execute([python, "-m", "pytest", "-q", "-ra", "-p", "no:cacheprovider",
                              f"--junitxml={report}", *(["-k", word] if word else []), *more,
                              folder], seconds, echo=echo, environment=environment)
    if not echo:
        print(f"  {'ok  ' if status in (0, 5) else 'FAIL'} {name}", flush=True)
        if status not in (0, 5):
            print(output[-20000:])
    if not report.exists():
        return 0, 1
    passed = failed = 0
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        bad = int(suite.get("failures")) + int(suite.get("errors"))
        failed += bad
        passed += max(0, int(suite.get("tests")) - bad - int(suite.get("skipped")))
    return (passed, failed) if passed + failed or not echo else (0, 1)


# Environment -> tests that are not for it. Debian's mypy is older and slower than the annotations;
# an AddressSanitizer makes a crowd slow and a memory large.
PYTHON_ENVIRONMENTS = {
    "newest": [],
    "debian": ["test_typing.py", "test_crowd.py"],
    "newest sanitize": ["test_typing.py", "test_crowd.py"],
}


def python_environments():
    long = os.environ.get("MCP_AUTH_PYTHON_LONG") == "1"
    return [name for name in PYTHON_ENVIRONMENTS if long or not name.endswith("sanitize")]


def build_python(_):
    for name in python_environments():
        status, output = execute([PYTHON, "tools/python_env.py", *name.split()], 1200, echo=False)
        if status:
            print(output)
            return 0, 1
    return 0, 0


def python(word):
    """The Python package in each environment. Two runs at once: most of a test is waiting."""
    def outside(name):
        environment = dict(ENVIRONMENT, MCP_AUTH_BIN=str(SANITIZE / "mcp-auth"),
                           MCP_AUTH_PYTHON=str(interpreter(name)))
        return pytest(word, "tests/python", 1500, environment, name=f"python-{name}", echo=False,
                      more=[f"--ignore=tests/python/{file}" for file in PYTHON_ENVIRONMENTS[name]])

    def inside(name):
        return pytest(word, "tests/python/inside", 600, ENVIRONMENT, python=interpreter(name),
                      name=f"python-inside-{name}", echo=False,
                      more=["--confcutdir", "tests/python/inside"])

    def interpreter(name):
        return ROOT / "build" / "venv" / name.replace(" ", "-") / "bin" / "python"

    names = python_environments()
    runs = [(outside, name) for name in names]
    runs += [(inside, name) for name in names if not name.endswith("sanitize")]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(lambda run: run[0](run[1]), runs))
    passed, failed = map(sum, zip(*counts))
    return (passed, failed) if passed + failed else (0, 1)


# Always the same dice here; `make chaos` throws new ones, for longer.
CHAOS = [["--seconds", "45", "--seed", "1"], ["--seconds", "45", "--seed", "2"],
         ["--seconds", "30", "--seed", "3", "--lossy"]]


def chaos(word):
    """The checker by doctored records, and then three instances while everything fails."""
    environment = dict(ENVIRONMENT, MCP_AUTH_BIN=str(SANITIZE / "mcp-auth"))
    passed, failed = pytest("", "tests/chaos", 120, environment)
    for arguments in CHAOS:
        if word and word not in arguments:
            continue
        status, _ = execute([PYTHON, "tests/chaos/chaos.py", "--longest", "5", "--clients", "200",
                             *arguments], 300, environment=environment)
        passed, failed = passed + (status == 0), failed + (status != 0)
    return passed, failed


def fuzz(word):
    seconds = int(os.environ.get("FUZZ_SECONDS", "10"))
    passed = failed = 0
    for program in programs(SANITIZE / "fuzz", "fuzz_"):
        if word and word not in program.name:
            continue
        # New inputs go to build/; the seeds in the tree are only read.
        grown = ROOT / "build" / "corpus" / program.name
        finds = ROOT / "build" / "finds"
        seeds = [ROOT / "fuzz" / kind / program.name.removeprefix("fuzz_")
                 for kind in ("corpus", "regression")]
        for folder in (grown, finds):
            folder.mkdir(parents=True, exist_ok=True)
        status, output = execute(
            [program, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048",
             "-print_final_stats=1", "-verbosity=0", f"-artifact_prefix={finds}/{program.name}-",
             grown, *[s for s in seeds if s.is_dir()]], seconds + 120, echo=False)
        runs = re.search(r"number_of_executed_units:\s*(\d+)", output)
        print(f"  {'ok  ' if status == 0 else 'FAIL'} {program.name}: "
              f"{runs[1] if runs else '?'} inputs")
        if status:
            print(output[-8000:])
        passed, failed = passed + (status == 0), failed + (status != 0)
    return (passed, failed) if passed + failed else (0, 1)


# (name, what it belongs to, action). A build counts only when it fails.
PHASES = [
    ("checks", {"checks"}, checks),
    ("build sanitize", {"sim", "behaviour", "python", "chaos", "fuzz"}, lambda _: build("sanitize", None)),
    ("build unit", {"unit"}, lambda _: build("sanitize", "tests/unit")),
    ("settings", set(), settings),
    ("unit", {"unit"}, unit),
    ("sim", {"sim"}, sim),
    ("build oom", {"oom"}, lambda _: build("sanitize", "tests/oom")),
    ("oom", {"oom"}, oom),
    ("build tsan", {"tsan"}, lambda _: build("tsan", "tsan-tests")),
    ("tsan", {"tsan"}, tsan),
    ("behaviour", {"behaviour"}, behaviour),
    ("build python", {"python"}, build_python),
    ("python", {"python"}, python),
    ("chaos", {"chaos"}, chaos),
    ("fuzz", {"fuzz"}, fuzz),
]


def chosen(only):
    if not only:
        return [phase for phase in PHASES if phase[0] not in ("build unit", "build oom")]
    found = [phase for phase in PHASES if only in phase[1]]
    if not found:
        sys.exit(f"run_tests.py: no phase is called '{only}'")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", metavar="PHASE")
    parser.add_argument("--filter", metavar="WORD", default="")
    options = parser.parse_args()
    rows, began = [], time.monotonic()
    for name, _, action in chosen(options.only):
        print(f"== {name}", flush=True)
        start = time.monotonic()
        passed, failed = action(options.filter)
        rows.append((name, passed, failed, time.monotonic() - start))
        print(f"== {name}: {rows[-1][3]:.1f} s", flush=True)
    print()
    for name, passed, failed, seconds in rows:
        mark = "FAIL" if failed else "ok"
        print(f"  {name:<20} {seconds:7.1f} s  {passed:6} ok {failed:4} bad  {mark}")
    print(f"  {'all':<20} {time.monotonic() - began:7.1f} s")
    failed = sum(row[2] for row in rows)
    print(f"{sum(row[1] for row in rows)} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
