# SPDX-License-Identifier: Apache-2.0
# test_audience.py: who sees which event, live and on resume, on any worker (R50-R53, R37, R94).
import asyncio

import pytest

from clients import Client, join, settle
from events import SYSTEM, TYPES, event
from tokens import admin, unique


def expected(kind, names_user=True):
    """By the protocol's table, not by the server's."""
    seen = {"administrator", "second administrator"}
    if kind not in SYSTEM and names_user:
        seen |= {"subject", "target"}
    return seen


async def people(server, tenant, session=True, positions=None, age=60):
    """All who could see or miss an event. The stranger is the subject's namesake elsewhere."""
    places = {"subject": ("subj", tenant, None), "target": ("targ", tenant, None),
              "other": ("othe", tenant, ["editor", "administrators", "Admin"]),
              "administrator": ("root", tenant, ["x", "admin"]),
              "second administrator": ("rbac", tenant, "rbac_admin"),
              "stranger": ("subj", tenant + "2", None),
              "foreign administrator": ("root", tenant + "2", ["admin"])}
    clients = await asyncio.gather(*(
        join(server, user, where, session=session, roles=roles, age=age,
             position=(positions or {}).get(who))
        for who, (user, where, roles) in places.items()))
    return dict(zip(places, clients))


async def settle_all(server, tenant, clients):
    here = [c for c in clients.values() if c.identity[0] == tenant and not c.ended]
    there = [c for c in clients.values() if c.identity[0] != tenant]
    await settle(server, tenant, *here)
    await settle(server, tenant + "2", *there)


async def close_all(clients):
    await asyncio.gather(*(c.close() for c in clients.values()))


def who_saw(clients, made):
    return {who for who, client in clients.items() if made["id"] in client.ids}


@pytest.mark.parametrize("kind", TYPES)
async def test_the_matrix_holds_live_and_on_resume(server, kind):
    tenant = unique("t")
    clients = await people(server, tenant)
    positions = {who: c.position for who, c in clients.items()}
    made = server.publish(event(
        kind, user_id="subj", target_user_id="targ", role_name="nobody-has-it", resource="r",
        action="a", tenant_id=tenant))
    if kind == "user_deleted":
        assert (await clients["target"].closed())[0] == 4002
    await settle_all(server, tenant, clients)
    assert who_saw(clients, made) == expected(kind)
    await close_all(clients)

    # Back with tokens from 8 s ahead: within the leeway, and newer than any fence with its skew.
    again = await people(server, tenant, positions=positions, age=-8)
    await settle_all(server, tenant, again)
    assert who_saw(again, made) == expected(kind)
    for client in again.values():
        assert client.of("auth_ok")[0]["resumed"] is True
        assert client.ids.count(made["id"]) <= 1
    await close_all(again)


@pytest.mark.parametrize("kind", TYPES)
async def test_an_event_that_names_no_user_goes_to_administrators_only(server, kind):
    tenant = unique("t")
    clients = await people(server, tenant, session=False)
    made = server.publish(event(kind, tenant_id=tenant))
    await settle_all(server, tenant, clients)
    assert who_saw(clients, made) == expected(kind, names_user=False)
    await close_all(clients)


async def test_subject_alone_or_target_alone_is_enough(server):
    tenant = unique("t")
    clients = await people(server, tenant)
    subject_only = server.publish(event("role_modified", user_id="subj", tenant_id=tenant))
    target_only = server.publish(event("role_modified", target_user_id="targ", tenant_id=tenant))
    both_one = server.publish(event("role_modified", user_id="subj", target_user_id="subj",
                                    tenant_id=tenant))
    await settle_all(server, tenant, clients)
    admins = {"administrator", "second administrator"}
    assert who_saw(clients, subject_only) == admins | {"subject"}
    assert who_saw(clients, target_only) == admins | {"target"}
    assert who_saw(clients, both_one) == admins | {"subject"}
    assert clients["subject"].ids.count(both_one["id"]) == 1
    await close_all(clients)


async def test_an_administrator_who_is_the_subject_gets_one_copy(server):
    tenant = unique("t")
    root = await join(server, "root", tenant, roles=["admin", "rbac_admin"])
    made = server.publish(event("role_assigned", user_id="root", target_user_id="root",
                                role_name="x", tenant_id=tenant))
    await settle(server, tenant, root)
    assert root.ids.count(made["id"]) == 1
    await root.close()


async def test_user_ids_are_compared_byte_for_byte(server):
    tenant = unique("t")
    users = ["Ann", "ann", "ann ", "an", "ann\u00e9", "anne\u0301", "ann*", "*"]
    clients = {u: await join(server, u, tenant) for u in users}
    made = {u: server.publish(event("user_updated", user_id=u, tenant_id=tenant)) for u in users}
    await settle(server, tenant, *clients.values())
    for user, client in clients.items():
        assert [u for u in users if made[u]["id"] in client.ids] == [user]
    await close_all(clients)


async def test_the_tenant_without_a_name_is_one_of_its_own(server):
    user = unique("u")
    none, empty, named = (await join(server, user), await join(server, user, ""),
                          await join(server, user, unique("t")))
    made = server.publish(event("user_updated", user_id=user))
    await settle(server, None, none)
    await settle(server, named.identity[0], named)
    assert "tenant_id" not in await none.event(made["id"])
    await empty.event(made["id"])
    assert made["id"] not in named.ids
    assert none.of("auth_ok")[0]["tenant_id"] == empty.of("auth_ok")[0]["tenant_id"] == ""
    await asyncio.gather(none.close(), empty.close(), named.close())


async def test_an_unauthenticated_socket_receives_nothing_but_its_close(launch):
    server = launch({"MCP_AUTH_AUTH_TIMEOUT": "0.5"})
    silent = [await Client.open(server, session=bool(i % 2)) for i in range(6)]
    root = await join(server, "root", roles=["admin"])
    server.publish([event(kind, user_id="root") for kind in TYPES if kind != "user_deleted"])
    await settle(server, None, root)
    for client in silent:
        assert await client.closed() == (4205, "Authentication required")
        assert {f["type"] for f in client.frames} <= {"closing"}
    await root.close()


async def test_the_roles_that_make_an_administrator_are_configured(launch):
    server = launch({"MCP_AUTH_ADMIN_ROLES": " boss , chief # the two"})
    boss, admin_ = await join(server, "b", roles=["boss"]), await join(server, "a", roles=["admin"])
    made = server.publish(event("policy_updated"))
    await settle(server, None, boss, admin_)
    assert made["id"] in boss.ids and made["id"] not in admin_.ids
    assert server.post(event("policy_updated"), admin()).status == 403
    await boss.close()
    await admin_.close()
