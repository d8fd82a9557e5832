# SPDX-License-Identifier: Apache-2.0
# test_race.py: withdrawals while their users sign in, renew and resume on all workers at once.
import asyncio
import os
import random

import pytest

from clients import Client, join, settle
from events import event
from tokens import mint, unique

SEED = int(os.environ.get("RACE_SEED", random.SystemRandom().randrange(1 << 32)))
USERS = 6


class Person:
    """Somebody with one old token, who tries every door with it, again and again."""

    def __init__(self, server, tenant, number, position, rng):
        self.server, self.tenant, self.position, self.rng = server, tenant, position, rng
        self.name = f"p{number}"
        self.token = mint(self.name, tenant, roles=["admin", "editor"])
        self.clients, self.going = [], True

    async def connect(self):
        rng = self.rng
        header = {"Authorization": f"Bearer {self.token}"} if rng.random() < 0.2 else None
        session = rng.random() < 0.7
        try:
            client = await Client.open(
                self.server, None if header else self.token, session=session, user=self.name,
                headers=header, position=None if header else rng.choice((None, self.position)))
        except Exception:  # a deleted user's header is refused with 401
            return None
        self.clients.append(client)
        return client

    async def live(self):
        while self.going:
            client = await self.connect()
            for _ in range(self.rng.randrange(3)):
                await asyncio.sleep(self.rng.random() * 0.02)
                try:
                    if client and not client.ended:
                        await client.send({"type": "auth", "token": self.token})
                except Exception:
                    break
            if client and self.rng.random() < 0.5:
                await client.close()


@pytest.mark.parametrize("kind", ["role_revoked", "user_deleted"])
async def test_after_the_202_of_a_withdrawal_the_old_token_gets_nothing_it_took(server, kind):
    print(f"RACE_SEED={SEED}")
    rng, tenant = random.Random(SEED), unique("t")
    witness = await join(server, "witness", tenant, roles=["admin"])
    people = [Person(server, tenant, i, witness.position, rng) for i in range(USERS)]
    tasks = [asyncio.ensure_future(p.live()) for p in people for _ in range(3)]

    async def publish(*events):
        return await asyncio.to_thread(server.publish, list(events))

    boundary = {}
    for person in people:
        await asyncio.sleep(rng.random() * 0.1)
        before = [event("policy_updated", tenant_id=tenant) for _ in range(3)]
        await asyncio.gather(publish(*before), publish(*before))
        withdrawal = event(kind, target_user_id=person.name, role_name="admin", tenant_id=tenant)
        made = await publish(*before[:1], withdrawal, *before[:2])
        boundary[person.name] = made[1]["id"]
        await asyncio.gather(*(publish(*before) for _ in range(3)))
    await asyncio.sleep(0.1)
    for person in people:
        person.going = False
    await asyncio.gather(*tasks)
    await settle(server, tenant, witness)

    order = {event_id: i for i, event_id in enumerate(witness.ids)}
    kinds = {f["id"]: f["event_type"] for f in witness.events}
    checked = 0
    for person in people:
        # Effects may run ahead of the news, so compare with the place of the withdrawal itself.
        last = order[boundary[person.name]]
        for client in person.clients:
            late = [i for i in client.ids if order[i] > last and kinds[i] != "user_updated"]
            assert not late, f"{person.name} got {late} after {boundary[person.name]}"
            places = [order[i] for i in client.ids]
            assert places == sorted(set(places)), "out of order, or twice"
            checked += 1
    assert checked > 3 * USERS
    for client in [witness, *(c for p in people for c in p.clients)]:
        await client.close()


async def test_a_withdrawal_holds_for_the_publishers_own_next_request(server):
    """As soon as the 202 is there, on any worker: each request is a connection of its own."""
    for i in range(30):
        tenant = unique("t")
        token = mint("boss", tenant, roles=["admin"])
        server.publish(event("role_revoked", target_user_id="boss", role_name="admin"), token)
        assert server.post(event("user_updated"), token).status == 403, i
