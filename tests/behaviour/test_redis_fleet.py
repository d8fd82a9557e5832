# SPDX-License-Identifier: Apache-2.0
# test_redis_fleet.py: three instances on one Redis are one server to their clients.
import asyncio
import json

from clients import join, refused, settle, without_probes
from events import event
from fleets import publish, stored_ids, stream, wait_for
from tokens import admin, mint, unique

JSON = {"Content-Type": "application/json"}


async def close_all(*clients):
    await asyncio.gather(*(c.close() for c in clients))


async def test_each_instance_gives_each_event_once_and_in_the_same_order(fleet):
    tenant = unique("t")
    roots = [await join(server, "root", tenant, roles=["admin"]) for server in fleet]
    alices = [await join(server, "alice", tenant, session=i != 1) for i, server in enumerate(fleet)]
    narrow = [await join(server, "root", tenant, roles=["admin"],
                         subscribe={"event_types": ["user_updated"]}) for server in fleet]

    def some(server, name):
        for i in range(20):
            kind = ["user_updated", "access_denied"][i % 2]
            batch = [event(kind, id=f"{name}-{i}-{j}", user_id=["alice", "bob"][j % 2],
                           tenant_id=tenant) for j in range(1 + i % 4)]
            publish(server, batch if len(batch) > 1 else batch[0])

    await asyncio.gather(*(asyncio.to_thread(some, server, name)
                           for server, name in zip(fleet, "abc")))
    await settle(fleet[0], tenant, *roots, *alices, *narrow)
    everything = without_probes(roots[0].ids)
    assert len(everything) == 3 * 50 and len(set(everything)) == len(everything)
    for i in range(1, 3):
        events = [[text for text in c.raw if '"type":"event"' in text] for c in (roots[0], roots[i])]
        assert events[1] == events[0][-len(events[1]):]  # the same bytes, positions included
    own = [i for i in everything if int(i.rsplit("-")[-1]) % 2 == 0]
    updated = [i for i in everything if int(i.split("-")[1]) % 2 == 0]
    for client in alices:
        assert without_probes(client.ids) == own
    for client in narrow:
        assert without_probes(client.ids) == updated
    assert [i for i in stored_ids(fleet.redis) if i in set(everything)] == everything
    await close_all(*roots, *alices, *narrow)


async def test_a_position_is_good_on_every_instance(fleet):
    tenant = unique("t")
    first = await join(fleet[0], "u", tenant)
    await settle(fleet[0], tenant, first)
    position = first.position
    await first.close()
    made = [publish(fleet[i % 3], event("user_updated", user_id="u", tenant_id=tenant))[1][0]
            for i in range(9)]
    for server in fleet:
        client = await join(server, "u", tenant, position=position)
        assert client.frames[0]["resumed"] is True
        assert client.frames[0]["position"] == position
        await settle(fleet[2], tenant, client)
        assert [i for i in client.ids if i in made] == made
        await client.close()


async def test_a_position_ahead_of_the_instance_is_accepted_and_what_it_has_seen_is_skipped(fleet):
    tenant = unique("t")
    here, late = fleet[0], fleet[1]
    first = await join(here, "u", tenant)
    fleet.proxies[1].stall()
    await asyncio.to_thread(late.wait_stats, bus="degraded")
    seen = publish(here, [event("user_updated", user_id="u", tenant_id=tenant)
                          for _ in range(3)])[1]
    ahead = (await first.event(seen[-1]))["position"]
    await first.close()
    moved = await join(late, "u", tenant, position=ahead)
    assert moved.frames[0]["resumed"] is True and moved.frames[0]["position"] == ahead
    assert (await moved.frame("heartbeat"))["position"] == ahead
    degraded, alone = publish(late, event("user_updated", user_id="u", tenant_id=tenant))
    assert degraded and (await moved.event(alone[0]))["position"] == ahead
    later = publish(here, event("user_updated", user_id="u", tenant_id=tenant))[1]
    fleet.proxies[1].heal()
    await moved.event(later[0])
    await asyncio.to_thread(late.wait_stats, 20, bus="ok")
    await settle(here, tenant, moved)
    assert sorted(without_probes(moved.ids)) == sorted(alone + later)
    await moved.close()


async def test_revocation_and_disconnection_reach_the_other_instances(fleet):
    tenant, token = unique("t"), None
    gone = [await join(server, "gone", tenant) for server in fleet]
    away = [await join(server, "away", tenant) for server in fleet]
    stays = [await join(server, "stays", tenant) for server in fleet]
    token = gone[0].token
    answer = fleet[0].request("POST", "/v1/revocations", json.dumps({"user_id": "gone"}),
                              admin(tenant), JSON)
    assert answer.status == 200
    answer = fleet[1].request("POST", "/v1/users/away/disconnect", None, admin(tenant), JSON)
    assert answer.status == 200
    for client in gone:
        assert (await client.closed())[0] == 4102
    for client in away:
        assert (await client.closed())[0] == 4004
    await settle(fleet[2], tenant, *stays)
    for server in fleet:
        assert (await refused(server, token))[0] == 4102
        back = await join(server, "away", tenant)
        await back.close()
    assert [kind for _, kind, _ in stream(fleet.redis) if kind.startswith("$")] == \
        ["$revocation", "$disconnect"]
    await close_all(*stays)


async def test_a_given_id_is_known_on_every_instance(fleet):
    tenant, name = unique("t"), unique("id")
    client = await join(fleet[1], "u", tenant)
    body = event("user_updated", id=name, user_id="u", tenant_id=tenant)
    first = fleet[0].publish(body)
    for server in fleet:
        again = server.publish(body)
        assert again["duplicate"] is True and again["position"] == first["position"]
        assert server.post({**body, "user_id": "other"}).status == 409
    await settle(fleet[2], tenant, client)
    assert without_probes(client.ids) == [name]
    assert stored_ids(fleet.redis).count(name) == 1
    await client.close()


async def test_an_instance_that_starts_later_knows_what_was_before(fleet):
    tenant = unique("t")
    client = await join(fleet[0], "u", tenant)
    position = client.position
    made = publish(fleet[0], [event("user_updated", user_id="u", tenant_id=tenant)
                              for _ in range(5)])[1]
    await client.close()
    server = await asyncio.to_thread(fleet.restart, 1)
    client = await join(server, "u", tenant, position=position)
    assert client.frames[0]["resumed"] is True
    await settle(fleet[2], tenant, client)
    assert without_probes(client.ids) == made
    await client.close()


async def test_a_prefix_keeps_fleets_on_one_redis_apart(launch, redis_server):
    env = {"REDIS_URL": redis_server.url}
    one, two = launch({**env, "MCP_AUTH_REDIS_PREFIX": "one:"}), \
        launch({**env, "MCP_AUTH_REDIS_PREFIX": "two:"})
    for server in (one, two):
        await asyncio.to_thread(server.wait_stats, 15, bus="ok")
    tenant = unique("t")
    clients = [await join(server, "u", tenant) for server in (one, two)]
    names = [publish(server, event("user_updated", id=unique("e"), user_id="u",
                                   tenant_id=tenant))[1][0] for server in (one, two)]
    for server, client, name in zip((one, two), clients, names):
        await settle(server, tenant, client)
        assert without_probes(client.ids) == [name]
    keys = redis_server.client(decode_responses=True).keys("*")
    # The prefix stands in front of the name; a hash tag's brace may come before it.
    assert keys and all(key.lstrip("{").startswith(("one:", "two:")) for key in keys), keys
    await close_all(*clients)


def test_what_an_instance_says_of_its_bus(fleet):
    for server in fleet:
        stats = server.stats()
        assert stats["bus"] == "ok" and "bus_reason" not in stats
        assert stats["redis"]["connected"] is True and stats["redis"]["outbox_events"] == 0
        assert server.request("GET", "/readyz").json()["bus"] == "ok"
    publish(fleet[0], event("user_updated", user_id="u"))
    for server in fleet:
        wait_for(lambda: server.stats()["redis"]["last_n"] == 1, "the entry")
    assert len({server.stats()["redis"]["epoch"] for server in fleet}) == 1


async def test_a_token_is_needed_as_without_redis(fleet):
    token = mint("u", secret="another-secret-of-64-bytes-for-tests-0123456789abcdef0123456789")
    assert (await refused(fleet[0], token))[0] == 4001
