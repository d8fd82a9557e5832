# SPDX-License-Identifier: Apache-2.0
# test_guide.py: what the guide's browser code relies on (R01, R02, R20-R26, R33, R110).
import asyncio
import json
import re
import time

import pytest
import websockets

from clients import Client, is_in, join, settle, without_probes
from events import TYPES, event
from serving import ROOT
from tokens import mint, unique

KEYWORDS = {"user_id": "u", "user_name": "Ülrike \"Q\" <b>", "target_user_id": "t",
            "resource": "documents/7", "resource_id": "7", "action": "read", "role_name": "editor",
            "permission": "documents:read", "message": "Line one\nline two \u2028 \U0001f600 \\ /",
            "security_level": "High", "data": {"n": 1, "deep": [{"x": None}, 1.5, True, "ä"]}}


def test_the_fourteen_event_types_are_those_of_the_contract():
    listed = json.loads((ROOT / "protocol" / "event_types.json").read_text())["event_types"]
    assert [row["name"] for row in listed] == TYPES and len(TYPES) == 14


async def test_a_plain_client_receives_event_frames_and_nothing_else(server):
    tenant, alice = unique("t"), unique("alice")
    client = await Client.open(server, mint(alice, tenant), user=alice)
    client.identity = tenant, alice
    await is_in(server, client)
    await client.send({"type": "ping", "id": 7})
    await client.send({"type": "subscribe"})
    await client.send({"type": "auth", "token": mint(alice, tenant)})
    await settle(server, tenant, client)
    assert {f["type"] for f in client.frames} == {"event"}
    assert client.ws.subprotocol is None
    await client.close()


async def test_every_keyword_of_an_event_reaches_a_client_unchanged(server):
    tenant = unique("t")
    client = await join(server, "t", tenant, session=False)
    given = event("permission_granted", **KEYWORDS)
    made = server.publish({**given, "tenant_id": tenant})
    frame = await client.event(made["id"])
    for name, value in given.items():
        assert frame[name] == value, name
    assert frame["tenant_id"] == tenant
    await client.close()


async def test_a_frame_is_one_flat_compact_object_that_ends_with_its_position(server):
    tenant = unique("t")
    client = await join(server, "u", tenant, session=False)
    made = server.publish(event("role_assigned", user_id="u", role_name="r", tenant_id=tenant))
    frame = await client.event(made["id"])
    raw = client.raw[client.frames.index(frame)]
    assert isinstance(raw, str)
    assert list(frame)[-1] == "position" and frame["position"] == made["position"]
    assert json.dumps(frame, separators=(",", ":"), ensure_ascii=False) == raw
    assert frame["type"] == "event" and None not in frame.values()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", frame["timestamp"])
    assert set(frame) == {"type", "id", "event_type", "timestamp", "message", "security_level",
                          "user_id", "role_name", "tenant_id", "position"}
    assert len(frame["position"]) <= 32 and frame["position"].isprintable()
    await client.close()


@pytest.mark.parametrize("kind", TYPES)
async def test_an_event_of_each_type_arrives_with_a_default_message_that_names_nobody(server, kind):
    tenant = unique("t")
    admin = await join(server, "root", tenant, session=False, roles=["admin"])
    made = server.publish(event(kind, user_id="somebody", tenant_id=tenant))
    frame = await admin.event(made["id"])
    assert frame["event_type"] == kind and frame["security_level"] == "LOW"
    assert isinstance(frame["message"], str) and frame["message"]
    assert "somebody" not in frame["message"]
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
                        frame["id"])
    await admin.close()


async def test_every_authorised_connection_gets_the_event_at_once_on_every_worker(server):
    tenant = unique("t")
    clients = await asyncio.gather(*(join(server, "u", tenant, session=i % 2 == 0)
                                     for i in range(24)))
    began = time.monotonic()
    made = server.publish(event("permission_granted", user_id="u", tenant_id=tenant))
    frames = await asyncio.gather(*(c.event(made["id"]) for c in clients))
    assert time.monotonic() - began < 2  # a hang detector: no polling interval hides in here
    assert len({json.dumps(f) for f in frames}) == 1
    await settle(server, tenant, *clients)
    assert all(c.ids.count(made["id"]) == 1 for c in clients)
    await asyncio.gather(*(c.close() for c in clients))


async def test_all_connections_see_all_events_in_one_order_with_unique_ids(server):
    tenant = unique("t")
    clients = await asyncio.gather(*(join(server, "u", tenant, session=i % 2 == 0)
                                     for i in range(8)))
    loop = asyncio.get_running_loop()
    batches = [[event("user_updated", user_id="u", tenant_id=tenant) for _ in range(20)]
               for _ in range(10)]
    answers = await asyncio.gather(*(loop.run_in_executor(None, server.publish, batch)
                                     for batch in batches))
    await settle(server, tenant, *clients)
    orders = {tuple(without_probes(c.ids)) for c in clients}
    assert len(orders) == 1
    order = orders.pop()
    assert len(order) == 200 == len(set(order))
    assert set(order) == {e["id"] for answer in answers for e in answer}
    for answer in answers:  # a publisher's own order is kept
        places = [order.index(e["id"]) for e in answer]
        assert places == sorted(places)
    positions = [f["position"] for f in clients[0].events]
    assert len(set(positions)) == len(positions)
    await asyncio.gather(*(c.close() for c in clients))


async def test_the_same_user_may_have_many_connections_and_a_dead_one_is_no_obstacle(server):
    tenant = unique("t")
    first = await join(server, "u", tenant)
    first.ws.transport.abort()
    second, third = await join(server, "u", tenant), await join(server, "u", tenant, session=False)
    await settle(server, tenant, second, third)
    await second.close()
    await third.close()


async def test_the_endpoint_needs_no_query_and_offers_no_other_subprotocol(server):
    async with websockets.connect(server.ws, subprotocols=["graphql-ws"], ping_interval=None) as ws:
        assert ws.subprotocol is None
    async with websockets.connect(server.ws, subprotocols=["x", "mcp-auth.v1"],
                                  ping_interval=None) as ws:
        assert ws.subprotocol == "mcp-auth.v1"
