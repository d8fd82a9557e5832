#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run.py: what an event costs for 1,000 ASGI sockets beside a bare loop, and how long a notify takes.
"""Usage: run.py [--sockets 1000] [--events 40] [--rounds 5] [--loop asyncio|uvloop] [--ws auto]

Run by the Python of an environment that has the package and uvicorn: tools/python_env.py prints it.
CPU time is that of all threads of the server's process, read from the kernel, from an event's
publication until the last of the sockets has received it; both applications take turns.
"""

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import os
import pathlib
import socket
import statistics
import struct
import subprocess
import sys
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
SECRET = "a-secret-of-64-bytes-for-figures-only-0123456789abcdef0123456789"

NOTIFY = """
import asyncio, json, statistics, time
from mcp_auth.realtime import RBACEvent, EventType, notify_rbac_event
async def main():
    events = [RBACEvent(event_type=EventType.ROLE_ASSIGNED, user_id="root", user_name="Root",
                        target_user_id="alice", role_name="editor",
                        message="Role editor assigned to user alice") for _ in range(200)]
    took = []
    for _ in range(100):
        for event in events:
            began = time.perf_counter_ns()
            await notify_rbac_event(event)
            took.append(time.perf_counter_ns() - began)
        await asyncio.sleep(0.02)
    took = sorted(took[2000:])
    print(json.dumps({"median": statistics.median(took) / 1000,
                      "p90": took[len(took) * 9 // 10] / 1000,
                      "p99": took[len(took) * 99 // 100] / 1000}))
asyncio.run(main())
"""


def token():
    def b64(content):
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    now = int(time.time())
    claims = json.dumps({"sub": "root", "roles": ["admin"], "iat": now - 60, "exp": now + 3600})
    signed = b64(b'{"alg":"HS256"}') + "." + b64(claims.encode())
    return signed + "." + b64(hmac.digest(SECRET.encode(), signed.encode(), hashlib.sha256))


def frame(text):
    """A client's text frame; a mask of zeros changes nothing."""
    content = text.encode()
    size = (bytes([0x80 | len(content)]) if len(content) < 126 else
            b"\xfe" + struct.pack(">H", len(content)))
    return b"\x81" + size + b"\0\0\0\0" + content


class Reader(asyncio.Protocol):
    """Counts bytes: every frame of one run is of one size."""

    def __init__(self, request, auth):
        self.request, self.auth = request, auth
        self.head, self.received = b"", -1

    def connection_made(self, transport):
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data):
        if self.received >= 0:
            self.received += len(data)
            return
        self.head += data
        if b"\r\n\r\n" in self.head:
            assert self.head.startswith(b"HTTP/1.1 101"), self.head
            self.received = 0
            self.transport.write(self.auth)


class Run:
    """One application in a process, and its sockets."""

    def __init__(self, app, options):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.app, self.count, self.readers = app, options.sockets, []
        environment = dict(os.environ, MCP_AUTH_JWT_SECRET=SECRET,
                           WEBSOCKET_MAX_CONNECTIONS=str(options.sockets + 10))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "apps:" + app, "--port", str(self.port), "--loop",
             options.loop, "--ws", options.ws, "--log-level", "error", "--ws-ping-interval", "900",
             "--ws-per-message-deflate", "false"],
            cwd=HERE, env=environment)

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            return answer.read().decode()

    async def open(self):
        for _ in range(200):
            try:
                await asyncio.to_thread(self.get, "/count")
                break
            except OSError:
                await asyncio.sleep(0.05)
        request = (f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nUpgrade: websocket\r\n"
                   "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                   "Sec-WebSocket-Version: 13\r\n\r\n").encode()
        auth = frame(json.dumps({"type": "auth", "token": token()}))
        loop = asyncio.get_running_loop()
        for begin in range(0, self.count, 50):
            made = await asyncio.gather(*(
                loop.create_connection(lambda: Reader(request, auth), "127.0.0.1", self.port)
                for _ in range(begin, min(self.count, begin + 50))))
            self.readers += [reader for _, reader in made]
        while int(await asyncio.to_thread(self.get, "/count")) < self.count:
            await asyncio.sleep(0.05)
        await self.event()
        self.size = self.readers[0].received  # of one frame
        assert all(reader.received == self.size for reader in self.readers)

    async def event(self):
        before = [reader.received for reader in self.readers]
        wanted = getattr(self, "size", 1)
        await asyncio.to_thread(self.get, "/one")
        end = time.monotonic() + 30
        while any(r.received < b + wanted for r, b in zip(self.readers, before)):
            assert time.monotonic() < end, "an event did not arrive"
            await asyncio.sleep(0.005)

    def cpu(self):
        """Nanoseconds of all threads."""
        folder = pathlib.Path(f"/proc/{self.process.pid}/task")
        return sum(int((task / "schedstat").read_text().split()[0]) for task in folder.iterdir())

    async def measure(self, events):
        """Microseconds of CPU a socket and event."""
        before = self.cpu()
        for _ in range(events):
            await self.event()
        return (self.cpu() - before) / events / self.count / 1000

    def close(self):
        self.process.terminate()
        for reader in self.readers:
            reader.transport.abort()
        self.process.wait(30)


async def fan_out(options):
    runs = [Run("ours", options), Run("loop", options)]
    try:
        for run in runs:
            await run.open()
        ours, bare = runs
        if ours.size != bare.size:
            print(f"frames differ: {ours.size} and {bare.size} bytes", file=sys.stderr)
        pairs = []
        for n in range(options.rounds):
            order = [ours, bare] if n % 2 == 0 else [bare, ours]
            took = {run.app: await run.measure(options.events) for run in order}
            pairs.append((took["ours"], took["loop"]))
        ratios = [a / b for a, b in pairs]
        print(f"one event to {options.sockets} sockets ({options.loop}, ws {options.ws}): ours "
              f"{statistics.median(a for a, _ in pairs):.2f} us, the loop "
              f"{statistics.median(b for _, b in pairs):.2f} us of CPU a socket; ratio "
              f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")
    finally:
        for run in runs:
            run.close()


def notify(rounds):
    environment = dict(os.environ, MCP_AUTH_JWT_SECRET=SECRET)
    found = [json.loads(subprocess.run([sys.executable, "-c", NOTIFY], env=environment, text=True,
                                       check=True, stdout=subprocess.PIPE).stdout)
             for _ in range(rounds)]
    found.sort(key=lambda one: one["median"])
    middle = found[len(found) // 2]
    print(f"notify_rbac_event to queued: median {middle['median']:.1f} us, p90 {middle['p90']:.1f},"
          f" p99 {middle['p99']:.1f} (medians {found[0]['median']:.1f} to "
          f"{found[-1]['median']:.1f})")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--events", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--loop", default="asyncio")
    parser.add_argument("--ws", default="auto")
    options = parser.parse_args()
    notify(options.rounds)
    asyncio.run(fan_out(options))


if __name__ == "__main__":
    main()
