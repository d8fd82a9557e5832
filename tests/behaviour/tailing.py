# SPDX-License-Identifier: Apache-2.0
# tailing.py: runs `mcp-auth tail` beside a test and keeps every line it writes.
import json
import subprocess
import threading
import time

from serving import REPORTS, clean_environment, program
from tokens import mint


class Lines:
    """A program that writes lines; both its outputs are read at once, so that it never blocks."""

    def __init__(self, command, stdin=subprocess.DEVNULL, **env):
        self.out, self.notes = [], []
        self.process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=clean_environment(**env))
        self.threads = [threading.Thread(target=self._read, args=pair, daemon=True) for pair in
                        ((self.process.stdout, self.out), (self.process.stderr, self.notes))]
        for thread in self.threads:
            thread.start()

    @staticmethod
    def _read(pipe, lines):
        for line in iter(pipe.readline, b""):
            lines.append(line.decode(errors="replace").rstrip("\n"))

    @property
    def events(self):
        return [json.loads(line) for line in list(self.out)]

    @property
    def ids(self):
        return [event["id"] for event in self.events]

    def _until(self, condition, what, seconds):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"{what} did not come: {self.out[-5:]} {self.notes[-8:]}"
            time.sleep(0.02)

    def note(self, word, count=1, seconds=15):
        self._until(lambda: sum(word in n for n in self.notes) >= count, f"note {word!r}", seconds)

    def id(self, event_id, seconds=15):
        self._until(lambda: event_id in self.ids, f"event {event_id}", seconds)

    def line(self, word, seconds=15):
        self._until(lambda: any(word in line for line in self.out), f"line {word!r}", seconds)

    def end(self, seconds=15):
        status = self.process.wait(seconds)
        for thread in self.threads:
            thread.join(5)
        assert not REPORTS.search("\n".join(self.notes)), "\n".join(self.notes)
        return status

    def interrupt(self, number, seconds=15):
        self.process.send_signal(number)
        return self.end(seconds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(5)


def tail(server, user, *arguments, json_lines=True, token=None, tenant=None, **who):
    token = token or mint(user, tenant, **who)
    return Lines([program(), "tail", "--url", server.url, "--token", token,
                  *(["--json"] if json_lines else []), *map(str, arguments)])


def following(server, user, *arguments, **more):
    """One that is signed in for certain."""
    started = tail(server, user, *arguments, **more)
    started.note("following")
    return started
