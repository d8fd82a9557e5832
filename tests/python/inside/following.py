# SPDX-License-Identifier: Apache-2.0
# following.py: a RealtimeClient in a test: how it is made, what it gives, and that it leaves nothing.
import asyncio
import gc
import json
import os
import signal
import time

from mcp_auth.client import RealtimeClient
from minting import mint

SECONDS = 15


def root(tenant, **more):
    """A token of an administrator, who sees all events of the tenant."""
    return mint("root", ["admin"], tenant_id=tenant, **more)


def http(proxy):
    return f"http://127.0.0.1:{proxy.port}"


class Following(RealtimeClient):
    """Comes back within tenths of seconds, and remembers what the two functions were called with."""

    def __init__(self, where, token, **more):
        self.gaps, self.controls, self.given, self.task = [], [], [], None
        settings = {"retry_first": 0.05, "retry_max": 0.2,
                    "on_gap": lambda *gap: self.gaps.append(gap),
                    "on_control": self.controls.append, **more}
        super().__init__(where if isinstance(where, str) else where.url, token, **settings)

    def of(self, kind):
        return [frame for frame in self.controls if frame["type"] == kind]

    def iterate(self):
        """Iterates in a task of its own from now on, to the end: then controls come by themselves."""
        async def all_of_it():
            try:
                async for event in self:
                    self.given.append(event)
            except Exception as error:
                self.given.append(error)

        self.task = asyncio.ensure_future(all_of_it())
        return self

    async def take(self, count=1, seconds=SECONDS):
        """The next events."""
        if self.task is None:
            return [await asyncio.wait_for(self.__anext__(), seconds) for _ in range(count)]
        await until(lambda: len(self.given) >= count, f"{count} of {self.given}", seconds)
        taken, self.given[:count] = self.given[:count], []
        return taken

    async def ids(self, count):
        return [event.id for event in await self.take(count)]

    async def error(self, seconds=SECONDS):
        """What ends it, when nothing else is given before."""
        if self.task is None:
            self.iterate()
        await asyncio.wait_for(self.task, seconds)
        error, = self.given
        return error


async def until(condition, what="", seconds=SECONDS):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.01)


async def live(client):
    await until(lambda: client.connected, "signed in")


async def signing_in(client, server, tenant):
    """Until the server has let it in, behind a proxy that is late: it has not heard of it yet."""
    def inside():
        answer = server.request("GET", "/v1/connections", token=root(tenant))
        return answer.json()["connections"]

    await until(inside, "let in")
    assert not client.connected


def kill(server):
    """As a machine that loses its power."""
    server.expected_status = -signal.SIGKILL
    server.signal(signal.SIGKILL)
    server.wait_end()


def publish(server, tenant, count=1, **more):
    """Their ids."""
    made = server.publish([{"event_type": "user_updated", "user_id": "u", "tenant_id": tenant,
                            "data": {"n": n}, **more} for n in range(count)])
    return [one["id"] for one in made]


def ask(server, tenant, path, **members):
    """What the tenant's administrator may do to others."""
    answer = server.request("POST", path, json.dumps(members), root(tenant),
                            {"Content-Type": "application/json"})
    assert answer.status == 200, answer


class Leftovers:
    """The tasks and sockets of this process that were not there when it was made."""

    def __init__(self):
        self.tasks, self.sockets = asyncio.all_tasks(), self._sockets()
        self.told = []  # what the loop has to say: an exception that nobody looked at
        asyncio.get_running_loop().set_exception_handler(lambda _, told: self.told.append(told))

    @staticmethod
    def _sockets():
        found = set()
        for name in os.listdir("/proc/self/fd"):
            try:
                link = os.readlink(f"/proc/self/fd/{name}")
            except OSError:
                continue
            if link.startswith("socket:"):
                found.add(link)
        return found

    def check(self):
        assert asyncio.all_tasks() <= self.tasks, asyncio.all_tasks() - self.tasks
        assert self._sockets() <= self.sockets
        gc.collect()
        assert not self.told, self.told
