# SPDX-License-Identifier: Apache-2.0
# clients.py: the two kinds of client (plain and session), which keep every frame they received.
import asyncio
import json
import time

import websockets

from events import event
from tokens import mint, unique

SESSION = "mcp-auth.v1"
WAIT = 10


class Client:
    """Signs in as the guide's browser code does, unless told otherwise."""

    def __init__(self, ws, user):
        self.ws, self.user = ws, user
        self.frames, self.raw, self.changed = [], [], asyncio.Condition()
        self.ended = False
        self.reader = asyncio.ensure_future(self._read())

    @classmethod
    async def open(cls, server, token=None, session=False, position=None, subscribe=None,
                   headers=None,
                   origin=None, path="/ws", user=None, auth=True):
        ws = await asyncio.wait_for(websockets.connect(
            f"ws://127.0.0.1:{server.port}{path}", subprotocols=[SESSION] if session else None,
            ping_interval=None, compression=None, max_size=None, max_queue=None, close_timeout=5,
            extra_headers=headers, origin=origin), WAIT)
        self = cls(ws, user)
        if token is not None or (session and auth and headers):
            message = {"type": "auth"}
            if token is not None:
                message["token"] = token
            if position is not None:
                message["position"] = position
            if subscribe is not None:
                message["subscribe"] = subscribe
            await self.send(message)
        return self

    async def _read(self):
        try:
            async for text in self.ws:
                async with self.changed:
                    self.raw.append(text)
                    self.frames.append(json.loads(text))
                    self.changed.notify_all()
        except websockets.ConnectionClosed:
            pass
        finally:
            async with self.changed:
                self.ended = True
                self.changed.notify_all()

    async def send(self, message):
        await self.ws.send(message if isinstance(message, (str, bytes)) else json.dumps(message))

    @property
    def events(self):
        return [f for f in self.frames if f["type"] == "event"]

    @property
    def ids(self):
        return [f["id"] for f in self.events]

    @property
    def position(self):
        """Of the last auth_ok, event or heartbeat: what a client keeps (protocol, "Positions")."""
        return next(f["position"] for f in reversed(self.frames) if "position" in f)

    def of(self, kind):
        return [f for f in self.frames if f["type"] == kind]

    async def until(self, condition, what="a frame", seconds=WAIT):
        async with self.changed:
            end = time.monotonic() + seconds
            while not condition():
                left = end - time.monotonic()
                if self.ended or left <= 0:
                    raise AssertionError(
                        f"{self.user or 'client'}: {what} did not come; "
                        f"{f'closed {self.code} {self.reason}' if self.ended else 'open'}; "
                        f"got {self.frames[-5:]}")
                try:
                    await asyncio.wait_for(self.changed.wait(), left)
                except asyncio.TimeoutError:
                    pass

    async def frame(self, kind, count=1, seconds=WAIT):
        """The count-th frame of this type."""
        await self.until(lambda: len(self.of(kind)) >= count, f"{kind} number {count}", seconds)
        return self.of(kind)[count - 1]

    async def event(self, event_id, seconds=WAIT):
        await self.until(lambda: event_id in self.ids, f"event {event_id}", seconds)
        return next(f for f in self.events if f["id"] == event_id)

    async def signed_in(self):
        return await self.frame("auth_ok")

    @property
    def code(self):
        return self.ws.close_code

    @property
    def reason(self):
        return self.ws.close_reason

    async def closed(self, seconds=WAIT):
        await asyncio.wait_for(asyncio.shield(self.reader), seconds)
        return self.code, self.reason

    async def close(self):
        await self.ws.close()
        await self.reader


async def join(server, user, tenant=None, session=True, position=None, subscribe=None, token=None,
               **who):
    """A client that is signed in for certain."""
    token = token or mint(user, tenant, **who)
    client = await Client.open(server, token, session, position, subscribe, user=user)
    client.identity, client.token = (tenant, user), token
    if session:
        await client.signed_in()
    else:
        await is_in(server, client)
    return client


async def refused(server, token, session=False, position=None):
    """How a sign-in with this token ends: (code, reason). Nothing but `closing` may come before."""
    client = await Client.open(server, token, session, position)
    end = await client.closed()
    assert not client.events and not client.of("auth_ok"), client.frames
    return end


async def is_in(server, *clients):
    """Until plain clients are signed in too, which say nothing: an event of their own comes."""
    for client in clients:
        tenant, user = client.identity
        end = time.monotonic() + WAIT
        while True:
            probe = unique("probe")
            server.publish(event("user_updated", id=probe, user_id=user, tenant_id=tenant))
            try:
                await client.event(probe, 0.5)
                break
            except AssertionError:
                if client.ended or time.monotonic() > end:
                    raise


async def settle(server, tenant, *clients):
    """Publishes one event that every client sees and waits for it: what was published before and
    has not come by then never will (one order for all)."""
    users = sorted({client.user for client in clients})
    last = {user: unique("settle") for user in users}
    server.publish([event("user_updated", id=last[user], user_id=user, tenant_id=tenant)
                    for user in users])
    for client in clients:
        await client.event(last[client.user])


def without_probes(ids):
    return [i for i in ids if not i.startswith(("probe-", "settle-"))]
