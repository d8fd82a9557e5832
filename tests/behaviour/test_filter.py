# SPDX-License-Identifier: Apache-2.0
# test_filter.py: a subscription narrows what a client sees and never widens it (R52).
import asyncio

import pytest

from clients import join
from events import TYPES, event
from tokens import unique

LEVELS = ["LOW", "INFO", "MEDIUM", "WARNING", "HIGH", "CRITICAL"]
RANK = {"LOW": 0, "INFO": 0, "MEDIUM": 1, "WARNING": 1, "HIGH": 2, "CRITICAL": 3}


async def seen(server, tenant, client, events):
    """The ids of `events` that the client gets; the last one passes every filter used here."""
    made = server.publish([{**e, "tenant_id": tenant} for e in events]) if events else []
    last = server.publish(event("role_assigned", user_id="u", resource="docs/last",
                                security_level="CRITICAL", tenant_id=tenant))
    await client.event(last["id"])
    return [made.index(m) for m in made if m["id"] in client.ids]


@pytest.mark.parametrize("least", LEVELS + ["high", "Critical"])
async def test_a_least_level_lets_through_what_ranks_as_high(server, least):
    tenant = unique("t")
    client = await join(server, "u", tenant, subscribe={"min_security_level": least})
    events = [event("user_updated", user_id="u", security_level=level) for level in LEVELS]
    wanted = [i for i, level in enumerate(LEVELS) if RANK[level] >= RANK[least.upper()]]
    assert await seen(server, tenant, client, events) == wanted
    await client.close()


async def test_resources_are_exact_or_a_prefix_and_an_event_without_one_does_not_pass(server):
    tenant = unique("t")
    client = await join(server, "u", tenant, subscribe={"resources": ["docs/*", "exact", "a*b"]})
    resources = ["docs/1", "docs/", "docs", "exact", "exactly", "Exact", "a*b", "aXb", "", None]
    events = [event("user_updated", user_id="u", resource=r) for r in resources]
    assert await seen(server, tenant, client, events) == [0, 1, 3, 6]
    await client.close()


async def test_event_types_are_chosen_and_all_conditions_hold_together(server):
    tenant = unique("t")
    client = await join(server, "u", tenant, subscribe={
        "event_types": ["role_assigned", "role_revoked"], "resources": ["docs/*"],
        "min_security_level": "HIGH"})
    full = dict(user_id="u", resource="docs/1", security_level="HIGH", role_name="x")
    events = [event("role_assigned", **full), event("role_revoked", **full),
              event("user_updated", **full), event("role_assigned", **{**full, "resource": "x"}),
              event("role_assigned", **{**full, "security_level": "LOW"})]
    assert await seen(server, tenant, client, events) == [0, 1]
    await client.close()


@pytest.mark.parametrize("roles", [None, ["admin"]])
async def test_a_subscription_never_widens(server, roles):
    tenant = unique("t")
    client = await join(server, "u", tenant, roles=roles, subscribe={
        "resources": ["*"], "min_security_level": "LOW",
        "event_types": ["policy_updated", "user_updated", "role_assigned"]})
    events = [event("policy_updated", resource="r"),
              event("user_updated", user_id="x", resource="r"),
              event("user_updated", user_id="u", resource="r"),
              event("security_violation", user_id="u", resource="r")]
    assert await seen(server, tenant, client, events) == ([0, 1, 2] if roles else [2])
    foreign = server.publish(event("user_updated", user_id="u", resource="r",
                                   tenant_id=tenant + "2"))
    assert await seen(server, tenant, client, []) == [] and foreign["id"] not in client.ids
    await client.close()


async def test_a_later_subscription_replaces_the_earlier_and_is_told(server):
    tenant = unique("t")
    client = await join(server, "u", tenant, subscribe={"event_types": ["role_assigned"]})
    everything = {"type": "subscribed", "min_security_level": "LOW"}
    assert await client.frame("subscribed") == {**everything, "event_types": ["role_assigned"]}
    await client.send({"type": "subscribe", "resources": ["docs/*"]})
    assert await client.frame("subscribed", 2) == {**everything, "event_types": TYPES,
                                                   "resources": ["docs/*"]}
    events = [event("user_updated", user_id="u", resource="docs/1"),
              event("role_assigned", user_id="u", resource="x", role_name="r")]
    assert await seen(server, tenant, client, events) == [0]
    await client.send({"type": "subscribe"})
    assert await client.frame("subscribed", 3) == {**everything, "event_types": TYPES}
    assert await seen(server, tenant, client, events) == [0, 1]
    await client.close()


async def test_an_empty_list_of_types_or_resources_is_answered_and_never_widens(server):
    tenant = unique("t")
    client = await join(server, "u", tenant)
    await client.send({"type": "subscribe", "event_types": [], "resources": []})
    await asyncio.wait([asyncio.ensure_future(client.frame("subscribed")), client.reader],
                       return_when=asyncio.FIRST_COMPLETED, timeout=10)
    assert client.of("subscribed") or client.ended
    await client.close()


async def test_a_filter_holds_for_what_is_replayed(server):
    tenant = unique("t")
    first = await join(server, "u", tenant)
    position = first.position
    made = server.publish([event("user_updated", user_id="u", security_level=level,
                                 tenant_id=tenant) for level in LEVELS])
    await first.event(made[-1]["id"])
    again = await join(server, "u", tenant, position=position,
                       subscribe={"min_security_level": "HIGH"})
    await again.event(made[5]["id"])
    assert again.ids == [made[4]["id"], made[5]["id"]]
    await first.close()
    await again.close()


BAD = [{"event_types": "role_assigned"}, {"event_types": ["no_such_type"]}, {"event_types": [1]},
       {"event_types": None}, {"resources": "x"}, {"resources": [1]}, {"resources": ["x" * 257]},
       {"resources": ["x"] * 33}, {"min_security_level": "SEVERE"}, {"min_security_level": 3},
       {"min_security_level": None}, {"unknown": 1}, {"user_id": "bob"}, {"tenant_id": "x"}]


@pytest.mark.parametrize("filter_", BAD)
async def test_a_wrong_filter_is_named_and_closes(server, filter_):
    client = await join(server, "u", unique("t"))
    await client.send({"type": "subscribe", **filter_})
    assert (await client.closed())[0] == 4005
    error = client.of("error")[0]
    assert error["retryable"] is False and next(iter(filter_)) in error["message"]
    assert client.frames[-1]["type"] == "closing" and client.frames[-1]["code"] == 4005
