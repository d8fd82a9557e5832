# SPDX-License-Identifier: Apache-2.0
# test_redis_loss.py: Redis came back with less than it had: who saw what is gone is told, and only who.
import asyncio

import pytest

from clients import join, settle, without_probes
from events import event
from fleets import Fleet, publish, stored_ids, wait_for
from test_redis_authority import Demoted
from tokens import unique

RESYNC = (4302, 4301)


def epochs(fleet):
    return {server.stats()["redis"]["epoch"] for server in fleet}


def lose_last(fleet, count):
    """As a failover to a replica that lacked the end; the instances are away meanwhile."""
    for proxy in fleet.proxies:
        proxy.cut()
    fleet.wait("degraded")
    client = fleet.redis.client(decode_responses=True)
    gone = client.xrevrange("rbac:events", count=count)
    client.xdel("rbac:events", *[entry for entry, _ in gone])
    last = int(client.hget("{rbac:events}:epoch", "n")) - count
    client.execute_command("XSETID", "rbac:events", f"{last}-0")
    client.hset("{rbac:events}:epoch", "n", last)
    for key in client.keys("{rbac:events}:ids:*"):
        client.delete(key)
    for proxy in fleet.proxies:
        proxy.heal()
    fleet.wait()
    return [fields["id"] for _, fields in gone]


@pytest.mark.parametrize("how", ["FLUSHALL", "a restart without persistence"])
async def test_an_empty_redis_resyncs_session_clients_and_plain_ones_stay(
        launch, start_redis, how):
    redis_server = start_redis(appendonly=False)
    fleet, tenant = Fleet(launch, redis_server), unique("t")
    sessions = [await join(server, "u", tenant) for server in fleet]
    plain = [await join(server, "u", tenant, session=False) for server in fleet]
    await settle(fleet[0], tenant, *sessions, *plain)
    old = epochs(fleet)
    if how == "FLUSHALL":
        redis_server.client().flushall()
    else:
        redis_server.restart()
    publish(fleet[1], event("user_updated", user_id="somebody", tenant_id=tenant))
    for client in sessions:
        assert (await client.closed(20))[0] in RESYNC
    await asyncio.to_thread(fleet.wait)
    back = await join(fleet[2], "u", tenant)
    for client in plain:
        again = await join(fleet[0], "u", tenant, position=client.position)
        assert again.frames[0]["resumed"] is False
        await again.close()
    await settle(fleet[1], tenant, back, *plain)
    await asyncio.to_thread(wait_for, lambda: len(epochs(fleet)) == 1, "one epoch")
    assert not epochs(fleet) & old
    for client in [back, *plain]:
        await client.close()
    fleet.close()


async def test_what_was_withdrawn_stays_withdrawn_when_redis_forgets(fleet):
    ann = Demoted(fleet)
    await ann.arrive()
    ann.demote(0)
    await ann.saw_nothing(1)
    await ann.leave()
    fleet.redis.client().flushall()
    publish(fleet[0], event("user_updated", user_id="somebody", tenant_id=ann.tenant))
    await asyncio.to_thread(fleet.wait)
    ann.position = None
    await ann.no_door(0, 1, 2)
    client = fleet.redis.client()
    await asyncio.to_thread(wait_for, lambda: client.hlen("{rbac:events}:fences") == 1,
                            "the fence in Redis again")
    await asyncio.to_thread(fleet.restart, 2)
    await ann.no_door(2)


async def test_only_who_may_have_seen_the_lost_tail_is_told(fleet):
    tenant = unique("t")
    saw = [await join(server, "u", tenant) for server in fleet]
    plain = [await join(server, "u", tenant, session=False) for server in fleet]
    others = [await join(server, "other", tenant) for server in fleet]
    kept = publish(fleet[0], [event("user_updated", user_id=user, tenant_id=tenant)
                              for user in ("u", "other")])[1]
    lost = publish(fleet[0], [event("user_updated", user_id="u", tenant_id=tenant)
                              for _ in range(3)])[1]
    for client in saw + plain:
        await client.event(lost[-1])
    for client in others:
        await client.event(kept[-1])
    assert await asyncio.to_thread(lose_last, fleet, 3) == lost[::-1]
    for client in saw:
        assert (await client.closed(20))[0] in RESYNC
    await settle(fleet[1], tenant, *others, *plain)
    for client in others:
        assert without_probes(client.ids) == kept[1:] and not client.ended
        again = await join(fleet[0], "other", tenant, position=client.position)
        assert again.frames[0]["resumed"] is True
        await again.close()
    # A position of what is gone is never good again, whatever stands in its place now.
    position = next(f["position"] for f in saw[0].events if f["id"] == lost[0])
    for server in fleet:
        again = await join(server, "u", tenant, position=position)
        assert again.frames[0]["resumed"] is False
        await again.close()
    assert not set(lost) & set(stored_ids(fleet.redis))
    for client in plain + others:
        await client.close()


async def test_what_an_instance_still_keeps_in_its_outbox_is_not_lost_with_the_tail(fleet):
    tenant = unique("t")
    client = await join(fleet[0], "u", tenant, session=False)
    publish(fleet[0], [event("user_updated", user_id="x", tenant_id=tenant) for _ in range(4)])
    fleet.proxies[0].cut()
    await asyncio.to_thread(fleet[0].wait_stats, 10, bus="degraded")
    alone = publish(fleet[0], [event("user_updated", user_id="u", tenant_id=tenant)
                               for _ in range(3)])[1]
    await asyncio.to_thread(lose_last, fleet, 2)
    await asyncio.to_thread(wait_for, lambda: set(alone) <= set(stored_ids(fleet.redis)), "all")
    await settle(fleet[2], tenant, client)
    assert [i for i in without_probes(client.ids)] == alone
    assert [i for i in stored_ids(fleet.redis) if i in alone] == alone
    await client.close()
