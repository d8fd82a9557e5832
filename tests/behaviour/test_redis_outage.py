# SPDX-License-Identifier: Apache-2.0
# test_redis_outage.py: Redis away, frozen, full or read-only: served on, said once, made good after.
import asyncio
import json
import time

import pytest

from clients import join, refused, settle, without_probes
from events import event
from fleets import AWAY, BACK, lines, publish, stored_ids, wait_bus, wait_for
from tokens import admin, mint, unique

JSON = {"Content-Type": "application/json"}


def mine(tenant, count=1, **members):
    return [event("user_updated", id=unique("e"), user_id="u", tenant_id=tenant, **members)
            for _ in range(count)]


def ids(events):
    return [made["id"] for made in events]


async def all_once_and_in_one_order(fleet, tenant, clients, alone):
    """After the return: the stream holds what each instance took, in its order; live clients had
    each event exactly once; who comes now sees the one order."""
    stored = [i for i in stored_ids(fleet.redis) if i.startswith("e-")]
    for names in alone:
        assert [i for i in stored if i in names] == names
    assert sorted(stored) == sorted(sum(alone, []))
    await settle(fleet[0], tenant, *clients)
    for client in clients:
        assert sorted(without_probes(client.ids)) == sorted(stored)
        assert len(set(client.ids)) == len(client.ids)


async def close_all(clients):
    await asyncio.gather(*(c.close() for c in clients))


@pytest.mark.parametrize("how", ["killed", "frozen", "cut off", "stalled"])
async def test_an_outage_closes_nothing_and_loses_nothing(fleet, how):
    tenant = unique("t")
    clients = [await join(server, "u", tenant, session=session)
               for server in fleet for session in (True, False)]
    begun = without_probes(clients[0].ids)
    assert not begun
    if how == "killed":
        fleet.redis.kill()
    elif how == "frozen":
        fleet.redis.freeze()
    for proxy in fleet.proxies if how in ("cut off", "stalled") else ():
        proxy.cut() if how == "cut off" else proxy.stall()
    alone = []
    for index, server in enumerate(fleet):
        batches = [mine(tenant, 1 + i) for i in range(4)]
        for batch in batches:
            degraded, _ = await asyncio.to_thread(publish, server, batch)
            assert degraded is True
        alone.append(sum((ids(b) for b in batches), []))
        for client in clients[2 * index:2 * index + 2]:  # at once, by this instance alone
            await client.event(alone[-1][-1])
            assert without_probes(client.ids) == alone[-1]
    await asyncio.to_thread(fleet.wait, "degraded")
    if how == "killed":
        fleet.redis.start()
    elif how == "frozen":
        fleet.redis.thaw()
    for proxy in fleet.proxies:
        proxy.heal()
    await asyncio.to_thread(fleet.wait, "ok")
    await all_once_and_in_one_order(fleet, tenant, clients, alone)
    for server in fleet:
        assert len(lines(server, AWAY)) == 1 and len(lines(server, BACK)) == 1, server.log
        # It counts at the end of the turn in which the clients are told.
        wait_for(lambda: server.stats()["redis"]["outbox_events"] == 0, "an empty outbox")
    assert all(not c.ended for c in clients)
    late = [await join(server, "u", tenant, position=clients[0].frames[0]["position"])
            for server in fleet]
    await settle(fleet[1], tenant, *late)
    assert len({tuple(without_probes(c.ids)) for c in late}) == 1
    assert sorted(without_probes(late[0].ids)) == sorted(sum(alone, []))
    await close_all(clients + late)


async def test_what_came_back_is_told_to_who_resumes_from_before_the_outage(fleet):
    tenant = unique("t")
    client = await join(fleet[0], "u", tenant)
    await settle(fleet[0], tenant, client)
    fleet.redis.kill()
    alone = ids(mine(tenant, 3))
    assert publish(fleet[0], [event("user_updated", id=i, user_id="u", tenant_id=tenant)
                              for i in alone])[0]
    positions = {(await client.event(i))["position"] for i in alone}
    assert len(positions) == 1  # the last one of the bus
    await client.close()
    # While it is away: who comes now gets what this instance has delivered alone, too.
    fresh = await join(fleet[0], "u", tenant, position=client.position)
    assert fresh.frames[0]["resumed"] is True
    await fresh.event(alone[-1])
    assert fresh.ids == alone
    fleet.redis.start()
    await asyncio.to_thread(fleet.wait)
    moved = await join(fleet[1], "u", tenant, position=client.position)
    await settle(fleet[2], tenant, moved, fresh)
    assert without_probes(moved.ids) == alone and without_probes(fresh.ids) == alone
    await close_all([moved, fresh])


async def test_a_position_of_an_instance_that_never_met_redis_is_good_there_alone(
        launch, redis_server):
    redis_server.kill()
    here, other = [launch({"REDIS_URL": redis_server.url}) for _ in range(2)]
    client = await join(here, "u", "t")
    position = client.position or client.frames[0]["position"]
    await client.close()
    for server, resumed in ((here, True), (other, False)):
        back = await join(server, "u", "t", position=position)
        assert back.frames[0]["resumed"] is resumed
        await back.close()


async def test_it_was_never_there_at_the_start(launch, redis_server):
    redis_server.kill()
    server = launch({"REDIS_URL": redis_server.url})
    server.wait_log(AWAY)
    client = await join(server, "u", "t")
    degraded, names = publish(server, mine("t", 3))
    assert degraded
    await client.event(names[-1])
    redis_server.start()
    await asyncio.to_thread(wait_bus, server)
    assert stored_ids(redis_server) == names
    degraded, more = publish(server, mine("t"))
    assert not degraded
    for client in [client] if not client.ended else []:
        await client.event(more[0])
        assert client.ids == names + more
    assert len(lines(server, AWAY)) == 1 and len(lines(server, BACK)) == 1, server.log
    await client.close()


async def test_only_the_first_event_of_an_outage_waits_for_the_deadline(launch, redis_server):
    server = launch({"REDIS_URL": redis_server.url, "MCP_AUTH_BUS_DEADLINE_MS": 900})
    wait_bus(server)
    redis_server.freeze()
    took = []
    for _ in range(4):
        began = time.monotonic()
        assert publish(server, mine("t"))[0] is True
        took.append(time.monotonic() - began)
    assert 0.8 < took[0] < 5 and max(took[1:]) < 0.7, took
    redis_server.thaw()
    wait_bus(server)
    assert len(stored_ids(redis_server)) == 4


async def test_heartbeats_readiness_and_counters_tell_of_it(fleet):
    client = await join(fleet[0], "u", unique("t"))
    redis_server, server = fleet.redis, fleet[0]
    redis_server.kill()
    await client.until(lambda: any(f["bus"] == "degraded" for f in client.of("heartbeat")),
                       "a heartbeat that says degraded")
    answer = server.request("GET", "/readyz")
    assert answer.status == 200 and answer.json()["bus"] == "degraded"
    assert "Redis unavailable" in answer.json()["reasons"]
    stats = server.stats()
    assert stats["bus"] == "degraded" and stats["bus_reason"] == "Redis unavailable"
    assert stats["redis"]["connected"] is False
    redis_server.start()
    await client.until(lambda: client.of("heartbeat")[-1]["bus"] == "ok", "a heartbeat: ok", 20)
    answer = server.request("GET", "/readyz").json()
    assert answer["bus"] == "ok" and "Redis unavailable" not in answer["reasons"]
    assert server.stats()["redis"]["outages"] == 1
    await client.close()


REFUSING = {
    "full": (lambda c: c.config_set("maxmemory", "1"), lambda c: c.config_set("maxmemory", "0"),
             "OOM"),
    "a replica": (lambda c: c.execute_command("REPLICAOF", "127.0.0.1", "1"),
                  lambda c: c.execute_command("REPLICAOF", "NO", "ONE"), "READONLY|UNBLOCKED"),
    "without permission": (
        lambda c: c.execute_command("ACL", "SETUSER", "default", "-xadd", "-evalsha", "-eval"),
        lambda c: c.execute_command("ACL", "SETUSER", "default", "+@all"), "NOPERM|NOAUTH"),
}


@pytest.mark.parametrize("how", REFUSING)
async def test_a_redis_that_takes_nothing_is_an_outage_with_its_reason(fleet, how):
    begin, end, word = REFUSING[how]
    tenant = unique("t")
    clients = [await join(server, "u", tenant) for server in fleet]
    control = fleet.redis.client()
    begin(control)
    degraded, first = await asyncio.to_thread(publish, fleet[0], mine(tenant, 2))
    assert degraded
    await clients[0].event(first[-1])
    line = await asyncio.to_thread(fleet[0].wait_log, AWAY)
    assert any(w in line for w in word.split("|")), line
    _, second = await asyncio.to_thread(publish, fleet[0], mine(tenant, 2))
    end(control)
    await asyncio.to_thread(fleet.wait)
    await settle(fleet[1], tenant, *clients)
    for client in clients:
        assert without_probes(client.ids) == first + second
    assert len(lines(fleet[0], AWAY)) == 1, fleet[0].log
    await close_all(clients)


async def test_a_full_outbox_refuses_events_and_still_takes_revocations(launch, redis_server):
    server = launch({"REDIS_URL": redis_server.url})
    wait_bus(server)
    redis_server.kill()
    taken, refused_at = 0, None
    batch = [{"event_type": "user_updated", "user_id": "u", "tenant_id": "t",
              "data": {"x": "y" * 64000}} for _ in range(60)]
    for number in range(40):
        answer = await asyncio.to_thread(server.post, batch)
        if answer.status != 202:
            refused_at = answer
            break
        taken += len(batch)
    assert refused_at is not None and refused_at.status == 503, refused_at
    assert refused_at.error["code"] == "outbox_full" and refused_at.error.get("retryable", True)
    assert 24 << 20 < taken * 64000 < 72 << 20  # an event may be kept in two views
    answer = server.request("POST", "/v1/revocations", json.dumps({"user_id": "u"}), admin("t"),
                            JSON)
    assert answer.status == 200, answer
    redis_server.start()
    await asyncio.to_thread(wait_bus, server, "ok", 40)
    assert len(stored_ids(redis_server)) == taken
    assert publish(server, mine("t"))[0] is False


async def test_an_id_is_known_again_after_an_outage(fleet):
    tenant, name = unique("t"), unique("e")
    body = event("user_updated", id=name, user_id="u", tenant_id=tenant)
    clients = [await join(server, "u", tenant) for server in fleet]
    fleet.redis.kill()
    for server in fleet:  # a publisher that had no answer, and tried elsewhere
        for _ in range(2):
            assert publish(server, body)[0] is True
    for client in clients:
        await client.event(name)
    fleet.redis.start()
    await asyncio.to_thread(fleet.wait)
    await settle(fleet[2], tenant, *clients)
    assert stored_ids(fleet.redis).count(name) == 1
    for client in clients:
        assert without_probes(client.ids) == [name]
    await close_all(clients)


async def test_isolation_closes_everybody_4206_until_redis_is_back(launch, redis_server):
    server = launch({"REDIS_URL": redis_server.url, "MCP_AUTH_MAX_ISOLATION": 1})
    wait_bus(server)
    clients = [await join(server, "u", "t", session=session) for session in (True, False)]
    redis_server.kill()
    for client in clients:
        assert (await client.closed(20))[0] == 4206
    assert (await refused(server, mint("u", "t")))[0] == 4206
    assert server.request("GET", "/readyz").status == 503
    redis_server.start()
    await asyncio.to_thread(wait_bus, server)
    assert server.request("GET", "/readyz").status == 200
    back = await join(server, "u", "t", position=clients[0].position)
    assert back.frames[0]["resumed"] is True
    await back.close()


async def test_a_short_outage_is_no_isolation(launch, redis_server):
    server = launch({"REDIS_URL": redis_server.url, "MCP_AUTH_MAX_ISOLATION": 30})
    wait_bus(server)
    client = await join(server, "u", "t")
    redis_server.restart(1)
    await asyncio.to_thread(wait_bus, server)
    await settle(server, "t", client)
    await client.close()


@pytest.mark.seconds(150)
async def test_a_hundred_bounces_leave_nothing_behind(launch, redis_server):
    server = launch({"ASAN_OPTIONS": "detect_leaks=1:quarantine_size_mb=1:"
                                     "detect_stack_use_after_return=0",
                     "REDIS_URL": redis_server.url})
    wait_bus(server)
    client, tenant = await join(server, "u", "t"), "t"

    def bounce():
        before = server.stats()["redis"]["reconnects"]
        redis_server.client().execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        publish(server, mine(tenant))
        wait_for(lambda: server.stats()["redis"]["reconnects"] > before, "attached again")
        wait_bus(server)

    for _ in range(10):
        await asyncio.to_thread(bounce)
    descriptors, memory = server.descriptors(), server.resident_kb()
    for _ in range(90):
        await asyncio.to_thread(bounce)
    await settle(server, tenant, client)
    assert len(without_probes(client.ids)) == 100 and len(stored_ids(redis_server)) >= 100
    assert server.descriptors() <= descriptors
    assert server.resident_kb() - memory < 8192
    await client.close()


async def test_it_stops_in_order_while_redis_is_away(launch, redis_server):
    server = launch({"REDIS_URL": redis_server.url})
    wait_bus(server)
    redis_server.freeze()
    client = await join(server, "u", "t")
    await asyncio.to_thread(publish, server, mine("t", 5))
    await asyncio.to_thread(server.stop)
    assert (await client.closed())[0] in (1001, 4200)
    redis_server.thaw()
