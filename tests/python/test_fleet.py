# SPDX-License-Identifier: Apache-2.0
# test_fleet.py: workers of an application and C servers on one Redis are one fleet (R05, R71, R74).
import asyncio
import time

import pytest

from clients import Client, join
from fleets import wait_bus
from tokens import mint, unique

SECONDS = 90


async def spread(server, count, token):
    """Session clients on however many workers take them."""
    clients = await asyncio.gather(*(Client.open(server, token, session=True)
                                     for _ in range(count)))
    for client in clients:
        await client.signed_in()
    return clients


@pytest.mark.seconds(SECONDS)
async def test_two_workers_and_a_c_server_give_the_same_positions(serve, launch, redis_server):
    env = {"REDIS_URL": redis_server.url}
    c_server = launch(env)
    wait_bus(c_server)
    workers = serve(env, arguments=["--workers", "2"])
    tenant = unique("t")
    root = mint("root", tenant, roles=["admin"])
    clients = await spread(workers, 10, root) + [await join(c_server, "root", token=root)]
    await asyncio.sleep(1.0)  # both workers have begun to follow
    made = []
    for n in range(20):
        where = workers if n % 2 else c_server
        made.append(await asyncio.to_thread(
            where.publish, {"event_type": "user_updated", "user_id": "u", "tenant_id": tenant}))
    for client in clients:
        for one in made:
            await client.event(one["id"])
    first = [(e["id"], e["position"]) for e in clients[-1].events]
    # A worker queues what it is given: between two instances the stream decides.
    assert sorted(i for i, _ in first) == sorted(one["id"] for one in made)
    for client in clients:
        assert [(e["id"], e["position"]) for e in client.events] == first
    # A position of a worker is good at the C server, and the other way round.
    for server, position in ((c_server, first[4][1]), (workers, first[9][1])):
        again = await join(server, "root", token=root, position=position)
        assert again.of("auth_ok")[0]["resumed"] is True
        await again.event(first[-1][0])
        await again.close()
    # A right that is taken away anywhere is taken away everywhere.
    await asyncio.to_thread(c_server.publish, {
        "event_type": "user_deleted", "target_user_id": "root", "tenant_id": tenant})
    for client in clients:
        assert (await client.closed())[0] == 4002


@pytest.mark.seconds(SECONDS)
async def test_without_redis_for_a_while_events_stay_local_and_nobody_is_closed(serve,
                                                                               redis_server):
    server = serve({"REDIS_URL": redis_server.url})
    tenant = unique("t")
    client = await join(server, "u", tenant)
    redis_server.kill()
    slowest = 0.0
    for n in range(30):
        answer = await asyncio.to_thread(server.post_json, "/publish", [
            {"event_type": "user_updated", "user_id": "u", "tenant_id": tenant, "id": f"away-{n}"}])
        assert answer.status == 200
        slowest = max(slowest, answer.json()["slowest"])
    assert slowest < 0.05, "notify_rbac_event waited for Redis"
    await client.event("away-29")
    redis_server.start()
    server.wait_log("Redis is back", 20)
    last = await asyncio.to_thread(server.publish, {
        "event_type": "user_updated", "user_id": "u", "tenant_id": tenant})
    await client.event(last["id"])
    assert [i for i in client.ids if i.startswith("away")] == [f"away-{n}" for n in range(30)]
    assert len([line for line in server.lines if "Redis unavailable" in line]) == 1
    await client.close()
    end = time.monotonic() + 5
    while server.stats()["active_connections"]:
        assert time.monotonic() < end
        await asyncio.sleep(0.05)
