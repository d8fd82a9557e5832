# SPDX-License-Identifier: Apache-2.0
# serving.py: starts the real program on a free port, asks it over HTTP, stops it, judges its end.
import http.client
import json
import os
import pathlib
import pty
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SECRET = "a-secret-of-64-bytes-for-tests-only-0123456789abcdef0123456789ab"
API_KEY = "an-api-key-for-tests-only"
REPORTS = re.compile(
    r"(ERROR: \w+Sanitizer|runtime error:|SUMMARY: \w+Sanitizer|Assertion .* failed)")
START_SECONDS = 20
STOP_SECONDS = 15


def program():
    return os.environ.get("MCP_AUTH_BIN") or str(ROOT / "build" / "sanitize" / "mcp-auth")


HELD = []


def free_port():
    """A port that stays ours until this process ends. A bound socket that does not listen keeps the
    kernel from giving the port to another program, by bind(0) or as the near end of a connection;
    with SO_REUSEADDR it is in nobody's way who sets that too, as every server does."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", 0))
    HELD.append(s)
    return s.getsockname()[1]


def clean_environment(**more):
    """The process's own without what would configure a server, and with what the test says."""
    kept = {k: v for k, v in os.environ.items()
            if not k.startswith(("MCP_AUTH_", "WEBSOCKET_", "REDIS_"))}
    kept.setdefault("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0:"
                                    "detect_stack_use_after_return=1")
    kept.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    kept.update({k: str(v) for k, v in more.items() if v is not None})
    return kept


def run(*arguments, stdin="", seconds=30, env=None):
    """The program once, to its end: (status, stdout, stderr)."""
    done = subprocess.run([program(), *map(str, arguments)], input=stdin, text=True,
                          timeout=seconds,
                          capture_output=True, env=clean_environment(**(env or {})),
                          errors="replace")
    assert not REPORTS.search(done.stderr), done.stderr
    return done


def on_terminal(*arguments, stdout=None, env=None):
    """What the program shows on a terminal; its standard output goes elsewhere if told so."""
    ours, theirs = pty.openpty()
    done = subprocess.run([program(), *arguments], stdout=stdout or theirs, stderr=theirs,
                          env=clean_environment(**{"TERM": "xterm", **(env or {})}), timeout=30)
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:
        pass  # read to its end
    os.close(ours)
    assert done.returncode == 0, shown
    return shown


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json()["error"]

    def __repr__(self):
        return f"<{self.status} {self.body[:400]!r}>"


class Server:
    """One `mcp-auth serve`. Standard error is read at once by a thread, so that it never blocks."""

    def __init__(self, env=None, arguments=(), port=None, stderr=None, preexec=None):
        self.port = port or free_port()
        settings = {"MCP_AUTH_JWT_SECRET": SECRET, "MCP_AUTH_API_KEY": API_KEY,
                    "MCP_AUTH_LISTEN": f"127.0.0.1:{self.port}", "MCP_AUTH_WORKERS": 2}
        settings.update(env or {})
        self.lines, self.stopped, self.expected_status = [], False, 0
        self.process = subprocess.Popen(
            [program(), "serve", *arguments], env=clean_environment(**settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if stderr is None else subprocess.DEVNULL,
            stderr=subprocess.PIPE if stderr is None else stderr, preexec_fn=preexec,
            cwd=tempfile.gettempdir())
        self.output, self.threads = [], []
        if stderr is None:
            for pipe, lines in ((self.process.stderr, self.lines),
                                (self.process.stdout, self.output)):
                thread = threading.Thread(target=self._collect, args=(pipe, lines), daemon=True)
                thread.start()
                self.threads.append(thread)

    @staticmethod
    def _collect(pipe, lines):
        for line in iter(pipe.readline, b""):
            lines.append(line.decode(errors="replace").rstrip("\n"))

    @property
    def log(self):
        return "\n".join(self.lines)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self):
        return f"ws://127.0.0.1:{self.port}/ws"

    def alive(self):
        return self.process.poll() is None

    def wait_ready(self):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            assert self.alive(), f"serve ended with {self.process.returncode}:\n{self.log}"
            try:
                if self.request("GET", "/readyz", seconds=2).status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.03)
        raise AssertionError(f"not ready within {START_SECONDS} s:\n{self.log}")

    def wait_log(self, pattern, seconds=10):
        """The first line of the log that matches."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for line in list(self.lines):
                if re.search(pattern, line):
                    return line
            time.sleep(0.02)
        raise AssertionError(f"no line matches {pattern!r}:\n{self.log[-6000:]}")

    def request(self, method, path, body=None, token=None, headers=None, seconds=15):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            fields = dict(headers or {})
            if token:
                fields.setdefault("Authorization", f"Bearer {token}")
            connection.request(method, path, body=body, headers=fields)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def post(self, events, token=API_KEY, kind="application/json"):
        body = events if isinstance(events, (bytes, str)) else json.dumps(events)
        return self.request("POST", "/v1/events", body, token, {"Content-Type": kind})

    def publish(self, events, token=API_KEY):
        """The answers of an accepted batch (or of one event)."""
        answer = self.post(events, token)
        assert answer.status == 202, answer
        content = answer.json()
        assert content["accepted"] == len(content["events"])
        return content["events"] if isinstance(events, list) else content["events"][0]

    def stats(self, token=API_KEY):
        answer = self.request("GET", "/v1/stats", token=token)
        assert answer.status == 200, answer
        return answer.json()

    def wait_stats(self, seconds=10, **wanted):
        """Until each counter has its value; counters of several threads settle, not jump."""
        end = time.monotonic() + seconds
        while True:
            found = self.stats()
            if all(found[name] == value for name, value in wanted.items()):
                return found
            assert time.monotonic() < end, f"wanted {wanted}, found {found}"
            time.sleep(0.03)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def resident_kb(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    def signal(self, number):
        self.process.send_signal(number)

    def stand_still(self, seconds=10):
        """SIGSTOP, and every thread has stopped: what is sent from now on waits."""
        self.signal(signal.SIGSTOP)
        end = time.monotonic() + seconds
        for stat in pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/stat"):
            while stat.read_text().rpartition(") ")[2][0] != "T":  # proc(5)
                assert time.monotonic() < end, f"{stat}: not stopped within {seconds} s"
                time.sleep(0.001)

    def wait_end(self, seconds=STOP_SECONDS):
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait(5)
            raise AssertionError(f"did not end within {seconds} s:\n{self.log[-6000:]}") from None
        for thread in self.threads:
            thread.join(5)
        self.stopped = True
        return status

    def judge(self):
        """Nothing of a sanitizer or an assertion in the log, and an orderly end."""
        assert not REPORTS.search(self.log), self.log[-12000:]
        status = self.process.returncode
        assert status == self.expected_status, f"ended with {status}:\n{self.log[-6000:]}"

    def stop(self):
        if not self.stopped:
            if self.alive():
                self.signal(signal.SIGTERM)
            self.wait_end()
        self.judge()

    def discard(self):
        """After a failure: only gone."""
        if self.alive():
            self.process.kill()
        self.process.wait(5)
