# SPDX-License-Identifier: Apache-2.0
# broker_probe.py: one broker in a process of its own: what it is told to do, and what it has said.
import os
import pathlib
import re
import subprocess
import threading
import time

import serving

WAIT_SECONDS = 20


def program():
    beside = pathlib.Path(serving.program()).resolve().parent / "tests" / "broker-probe"
    return os.environ.get("BROKER_PROBE_BIN") or str(beside)


class Probe:
    def __init__(self, *arguments):
        self.said, self.changed, self.tickets, self.read_upto = [], threading.Condition(), 0, 0
        self.process = subprocess.Popen(
            [program(), *map(str, arguments)], env=serving.clean_environment(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self._collect, daemon=True)
        self.reader.start()

    def _collect(self):
        for line in self.process.stdout:
            with self.changed:
                self.said.append(line.rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.said.append("over")
            self.changed.notify_all()

    def tell(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def wait(self, pattern, seconds=WAIT_SECONDS, after=None):
        """The match of the first line from `after` on (default: behind the last one waited for)."""
        at, until = self.read_upto if after is None else after, time.monotonic() + seconds
        with self.changed:
            while True:
                while at < len(self.said):
                    found = re.match(pattern, self.said[at])
                    at += 1
                    if found:
                        self.read_upto = at
                        return found
                    assert self.said[at - 1] != "over", self.story()
                left = until - time.monotonic()
                assert left > 0, f"no {pattern!r}:\n{self.story()}"
                self.changed.wait(left)

    def story(self):
        entries = [said for said in self.said if said.startswith("entry ")]
        return "\n".join([said for said in self.said if said not in entries[:-3]][-60:])

    def ready(self, **more):
        return self.wait("ready", **more)

    def publish(self, id, tenant="t", user="ann", given=False, size=10, count=1):
        """Returns the ticket; answer(ticket) waits for what comes of it."""
        self.tickets += 1
        self.tell("publish", self.tickets, id, tenant, user, int(given), size, count)
        return self.tickets

    def answer(self, ticket):
        """Numbers, a doubled event's negative; or ("conflict", index)."""
        words = self.wait(f"answer {ticket} (.*)", after=0)[1].split()
        if words[0] in ("conflict", "failed"):
            return words[0], int(words[1])
        return [int(word.split(":")[0]) for word in words]

    def checks(self, ticket):
        words = self.wait(f"answer {ticket} (.*)", after=0)[1].split()
        return [word.split(":")[1] for word in words]

    def entries(self):
        """{n: (id, tenant, size, check, kind)} of all that came."""
        with self.changed:
            lines = [line.split(" ") for line in self.said if line.startswith("entry ")]
        return {int(w[1]): (w[2], w[3], int(w[4]), w[5], w[6]) for w in lines}

    def wait_entry(self, n, **more):
        return self.wait(f"entry {n} ", after=0, **more)

    def stats(self):
        self.tell("stats")
        words = self.wait(r"stats (\d+) (\d+) (\d+) (\d+) (-?\d+)")
        return dict(zip(("entries", "last_n", "bytes", "cpu_us", "round_trip_ms"),
                        map(int, words.groups())))

    def stop(self):
        if self.process.poll() is None:
            try:
                self.tell("end")
                self.process.wait(20)
            except (BrokenPipeError, subprocess.TimeoutExpired):
                self.process.kill()
                self.process.wait()
        self.process.stdin.close()
        errors = self.process.stderr.read()
        assert self.process.returncode == 0 and not serving.REPORTS.search(errors), errors
