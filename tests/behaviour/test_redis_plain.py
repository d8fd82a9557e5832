# SPDX-License-Identifier: Apache-2.0
# test_redis_plain.py: the channel `rbac:events`, for programs that know nothing of the stream.
import asyncio
import json
import time

import pytest

from clients import join, settle, without_probes
from events import event
from fleets import publish, stored_ids, stream, wait_bus, wait_for
from tokens import admin, unique

CHANNEL = "rbac:events"
# As the guide's Python writes them: nulls, and a time without a zone.
GUIDES = {"user_name": None, "resource": None, "timestamp": "2024-01-01T00:00:00.123456"}


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


@pytest.mark.parametrize("id_member, more", [("id", {}), ("event_id", GUIDES)])
async def test_a_plain_publish_with_an_id_reaches_every_client_once(fleet, id_member, more):
    tenant, names = unique("t"), [unique("plain"), unique("plain")]
    made = event("user_updated", user_id="u", tenant_id=tenant)
    clients = [await join(server, "u", tenant) for server in fleet]
    for name in names:
        assert tell(fleet.redis, **{id_member: name}, **made, **more) >= 3
    for client in clients:
        for name in names:
            assert (await client.event(name))["user_id"] == "u"
    await settle(fleet[1], tenant, *clients)
    for client in clients:
        assert sorted(without_probes(client.ids)) == sorted(names)
        await client.close()
    for name in names:
        assert len({f["position"] for c in clients for f in c.events if f["id"] == name}) == 1
    assert sorted(without_probes(stored_ids(fleet.redis))) == sorted(names)
    assert fleet.redis.client().xlen(CHANNEL) == len(names) + 1
    assert fleet[0].publish({**made, "id": names[0]})["duplicate"] is True


async def test_a_plain_publish_without_an_id_is_refused_with_a_warning(fleet):
    tenant = unique("t")
    client = await join(fleet[0], "u", tenant)
    tell(fleet.redis, **event("user_updated", user_id="u", tenant_id=tenant))
    for server in fleet:
        await asyncio.to_thread(server.wait_log,
                                "WARNING .*channel is refused .*member=id.*is required")
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


@pytest.mark.parametrize("mode", ["off", "no-effects", "accept", None])
async def test_the_effect_of_a_plain_event_is_the_settings(launch, redis_server, mode):
    tenant, name, redis = unique("t"), unique("e"), redis_server.client(decode_responses=True)
    servers = [launch({"REDIS_URL": redis_server.url, "MCP_AUTH_REDIS_PLAIN": mode})
               for _ in range(2)]
    for server in servers:
        await asyncio.to_thread(wait_bus, server)
    clients = [await join(server, "u", tenant) for server in servers]
    heard = tell(redis_server, event_id=name, **GUIDES,
                 **event("user_deleted", user_id="u", tenant_id=tenant))
    assert heard == 0 if mode == "off" else heard >= 2
    shown = [] if mode == "off" else [name]
    for client in clients:
        for expected in shown:
            await client.event(expected)
        if mode in ("accept", None):
            assert (await client.closed())[0] == 4002
    if mode in ("off", "no-effects"):
        await settle(servers[0], tenant, *clients)
        stored = [fields for _, fields in redis.xrange(CHANNEL)]
        assert len(stored) == len(shown) + 1
        assert [s["fx"] for s in stored if s["id"] == name] == ["0"] * len(shown)
        assert not redis.exists("{rbac:events}:fences")
    for client in clients:
        assert without_probes(client.ids) == shown
        await client.close()


def test_programs_that_bring_their_own_connection_are_not_in_the_way(fleet):
    """Somebody else's keys and channels on the same server."""
    other = fleet.redis.client()
    other.set("rbac", 1)
    other.publish("rbac:other", "x")
    name = publish(fleet[0], event("user_updated", user_id="u"))[1][0]
    wait_for(lambda: name in stored_ids(fleet.redis), "the entry")
