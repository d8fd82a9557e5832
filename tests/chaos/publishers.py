# SPDX-License-Identifier: Apache-2.0
# publishers.py: programs that publish with ids, and try elsewhere with the same when no answer comes.
import asyncio
import time

import record
import ws
from serving import API_KEY

ANSWER_SECONDS = 6
TRIES = 40
ORDINARY = ["user_updated", "permission_denied", "access_denied", "role_assigned",
            "security_violation", "user_created"]
NO_ANSWER = (OSError, asyncio.TimeoutError, EOFError, ValueError, StopIteration)


class Publisher:
    def __init__(self, name, fleet, result, people, dice, rate):
        self.name, self.fleet, self.result, self.people = name, fleet, result, people
        self.dice, self.rate, self.count, self.unanswered = dice, rate, 0, 0

    def _new(self, tenant, kind, name=None, **members):
        self.count += 1
        publication = record.Publication(name or f"{self.name}-{self.count}", tenant, kind,
                                         members.get("user_id"), members.get("target_user_id"),
                                         members.get("role_name"))
        body = {"id": publication.id, "tenant_id": tenant, "event_type": kind,
                "data": {"filler": "x" * self.dice.randrange(200)}, **members}
        self.result.publications.append(publication)
        return publication, body

    def ordinary(self, tenant):
        if self.dice.random() < 0.05:
            return self._new(tenant, "policy_updated")
        members = {"user_id": self.dice.choice(self.people.users)}
        if self.dice.random() < 0.3:
            members["target_user_id"] = self.dice.choice(self.people.users)
        return self._new(tenant, self.dice.choice(ORDINARY), **members)

    async def send(self, made):
        """Until an instance has accepted all of them, each time another one."""
        publications, bodies = [p for p, _ in made], [b for _, b in made]
        for number in range(TRIES):
            if number:
                await asyncio.sleep(self.dice.uniform(0.05, 0.5))
            alive = self.fleet.alive()
            if not alive:
                continue
            instance = self.dice.choice(alive)
            attempts = [record.Attempt(instance.incarnation, time.time()) for _ in made]
            for publication, attempt in zip(publications, attempts):
                publication.attempts.append(attempt)
            try:
                status, answer = await ws.post(instance.port, "/v1/events", API_KEY,
                                               bodies if len(bodies) > 1 else bodies[0],
                                               ANSWER_SECONDS)
            except NO_ANSWER:
                self.unanswered += 1
                continue
            for index, attempt in enumerate(attempts):
                attempt.answered, attempt.status = time.time(), status
                if status == 202:
                    event = answer["events"][index]
                    attempt.degraded, attempt.position = answer["degraded"], event.get("position")
                    attempt.duplicate = event.get("duplicate", False)
            if status < 500 and status != 429:
                return
        self.result.crashed.append(f"{self.name}: nobody took {publications[0].id}")

    async def run(self):
        while True:
            tenant = self.dice.choice(self.people.tenants)
            size = self.dice.randrange(2, 12) if self.dice.random() < 0.2 else 1
            await self.send([self.ordinary(tenant) for _ in range(size)])
            await asyncio.sleep(self.dice.expovariate(self.rate))

    async def settle(self, tenant, names):
        await self.send([self._new(tenant, "user_updated", name, user_id=user)
                         for name, user in names])


class Enforcer(Publisher):
    """Takes roles, accounts and tokens away, each from people who are there for it."""

    async def run(self):
        demotable = [(t, u) for t in self.people.tenants for u in self.people.demotable]
        mortal = [(t, u) for t in self.people.tenants for u in self.people.mortal]
        for some in (demotable, mortal):
            self.dice.shuffle(some)
        while True:
            await asyncio.sleep(self.dice.uniform(1, 5) / self.rate)
            what = self.dice.choice(["demote", "delete", "revoke", "revoke", "permission", "role"])
            if what == "demote" and demotable:
                tenant, user = demotable.pop()
                made = self._new(tenant, "role_revoked", target_user_id=user,
                                 role_name=record.ADMIN, user_id=self.people.roots[-1])
                # With something that only administrators see, right behind it.
                await self.send([made, self._new(tenant, "policy_updated")])
                await self.send([self._new(tenant, "configuration_changed")])
            elif what == "delete" and mortal:
                tenant, user = mortal.pop()
                self.people.gone.add((tenant, user))
                await self.send([self._new(tenant, "user_deleted", user_id=user)])
            elif what == "permission":
                await self.send([self._new(
                    self.dice.choice(self.people.tenants), "permission_revoked",
                    user_id=self.dice.choice(self.people.users), permission="documents:read")])
            elif what == "role":
                await self.send([self._new(
                    self.dice.choice(self.people.tenants), "role_revoked",
                    user_id=self.dice.choice(self.people.users), role_name="auditor")])
            elif what == "revoke":
                await self.revoke(self.dice.choice(self.people.tenants),
                                  self.dice.choice(self.people.revocable))

    async def revoke(self, tenant, user):
        """Once: a revocation has no id by which a second try would be known."""
        alive = self.fleet.alive()
        if not alive:
            return
        instance = self.dice.choice(alive)
        attempt = record.Attempt(instance.incarnation, time.time())
        publication = record.Publication(None, tenant, "$revocation", user, attempts=[attempt])
        self.result.publications.append(publication)
        try:
            status, _ = await ws.post(instance.port, "/v1/revocations", API_KEY,
                                      {"user_id": user, "tenant_id": tenant}, ANSWER_SECONDS)
        except NO_ANSWER:
            return
        attempt.answered, attempt.status = time.time(), status
