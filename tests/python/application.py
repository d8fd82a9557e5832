# SPDX-License-Identifier: Apache-2.0
# application.py: an ASGI application served by a real server in a process of its own.
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

from serving import ROOT, SECRET, Server, clean_environment, free_port
from tokens import unique

APPS = pathlib.Path(__file__).resolve().parent / "apps"
EXAMPLES = ROOT / "examples"
PYTHON = os.environ.get("MCP_AUTH_PYTHON") or str(ROOT / "build/venv/newest/bin/python")

# What no orderly run of an application leaves in its log.
FAULTS = re.compile(r"Traceback \(most recent call last\)|ERROR: \w+Sanitizer|runtime error:|"
                    r"Assertion .* failed|Fatal Python error|was never awaited|"
                    r"Task was destroyed but it is pending|never retrieved")


def sanitizer():
    """What an extension built with AddressSanitizer needs, in a Python that is not."""
    if "sanitize" not in pathlib.Path(PYTHON).parent.parent.name:
        return {}
    library = subprocess.run(["gcc", "-print-file-name=libasan.so"], text=True, check=True,
                             stdout=subprocess.PIPE).stdout.strip()
    # Python itself keeps much until its end; what connections leave is measured in test_crowd.py.
    return {"LD_PRELOAD": library, "PYTHONMALLOC": "malloc",
            "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0",
            "UBSAN_OPTIONS": "print_stacktrace=1"}


SANITIZER = sanitizer()


def has(module):
    """Whether the environment under test has this module."""
    return subprocess.run([PYTHON, "-c", f"import {module}"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


def uvicorn(app, port, *more):
    return [PYTHON, "-m", "uvicorn", app, "--host", "127.0.0.1", "--port", str(port), *more]


def gunicorn(app, port, *more):
    worker = "uvicorn_worker" if has("uvicorn_worker") else "uvicorn.workers"
    return [PYTHON, "-m", "gunicorn", app, "-k", f"{worker}.UvicornWorker", "--bind",
            f"127.0.0.1:{port}", *more]


def hypercorn(app, port, *more):
    return [PYTHON, "-m", "hypercorn", app, "--bind", f"127.0.0.1:{port}", *more]


class Application(Server):
    """What tests/behaviour's clients take for a server: port, publish, stats, log.

    The end is not judged by its status (each ASGI server has its own), but by its log."""

    def __init__(self, env=None, app="service:app", server=uvicorn, arguments=(), folder=APPS):
        self.port, self.lines, self.output, self.threads = free_port(), [], [], []
        self.stopped, self.expected_status = False, None
        settings = {"MCP_AUTH_JWT_SECRET": SECRET, "PYTHONUNBUFFERED": "1",
                    "PYTHONFAULTHANDLER": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        settings.update(SANITIZER)
        settings.update(env or {})
        self.process = subprocess.Popen(server(app, self.port, *map(str, arguments)), cwd=folder,
                                        env=clean_environment(**settings),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        thread = threading.Thread(target=self._collect, args=(self.process.stdout, self.lines),
                                  daemon=True)
        thread.start()
        self.threads.append(thread)

    def wait_ready(self, path="/realtime", seconds=40):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.alive(), f"it ended with {self.process.returncode}:\n{self.log}"
            try:
                if self.request("GET", path, seconds=5).status < 500:
                    return self
            except OSError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"not ready within {seconds} s:\n{self.log}")

    def post_json(self, path, content):
        return self.request("POST", path, json.dumps(content), None,
                            {"Content-Type": "application/json"})

    def publish(self, events):
        """Through notify_rbac_event; ids are given here, for it returns nothing."""
        many = events if isinstance(events, list) else [events]
        named = [{"id": unique("event"), **event} for event in many]
        answer = self.post_json("/publish", named)
        assert answer.status == 200, (answer, self.log[-3000:])
        made = [{"id": event["id"]} for event in named]
        return made if isinstance(events, list) else made[0]

    def stats(self):
        answer = self.request("GET", "/realtime")
        assert answer.status == 200, answer
        return answer.json()

    def set(self, **limits):
        return self.post_json("/limits", limits)

    def judge(self):
        assert not FAULTS.search(self.log), self.log[-12000:]

    def children(self):
        """The process and all below it, as ids."""
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    content = pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text()
                    todo += map(int, content.split())
            except OSError:
                pass
        return found

    def stop(self, number=signal.SIGTERM):
        if not self.stopped:
            below = self.children()
            if self.alive():
                self.signal(number)
            self.wait_end(20)
            left = [pid for pid in below if pathlib.Path(f"/proc/{pid}/exe").exists()]
            assert not left, f"processes {left} are left\n{self.log[-3000:]}"
        self.judge()

    def discard(self):
        for pid in self.children():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(5)

