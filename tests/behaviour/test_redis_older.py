# SPDX-License-Identifier: Apache-2.0
# test_redis_older.py: who was away for longer than an instance remembers resumes from the stream.
import asyncio
import base64

from clients import join, settle
from events import event
from fleets import publish, wait_bus, wait_for
from tokens import unique


def start(launch, redis_server, **env):
    server = launch({"REDIS_URL": redis_server.url, "MCP_AUTH_WORKERS": 2,
                     "MCP_AUTH_BUS_DEADLINE_MS": 1500, **env})
    wait_bus(server)
    return server


def two(launch, redis_server):
    """One that remembers much and publishes (who publishes trims the stream), and one that does
    not."""
    return (start(launch, redis_server),
            start(launch, redis_server, MCP_AUTH_HISTORY_EVENTS=10))


def make(server, tenant, count, user="u"):
    made = []
    for at in range(0, count, 100):
        made += publish(server, [event("user_updated", user_id=[user, "somebody-else"][i % 3 == 2],
                                       target_user_id="other", tenant_id=tenant)
                                 for i in range(at, min(at + 100, count))])[1]
    return [name for i, name in enumerate(made) if i % 3 != 2]


def other(position):
    """The same place, with another event there."""
    said = bytearray(base64.urlsafe_b64decode(position))
    said[-1] ^= 1
    return base64.urlsafe_b64encode(said).decode()


async def place(server, tenant):
    client = await join(server, "u", tenant)
    await settle(server, tenant, client)
    position = client.position
    await client.close()
    return position


def caught_up(small, large):
    wait_for(lambda: small.stats()["redis"]["last_n"] == large.stats()["redis"]["last_n"],
             "the small one is where the large one is")


async def test_all_that_was_missed_comes_once_and_in_order(launch, redis_server):
    large, small = two(launch, redis_server)
    tenant = unique("t")
    position = await place(large, tenant)
    made = make(large, tenant, 1700)
    caught_up(small, large)
    client = await join(small, "u", tenant, position=position)
    assert client.frames[0]["resumed"] is True
    assert client.frames[0]["position"] == position
    await settle(large, tenant, client)
    assert [i for i in client.ids if i in set(made)] == made
    assert len(client.ids) == len(set(client.ids))
    more = make(large, tenant, 5)
    await settle(large, tenant, client)
    assert [i for i in client.ids if i in set(more)] == more
    await client.close()


async def test_many_come_at_once(launch, redis_server):
    large, small = two(launch, redis_server)
    tenant = unique("t")
    position = await place(large, tenant)
    made = make(large, tenant, 700)
    caught_up(small, large)
    clients = await asyncio.gather(*(join(small, "u", tenant, position=position)
                                     for _ in range(30)))
    await settle(large, tenant, *clients)
    for client in clients:
        assert client.frames[0]["resumed"] is True
        assert [i for i in client.ids if i in set(made)] == made
    await asyncio.gather(*(client.close() for client in clients))


async def resumes(server, tenant, position):
    client = await join(server, "u", tenant, position=position)
    await client.close()
    return client.frames[0]["resumed"]


async def test_what_was_trimmed_is_lost_and_so_is_another_history(launch, redis_server):
    large, small = two(launch, redis_server)
    tenant = unique("t")
    first = await place(large, tenant)
    make(large, tenant, 200)
    second = await place(large, tenant)
    make(large, tenant, 200)
    caught_up(small, large)
    assert await resumes(small, tenant, first)
    assert await resumes(small, tenant, second)
    assert not await resumes(small, tenant, other(first))
    assert not await resumes(small, tenant, other(second))
    redis_server.client().xtrim("rbac:events", maxlen=250, approximate=False)
    assert not await resumes(small, tenant, first)
    assert await resumes(small, tenant, second)


async def test_without_redis_only_what_is_remembered_can_be_resumed(launch, redis_server):
    large, small = two(launch, redis_server)
    tenant = unique("t")
    first = await place(large, tenant)
    make(large, tenant, 200)
    last = await place(large, tenant)
    caught_up(small, large)
    redis_server.freeze()
    wait_bus(small, "degraded")
    assert not await resumes(small, tenant, first)
    assert await resumes(small, tenant, last)
    redis_server.thaw()
    wait_bus(small)
    assert await resumes(small, tenant, first)
