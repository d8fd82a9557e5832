# SPDX-License-Identifier: Apache-2.0
# test_redis_authority.py: what was withdrawn on one instance is withdrawn on all, outage or restart.
import asyncio
import json

from clients import Client, join, refused, settle
from events import event
from fleets import publish
from test_enforcement import every_door
from test_sse import begin
from tokens import admin, mint, unique

JSON = {"Content-Type": "application/json"}
NOBODY = frozenset(["editor"])
CLOSED = {"sign-in": {NOBODY}, "resume": {NOBODY}, "header": {NOBODY}, "renewal": {NOBODY},
          "publish": {403}, "stats": {403}}


class Demoted:
    """Ann, an administrator with an old token, at every instance and in every way."""

    def __init__(self, fleet):
        self.fleet, self.tenant = fleet, unique("t")
        self.token = mint("ann", self.tenant, roles=["admin", "editor"], age=100)
        self.clients, self.streams, self.hidden = [], [], []

    async def arrive(self):
        for server in self.fleet:
            self.clients += [await join(server, "ann", self.tenant, session=session,
                                        token=self.token) for session in (True, False)]
            self.streams.append(await begin(server, self.token))
        self.position = self.clients[0].position

    def demote(self, index):
        return publish(self.fleet[index], event(
            "role_revoked", target_user_id="ann", role_name="admin", tenant_id=self.tenant))

    def secret(self, index):
        """What only administrators may see."""
        self.hidden += publish(self.fleet[index], event("policy_updated",
                                                        tenant_id=self.tenant))[1]

    async def no_door(self, *indexes):
        for index in indexes:
            found = await every_door(self.fleet[index], "ann", self.token, self.position)
            assert found == CLOSED, (index, found)
            stream = await begin(self.fleet[index], self.token, last_id=self.position)
            assert stream.frames[0][2]["roles"] == ["editor"]
            await stream.close()
            answer = self.fleet[index].request("GET", "/v1/events", token=self.token)
            assert answer.status == 403

    async def saw_nothing(self, index=0):
        """An event of Ann's own is behind everything else, on each instance."""
        own = publish(self.fleet[index], event("user_updated", user_id="ann",
                                               tenant_id=self.tenant))[1][0]
        for client in self.clients:
            await client.event(own)
            assert not set(client.ids) & set(self.hidden), client.frames
        for stream in self.streams:
            await stream.event(own)
            assert not set(stream.ids) & set(self.hidden)

    async def leave(self):
        for client in self.clients + self.streams:
            await client.close()


async def test_a_demoted_administrator_is_one_on_no_instance(fleet):
    ann = Demoted(fleet)
    await ann.arrive()
    assert ann.demote(0)[0] is False
    for index in range(3):
        ann.secret(index)
    await ann.saw_nothing(1)
    for client in ann.clients:
        if client.ws.subprotocol:
            assert client.of("scope_changed")[-1]["roles"] == ["editor"]
    await ann.no_door(0, 1, 2)
    await ann.leave()


async def test_it_holds_while_redis_is_away_and_after(fleet):
    ann = Demoted(fleet)
    await ann.arrive()
    ann.demote(0)
    await ann.saw_nothing()  # all three have heard of it
    fleet.redis.kill()
    await asyncio.to_thread(fleet.wait, "degraded")
    for index in range(3):
        ann.secret(index)
    await ann.no_door(0, 1, 2)
    fleet.redis.start()
    await asyncio.to_thread(fleet.wait)
    await ann.saw_nothing(2)
    await ann.no_door(0, 1, 2)
    await ann.leave()


async def test_a_demotion_while_redis_is_away_holds_here_at_once_and_everywhere_after(fleet):
    ann = Demoted(fleet)
    await ann.arrive()
    fleet.redis.kill()
    await asyncio.to_thread(fleet.wait, "degraded")
    assert ann.demote(0)[0] is True
    ann.secret(0)
    await ann.no_door(0)
    for client in ann.clients[:2]:  # those of the accepting instance
        assert not set(client.ids) & set(ann.hidden)
    assert fleet[1].request("GET", "/v1/stats", token=ann.token).status == 200  # cannot know yet
    fleet.redis.start()
    await asyncio.to_thread(fleet.wait)
    await ann.saw_nothing(1)
    await ann.no_door(0, 1, 2)
    await ann.leave()


async def test_it_holds_after_a_restart_of_every_instance(fleet):
    ann = Demoted(fleet)
    await ann.arrive()
    ann.demote(0)
    await ann.saw_nothing()
    await ann.leave()
    ann.clients, ann.streams = [], []
    for index in range(3):
        await asyncio.to_thread(fleet.restart, index)
    await ann.no_door(0, 1, 2)


async def test_it_holds_when_the_whole_fleet_and_redis_were_restarted(fleet):
    ann = Demoted(fleet)
    await ann.arrive()
    ann.demote(2)
    await ann.saw_nothing()
    await ann.leave()
    for server in fleet:
        await asyncio.to_thread(server.stop)
    fleet.redis.restart()
    for index in range(3):
        await asyncio.to_thread(fleet.restart, index)
    await ann.no_door(0, 1, 2)


async def test_a_revocation_while_redis_is_away_reaches_the_others_after(fleet):
    tenant = unique("t")
    clients = [await join(server, "u", tenant) for server in fleet]
    token = clients[0].token
    fleet.redis.kill()
    await asyncio.to_thread(fleet.wait, "degraded")
    answer = fleet[1].request("POST", "/v1/revocations", json.dumps({"user_id": "u"}),
                              admin(tenant), JSON)
    assert answer.status == 200, answer
    assert (await clients[1].closed())[0] == 4102
    assert (await refused(fleet[1], token))[0] == 4102
    assert not clients[0].ended and not clients[2].ended
    fleet.redis.start()
    await asyncio.to_thread(fleet.wait)
    for server, client in zip(fleet, clients):
        assert (await client.closed())[0] == 4102
        assert (await refused(server, token))[0] == 4102


async def test_a_deleted_user_is_closed_everywhere_with_that_event_as_the_last(fleet):
    tenant = unique("t")
    clients = [await join(server, "u", tenant, session=session)
               for server in fleet for session in (True, False)]
    name = publish(fleet[0], event("user_deleted", user_id="u", tenant_id=tenant))[1][0]
    publish(fleet[0], event("user_updated", user_id="u", tenant_id=tenant))
    for client in clients:
        assert (await client.closed())[0] == 4002
        assert client.ids[-1] == name


async def test_a_newer_token_is_good_everywhere(fleet):
    ann = Demoted(fleet)
    ann.position = None
    ann.demote(0)
    newer = mint("ann", ann.tenant, roles=["admin"], age=-15)
    root = [await join(server, "ann", ann.tenant, token=newer) for server in fleet]
    assert all(c.frames[0]["roles"] == ["admin"] for c in root)
    shown = publish(fleet[1], event("policy_updated", tenant_id=ann.tenant))[1][0]
    for client in root:
        await client.event(shown)
        await client.close()


async def test_fences_of_an_outage_survive_the_instance_that_took_them(fleet):
    """Once it has given them to Redis; and they bind who starts later."""
    tenant = unique("t")
    token = mint("u", tenant, roles=["admin"], age=100)
    fleet.redis.kill()
    await asyncio.to_thread(fleet.wait, "degraded")
    publish(fleet[0], event("role_revoked", target_user_id="u", role_name="admin",
                            tenant_id=tenant))
    fleet.redis.start()
    await asyncio.to_thread(fleet.wait)
    fleet[0].process.kill()
    fleet[0].expected_status = -9
    fleet[0].wait_end()
    for index in (1, 2):
        await asyncio.to_thread(fleet.restart, index)
        client = await Client.open(fleet[index], token, session=True, user="u")
        assert (await client.signed_in())["roles"] == []
        await settle(fleet[2], tenant, client)
        await client.close()
