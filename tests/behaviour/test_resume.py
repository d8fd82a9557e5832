# SPDX-License-Identifier: Apache-2.0
# test_resume.py: positions: nothing lost, nothing twice, and an honest no when that cannot be.
import asyncio

import pytest

from clients import Client, join, refused, settle, without_probes
from events import event
from tokens import mint, unique


async def test_everything_since_the_position_comes_once_and_then_live_goes_on(server):
    tenant = unique("t")
    first = await join(server, "u", tenant)
    start = first.position
    made = server.publish([event("user_updated", user_id="u",
                                 tenant_id=tenant) for _ in range(300)])
    await first.event(made[-1]["id"])
    middle = made[120]["position"]
    whole, half = (await join(server, "u", tenant, position=start),
                   await join(server, "u", tenant, position=middle))
    assert whole.frames[0]["resumed"] and whole.frames[0]["position"] == start
    assert half.frames[0]["resumed"] and half.frames[0]["position"] == middle
    await settle(server, tenant, first, whole, half)
    ids = [m["id"] for m in made]
    assert without_probes(whole.ids) == ids and without_probes(half.ids) == ids[121:]
    assert whole.raw[1:] == first.raw[1:]  # replayed and live frames are the same bytes
    for client in (first, whole, half):
        await client.close()


@pytest.mark.parametrize("session", [True, False], ids=["session", "plain"])
async def test_resume_while_events_flow_has_no_hole_and_no_double(server, session):
    tenant = unique("t")
    witness = await join(server, "u", tenant)
    position = witness.position
    going = True

    async def publish():
        made = []
        while going:
            made += await asyncio.to_thread(server.publish, [
                event("user_updated", user_id="u", tenant_id=tenant, data={"x": "y" * 200})
                for _ in range(20)])
        return made

    publisher = asyncio.ensure_future(publish())
    clients = []
    for _ in range(12):
        await asyncio.sleep(0.05)
        client = await Client.open(server, mint("u", tenant), session=session, position=position,
                                   user="u")
        clients.append(client)
    going = False
    made = [m["id"] for m in await publisher]
    await settle(server, tenant, witness, *clients)
    for client in clients:
        assert without_probes(client.ids) == made
    await asyncio.gather(witness.close(), *(c.close() for c in clients))


async def test_a_resume_gives_only_what_one_may_see_today(server):
    tenant = unique("t")
    root = await join(server, "root", tenant, roles=["admin"])
    position = root.position
    made = [server.publish(event(kind, user_id=user, tenant_id=tenant))["id"]
            for kind, user in (("user_updated", "root"), ("user_updated", "bob"),
                               ("policy_updated", None))]
    await root.event(made[-1])
    less = await join(server, "root", tenant, position=position)
    more = await join(server, "root", tenant, position=position, roles=["rbac_admin"])
    await settle(server, tenant, less, more)
    assert without_probes(less.ids) == made[:1] and without_probes(more.ids) == made
    for client in (root, less, more):
        await client.close()


async def test_a_position_of_another_tenant_shows_nothing_of_it(server):
    here, there = unique("t"), unique("t")
    alice = await join(server, "u", here)
    position = alice.position
    server.publish([event("user_updated", user_id="u", tenant_id=here) for _ in range(5)])
    stranger = await join(server, "u", there, position=position)
    await settle(server, there, stranger)
    assert without_probes(stranger.ids) == []
    await alice.close()
    await stranger.close()


LOST = ["", "x", "0" * 32, "A" * 26, "../../etc/passwd", "é" * 16, "x" * 33, "x" * 10000]


@pytest.mark.parametrize("position", LOST, ids=range(len(LOST)))
async def test_a_position_that_is_none_is_answered_resumed_false_or_4301(server, position):
    tenant = unique("t")
    client = await join(server, "u", tenant, position=position)
    ok = client.frames[0]
    assert ok["resumed"] is False and ok["position"] != position
    await settle(server, tenant, client)
    assert without_probes(client.ids) == []
    await client.close()
    assert await refused(server, mint("u", tenant), position=position) == (4301, "Position lost")


async def test_every_changed_character_of_a_position_is_noticed_or_harmless(server):
    tenant = unique("t")
    client = await join(server, "u", tenant)
    made = server.publish([event("user_updated", user_id="u", tenant_id=tenant) for _ in range(3)])
    await client.event(made[-1]["id"])
    position = made[0]["position"]
    for i in range(len(position)):
        changed = position[:i] + ("1" if position[i] != "1" else "2") + position[i + 1:]
        other = await join(server, "u", tenant, position=changed)
        if other.frames[0]["resumed"]:
            await settle(server, tenant, other)
            ids = without_probes(other.ids)
            assert len(ids) == len(set(ids))
        await other.close()
    await client.close()


async def test_after_a_restart_a_position_is_lost_and_said_so(launch):
    server = launch()
    client = await join(server, "u")
    server.publish(event("user_updated", user_id="u"))
    await settle(server, None, client)
    position = client.position
    await client.close()
    server.stop()
    again = launch(port=server.port)
    client = await join(again, "u", position=position)
    assert client.frames[0]["resumed"] is False
    assert (await refused(again, mint("u"), position=position))[0] in (4301, 4302)
    await client.close()


async def test_a_position_that_history_has_let_go_is_lost_and_a_newer_one_is_not(launch):
    server = launch({"MCP_AUTH_HISTORY_EVENTS": 20})
    client = await join(server, "u")
    start = client.position
    made = server.publish([event("user_updated", user_id="u") for _ in range(50)])
    await client.event(made[-1]["id"])
    assert (await refused(server, mint("u"), position=start)) == (4301, "Position lost")
    assert (await refused(server, mint("u"), position=made[10]["position"])) == (4301,
                                                                                 "Position lost")
    late = await join(server, "u", position=made[35]["position"])
    assert late.frames[0]["resumed"] is True
    await settle(server, None, late)
    assert without_probes(late.ids) == [m["id"] for m in made[36:]]
    await late.close()
    await client.close()


async def test_an_expired_event_is_not_delivered(launch):
    server = launch({"MCP_AUTH_HISTORY_SECONDS": "0.5"})
    client = await join(server, "u")
    start = client.position
    made = server.publish(event("user_updated", user_id="u"))
    await client.event(made["id"])
    await asyncio.sleep(1.2)
    assert (await refused(server, mint("u"), position=start))[0] == 4301
    newest = await join(server, "u", position=made["position"])  # nothing newer was ever stored
    assert newest.frames[0]["resumed"] is True
    await settle(server, None, newest)
    assert without_probes(newest.ids) == []
    await newest.close()
    await client.close()


async def test_positions_of_a_quiet_user_stay_good_by_heartbeats(launch):
    server = launch({"WEBSOCKET_HEARTBEAT_INTERVAL": "0.3", "MCP_AUTH_HISTORY_EVENTS": 20})
    quiet = await join(server, "quiet")
    start = quiet.position
    server.publish([event("user_updated", user_id="loud") for _ in range(50)])
    await quiet.frame("heartbeat", len(quiet.of("heartbeat")) + 2)
    position = quiet.position
    assert position != start
    again = await join(server, "quiet", position=position)
    assert again.frames[0]["resumed"] is True
    await quiet.close()
    await again.close()


async def test_a_renewal_in_the_middle_of_a_long_resume_loses_nothing(server):
    tenant = unique("t")
    witness = await join(server, "u", tenant)
    position = witness.position
    made = []
    for _ in range(6):
        made += server.publish([event("user_updated", user_id="u", tenant_id=tenant,
                                      data={"x": "y" * 1500}) for _ in range(200)])
    client = await Client.open(server, mint("u", tenant), session=True, position=position, user="u")
    for _ in range(5):
        await client.send({"type": "auth", "token": mint("u", tenant)})
        await asyncio.sleep(0.01)
    await settle(server, tenant, client, witness)
    assert without_probes(client.ids) == [m["id"] for m in made]
    await client.close()
    await witness.close()
