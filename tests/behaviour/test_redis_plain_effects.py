# SPDX-License-Identifier: Apache-2.0
# test_redis_plain_effects.py: what another program PUBLISHes in Redis reaches everybody once, with its effect.
import asyncio
import json

import pytest

from clients import join
from events import event
from tokens import unique

CHANNEL = "rbac:events"


@pytest.fixture
def fleet(launch, redis_server):
    def start(count=3, **more):
        return [launch({"REDIS_URL": redis_server.url, **more}) for _ in range(count)]
    return start


def say(redis_server, **members):
    """As the guide's Python writes it: nulls, a time without a zone, its own name of the id."""
    content = {"user_name": None, "resource": None, "timestamp": "2024-01-01T00:00:00.123456",
               **members}
    assert redis_server.client().publish(CHANNEL, json.dumps(content)) >= 1


async def test_an_event_of_another_program_is_taken_in_once_by_the_fleet(fleet, redis_server):
    servers, tenant = fleet(), unique("t")
    clients = [await join(server, "u", tenant) for server in servers]
    for name in ("py-1", "py-2"):
        say(redis_server, event_id=name, **event("user_updated", user_id="u", tenant_id=tenant))
    for client in clients:
        await client.event("py-1")
        await client.event("py-2")
    servers[1].publish(event("user_updated", user_id="u", tenant_id=tenant, id="last"))
    for client in clients:
        await client.event("last")
        assert sorted(client.ids) == ["last", "py-1", "py-2"]
        await client.close()
    assert redis_server.client().xlen(CHANNEL) == 3
    again = servers[0].publish(event("user_updated", user_id="u", tenant_id=tenant, id="py-1"))
    assert again["duplicate"] is True


async def test_it_withdraws_unless_it_may_not(fleet, redis_server):
    tenant = unique("t")
    server, = fleet(1)
    client = await join(server, "u", tenant)
    say(redis_server, event_id="gone", **event("user_deleted", user_id="u", tenant_id=tenant))
    await client.closed()
    assert client.code == 4002
    server.stop()
    redis_server.client().flushall()
    servers = fleet(2, MCP_AUTH_REDIS_PLAIN="no-effects")
    clients = [await join(s, "u", tenant) for s in servers]
    say(redis_server, event_id="shown", **event("user_deleted", user_id="u", tenant_id=tenant))
    for client in clients:
        await client.event("shown")
        await client.close()
    (_, fields), = redis_server.client().xrange(CHANNEL)
    assert fields[b"fx"] == b"0"
    assert not redis_server.client().exists("{rbac:events}:fences")


async def test_what_cannot_be_taken_is_said_and_what_is_not_wanted_is_not_heard(fleet, redis_server):
    tenant = unique("t")
    server, = fleet(1)
    say(redis_server, **event("user_updated", user_id="u", tenant_id=tenant))
    await asyncio.to_thread(server.wait_log, "channel is refused.*member=id.*is required")
    server.stop()
    server, = fleet(1, MCP_AUTH_REDIS_PLAIN="off")
    assert redis_server.client().pubsub_numsub(CHANNEL) == [(CHANNEL.encode(), 0)]
    server.publish(event("user_updated", user_id="u", tenant_id=tenant))
    assert redis_server.client().xlen(CHANNEL) == 1
