# SPDX-License-Identifier: Apache-2.0
# crowd.py: the clients of a run: they stay, drop, move between instances, and resume where they were.
import asyncio
import time

import record
import sse
import ws
from tasks import ended
from tokens import mint

NEWER = 20  # a token of the identity provider's clock, which is ahead: beyond fence and skew
NEVER_AGAIN = {4002, 4003}
FILTER = ["user_updated", "role_assigned", "policy_updated"]  # what all wait for at the end is in it
RENEWS = 0.02  # of a second's half, that a session client renews its token


class People:
    """The identity provider: who there is, and who is gone."""

    def __init__(self, tenants=("red", "blue"), users=24, administrators=6):
        self.tenants, self.gone = list(tenants), set()
        self.users = [f"user-{i}" for i in range(users)]
        self.mortal = self.users[:users // 4]  # these may be deleted, the next ones revoked
        self.revocable = self.users[users // 4:users // 2]
        self.roots = [f"root-{i}" for i in range(administrators)]
        self.demotable = self.roots[:administrators * 2 // 3]

    def roles(self, user):
        return [record.ADMIN] if user in self.roots else ["auditor"]


class Member:
    """One client. `restless`: how many seconds it stays on one connection, on average."""

    def __init__(self, crowd, client, streams, restless, dice):
        self.crowd, self.client, self.streams = crowd, client, streams
        self.restless, self.dice = restless, dice
        self.position, self.over, self.socket = None, False, None
        self.renewed = False
        self.seen_settle = None

    def on_frame(self, frame):
        self.position = frame.get("position", self.position)
        if frame.get("id", "").startswith("settle-"):
            self.seen_settle = frame["id"]

    def token(self):
        age = -NEWER if self.renewed else 120
        # All tokens are those of the first day, but for who was told to renew: a demoted
        # administrator's stays what it was.
        iat = time.time() + NEWER if self.renewed else self.crowd.began - 120
        return int(iat), mint(self.client.user, self.client.tenant, self.client.roles,
                              ["documents:read"], age=age, iat=int(iat))

    async def connect(self):
        """True when a connection has been made (and has ended)."""
        alive = self.crowd.fleet.alive()
        if not alive:
            return False
        instance = self.dice.choice(alive)
        name, (iat, token) = instance.incarnation, self.token()
        auth = {"type": "auth", "token": token}
        if self.position:
            auth["position"] = self.position
        if self.client.types:
            auth["subscribe"] = {"event_types": self.client.types}
        connection = record.Connection(name, time.time(), iat, self.position)
        loop = asyncio.get_running_loop()
        try:
            _, self.socket = await asyncio.wait_for(loop.create_connection(
                lambda: self._protocol(instance.port, auth, connection),
                "127.0.0.1", instance.port), 10)
        except (OSError, asyncio.TimeoutError):
            return False
        if instance.incarnation != name:  # whose connection this is cannot be told
            self.socket.abort()
            return False
        self.client.connections.append(connection)
        await self._stay(token)
        self._learn(connection.closed)
        return True

    def _protocol(self, port, auth, connection):
        if self.streams:
            return sse.Stream(port, auth, connection, self.on_frame)
        return ws.Socket(port, self.client.session, auth, connection, self.on_frame)

    async def _stay(self, token):
        renews = self.client.session and not self.streams
        ends = time.time() + self.dice.expovariate(1 / self.restless) + 0.2
        while not self.socket.done.done():
            if not self.crowd.settling and time.time() > ends:
                self.socket.abort()
            elif renews and self.dice.random() < RENEWS:
                self.socket.renew(token)
            await asyncio.wait([self.socket.done], timeout=0.5)

    def _learn(self, closed):
        code = closed[0] if closed else None
        if code in NEVER_AGAIN:
            self.over = True
        elif code == 4102:
            self.renewed = True
        elif code in (4301, 4302):
            self.position = None
        if (self.client.tenant, self.client.user) in self.crowd.people.gone and code == 4102:
            self.over = True  # no new token for who is no longer there

    async def live(self):
        await asyncio.sleep(self.dice.uniform(0, 2))
        while not self.over:
            await self.connect()
            await asyncio.sleep(self.dice.uniform(0.05, 1.0))


class Crowd:
    def __init__(self, fleet, result, people, dice, size):
        self.fleet, self.people, self.settling, self.began = fleet, people, False, time.time()
        self.members = []
        for number in range(size):
            tenant = people.tenants[number % len(people.tenants)]
            names = people.roots if number % 10 in (3, 6) else people.users
            user = names[number // len(people.tenants) % len(names)]
            session = number % 5 < 3
            client = record.Client(f"{tenant}/{user}/{number}", tenant, user, session,
                                   people.roles(user),
                                   FILTER if session and number % 7 == 0 else None)
            result.clients.append(client)
            # Some stay for the whole run.
            restless = 100000 if number % 4 == 0 else dice.uniform(2, 20)
            self.members.append(Member(self, client, number % 20 in (1, 11, 16), restless,
                                       type(dice)(dice.random())))

    def start(self):
        self.tasks = [asyncio.ensure_future(member.live()) for member in self.members]

    async def settle(self, publish, rounds=4, seconds=15):
        """Everybody who is still here gets an event that is behind all others."""
        self.settling = True
        number = 0
        for number in range(rounds):
            waiting = [m for m in self.members if not m.over and not m.seen_settle]
            if not waiting:
                break
            for tenant in self.people.tenants:
                users = sorted({m.client.user for m in waiting if m.client.tenant == tenant})
                if users:
                    await publish(tenant, [(f"settle-{number}-{user}", user) for user in users])
            end = time.time() + seconds
            while time.time() < end and any(
                    not m.over and not m.seen_settle for m in waiting):
                await asyncio.sleep(0.1)
        for member in self.members:
            if not member.over:
                member.client.settled = member.seen_settle or \
                    f"settle-{number}-{member.client.user}"

    async def stop(self):
        await ended(self.tasks)
        for member in self.members:
            if member.socket:
                member.socket.abort()
