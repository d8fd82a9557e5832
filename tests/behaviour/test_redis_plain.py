# SPDX-License-Identifier: Apache-2.0
# test_redis_plain.py: the channel `rbac:events`, for programs that know nothing of the stream.
import asyncio
import json
import time

import pytest

from clients import join, settle, without_probes
from events import event
from fleets import Fleet, publish, stored_ids, stream, wait_for
from tokens import admin, unique

CHANNEL = "rbac:events"


@pytest.fixture
def fleet(launch, redis_server):
    made = Fleet(launch, redis_server)
    yield made
    made.close()


class Subscriber:
    def __init__(self, redis_server):
        self.pubsub = redis_server.client(decode_responses=True).pubsub(
            ignore_subscribe_messages=True)
        self.pubsub.subscribe(CHANNEL)
        self.messages = []
        self.pubsub.get_message(timeout=1)

    def until(self, name, seconds=10):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            message = self.pubsub.get_message(timeout=0.1)
            if message:
                self.messages.append(json.loads(message["data"]))
                if self.messages[-1].get("id") == name:
                    return self.messages[-1]
        raise AssertionError(f"{name} did not come: {self.messages[-3:]}")


def tell(redis_server, **members):
    """As another program publishes; how many heard it."""
    return redis_server.client().publish(CHANNEL, json.dumps(members))


def test_a_subscriber_of_the_channel_gets_every_event_and_nothing_else(fleet):
    subscriber, tenant = Subscriber(fleet.redis), unique("t")
    names = []
    for i in range(12):
        batch = [event("user_updated", id=unique("e"), user_id="u", tenant_id=tenant,
                       user_name="Ursula") for _ in range(1 + i % 3)]
        names += publish(fleet[i % 3], batch)[1]
        fleet[i % 3].request("POST", "/v1/users/u/disconnect", None, admin(tenant))
    last = subscriber.until(names[-1])
    assert [m["id"] for m in subscriber.messages] == names
    assert last["type"] == "event" and last["user_name"] == "Ursula" and "position" not in last
    assert {m["event_type"] for m in subscriber.messages} == {"user_updated"}


@pytest.mark.parametrize("member", ["id", "event_id"])
async def test_a_plain_publish_with_an_id_reaches_every_client_once(fleet, member):
    tenant, name = unique("t"), unique("plain")
    clients = [await join(server, "u", tenant) for server in fleet]
    assert tell(fleet.redis, **{member: name}, event_type="user_updated", user_id="u",
                tenant_id=tenant) >= 3
    for client in clients:
        assert (await client.event(name))["user_id"] == "u"
    await settle(fleet[0], tenant, *clients)
    assert {tuple(without_probes(c.ids)) for c in clients} == {(name,)}
    assert len({f["position"] for c in clients for f in c.events if f["id"] == name}) == 1
    assert stored_ids(fleet.redis).count(name) == 1
    await asyncio.gather(*(c.close() for c in clients))


async def test_a_plain_publish_without_an_id_is_refused_with_a_warning(fleet):
    tenant = unique("t")
    client = await join(fleet[0], "u", tenant)
    tell(fleet.redis, event_type="user_updated", user_id="u", tenant_id=tenant)
    for server in fleet:
        await asyncio.to_thread(server.wait_log, "WARNING .*channel is refused .*member=id")
    await settle(fleet[0], tenant, client)
    assert without_probes(client.ids) == []
    await client.close()


@pytest.mark.parametrize("text", ["", "x", "[]", "{}", '{"type":"event","id":"e","event_type":"x"}',
                                  '{"id":"bad id","event_type":"user_updated"}',
                                  '{"id":"e","event_type":"no_such"}', '{"id":"e"', "\0\xff",
                                  '{"id":"e","event_type":"user_updated","user_id":7}',
                                  "x" * 300000], ids=range(11))
async def test_what_is_no_event_on_the_channel_is_passed_over(fleet, text):
    tenant = unique("t")
    client = await join(fleet[1], "u", tenant)
    fleet.redis.client().publish(CHANNEL, text.encode("latin-1"))
    await settle(fleet[0], tenant, client)
    assert without_probes(client.ids) == [] and all(s.alive() for s in fleet)
    assert all(kind == "user_updated" for _, kind, _ in stream(fleet.redis))
    await client.close()


async def test_the_effect_of_a_plain_event_is_the_settings(launch, redis_server):
    env = {"REDIS_URL": redis_server.url}
    tenant = unique("t")
    for mode, closes, seen in (("off", False, False), ("no-effects", False, True),
                               ("accept", True, True)):
        server = launch({**env, "MCP_AUTH_REDIS_PLAIN": mode})
        await asyncio.to_thread(server.wait_stats, 15, bus="ok")
        user, name = unique("u"), unique("e")
        client = await join(server, user, tenant)
        tell(redis_server, id=name, event_type="user_deleted", user_id=user, tenant_id=tenant)
        if closes:
            await client.event(name)
            assert (await client.closed())[0] == 4002
        else:
            if seen:
                await client.event(name)
            await settle(server, tenant, client)
            assert without_probes(client.ids) == ([name] if seen else [])
        await client.close()
        await asyncio.to_thread(server.stop)


def test_programs_that_bring_their_own_connection_are_not_in_the_way(fleet):
    """Somebody else's keys and channels on the same server."""
    other = fleet.redis.client()
    other.set("rbac", 1)
    other.publish("rbac:other", "x")
    name = publish(fleet[0], event("user_updated", user_id="u"))[1][0]
    wait_for(lambda: name in stored_ids(fleet.redis), "the entry")
