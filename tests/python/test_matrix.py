# SPDX-License-Identifier: Apache-2.0
# test_matrix.py: who sees which event through ASGI (R37, R50-R53), effects before the event.
import asyncio

import pytest

from clients import join, settle
from events import SYSTEM, TYPES, event
from tokens import unique


def expected(kind, names_user=True):
    """By the protocol's table."""
    seen = {"administrator", "second administrator"}
    if kind not in SYSTEM and names_user:
        seen |= {"subject", "target"}
    return seen


async def people(server, tenant, session):
    places = {"subject": ("subj", tenant, None), "target": ("targ", tenant, None),
              "other": ("othe", tenant, ["editor", "Admin"]),
              "administrator": ("root", tenant, ["x", "admin"]),
              "second administrator": ("rbac", tenant, "rbac_admin"),
              "stranger": ("subj", tenant + "2", None),
              "foreign administrator": ("root", tenant + "2", ["admin"])}
    clients = await asyncio.gather(*(join(server, user, where, session=session, roles=roles)
                                     for user, where, roles in places.values()))
    return dict(zip(places, clients))


async def finish(server, tenant, clients):
    for where in (tenant, tenant + "2"):
        await settle(server, where, *(c for c in clients.values()
                                      if c.identity[0] == where and not c.ended))
    await asyncio.gather(*(c.close() for c in clients.values()))


@pytest.mark.parametrize("kind", TYPES)
async def test_the_matrix_holds(service, kind):
    tenant = unique("t")
    clients = await people(service, tenant, session=True)
    made = service.publish(event(kind, user_id="subj", target_user_id="targ", role_name="nobodys",
                                 resource="r", action="a", tenant_id=tenant))
    nameless = service.publish(event(kind, tenant_id=tenant))
    if kind == "user_deleted":
        assert (await clients["target"].closed())[0] == 4002
    await finish(service, tenant, clients)
    assert {w for w, c in clients.items() if made["id"] in c.ids} == expected(kind)
    assert {w for w, c in clients.items() if nameless["id"] in c.ids} == expected(kind, False)


async def test_plain_clients_too(service):
    tenant = unique("t")
    clients = await people(service, tenant, session=False)
    made = service.publish(event("role_assigned", user_id="subj", target_user_id="targ",
                                 tenant_id=tenant))
    await finish(service, tenant, clients)
    assert {w for w, c in clients.items() if made["id"] in c.ids} == expected("role_assigned")


async def test_a_filter_narrows_and_never_widens_administrators_too(service):
    tenant = unique("t")
    narrow = await join(service, "root", tenant, roles=["admin"], subscribe={
        "event_types": ["role_assigned"], "resources": ["documents/*"],
        "min_security_level": "HIGH"})
    user = await join(service, "u", tenant, subscribe={"event_types": list(TYPES)})
    def of(kind, resource, level):
        return event(kind, user_id="v", resource=resource, security_level=level, tenant_id=tenant)
    wanted = service.publish(of("role_assigned", "documents/7", "critical"))
    for other in (of("role_revoked", "documents/7", "HIGH"), of("role_assigned", "images", "HIGH"),
                  of("role_assigned", "documents/7", "MEDIUM"), of("role_assigned", None, "HIGH")):
        service.publish(other)
    await settle(service, tenant, user)  # they were queued, and the filter has passed over them
    await narrow.send({"type": "subscribe"})
    await narrow.until(lambda: len(narrow.of("subscribed")) == 2, "the filter to be lifted")
    await settle(service, tenant, narrow, user)
    assert [i for i in narrow.ids if not i.startswith("settle")] == [wanted["id"]]
    assert not [i for i in user.ids if not i.startswith("settle")]
    await narrow.close()
    await user.close()


async def test_a_demoted_administrator_does_not_see_the_next_administrators_event(service):
    tenant = unique("t")
    boss = await join(service, "boss", tenant, roles=["admin"])
    root = await join(service, "root", tenant, roles=["admin"])
    first, last = service.publish([
        event("role_revoked", user_id="root", target_user_id="boss", role_name="admin",
              tenant_id=tenant), event("policy_updated", tenant_id=tenant)])
    await settle(service, tenant, boss, root)
    assert first["id"] in boss.ids and last["id"] not in boss.ids and last["id"] in root.ids
    assert boss.of("scope_changed")[0]["roles"] == []
    await boss.close()
    await root.close()


async def test_every_keyword_arrives_unchanged_and_secrets_do_not(service):
    tenant = unique("t")
    given = {"user_id": "u", "user_name": "Ülrike \"Q\" <b>", "target_user_id": "t",
             "resource": "documents/7", "resource_id": "7", "action": "read", "role_name": "editor",
             "permission": "documents:read", "message": "One\ntwo \u2028 \U0001f600 \\ /",
             "security_level": "High", "data": {"n": 1, "deep": [{"x": None}, 1.5, True, "ä"]}}
    client = await join(service, "t", tenant, session=False)
    sent = {**given, "data": {**given["data"], "password": "p", "in": {"Access-Token": "x"}}}
    made = service.publish(event("permission_granted", tenant_id=tenant, **sent))
    frame = await client.event(made["id"])
    for name, value in given.items():
        assert frame[name] == ({**value, "in": {}} if name == "data" else value), name
    await client.close()


def test_what_no_event_has_is_refused(service):
    for wrong in ({"event_type": "role_invented"}, {"event_type": "role_assigned", "userid": "u"},
                  {}, {"event_type": "role_assigned", "security_level": "LOUD"}):
        assert service.post_json("/publish", [wrong]).status == 422, wrong
