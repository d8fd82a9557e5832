# SPDX-License-Identifier: Apache-2.0
# test_enforcement.py: what an event takes away is gone at every door and worker at once.
import asyncio
import itertools
import json

import pytest

import raw
from clients import Client, join, refused, settle, without_probes
from events import event
from tokens import mint, unique

REVOKED = (4102, "Token no longer accepted")
MANY = 24  # connections of one user: with four workers, (3/4)^24 = 0.1 % that one has none


async def crowd(server, user, tenant, **who):
    clients = await asyncio.gather(*(join(server, user, tenant, session=i % 3 > 0, **who)
                                     for i in range(MANY)))
    return clients


async def close_all(clients):
    await asyncio.gather(*(c.close() for c in clients))


@pytest.mark.parametrize("way", ["one batch", "the next request", "as administrator herself"])
async def test_a_demoted_administrator_never_sees_the_event_published_next(server, way):
    tenant = unique("t")
    demoted = await crowd(server, "ann", tenant, roles=["admin", "editor"])
    root = await join(server, "root", tenant, roles=["admin"])
    revoke = event("role_revoked", user_id="root", target_user_id="ann", role_name="admin",
                   tenant_id=tenant)
    secret = event("policy_updated", message="not for ann", tenant_id=tenant)
    other = event("user_updated", user_id="bob", tenant_id=tenant)
    if way == "one batch":
        revoked, *hidden = server.publish([revoke, secret, other])
    else:
        token = mint("ann", tenant, roles=["admin"]) if way.startswith("as") else None
        revoked = server.publish(revoke, token) if token else server.publish(revoke)
        hidden = [server.publish(secret), server.publish(other)]
    await settle(server, tenant, root, *demoted)
    assert [h["id"] for h in hidden] == [i for i in root.ids if i in {h["id"] for h in hidden}]
    for client in demoted:
        assert revoked["id"] in client.ids
        assert not {h["id"] for h in hidden} & set(client.ids)
        changed = client.of("scope_changed")
        if client.ws.subprotocol:
            assert changed == [{"type": "scope_changed", "roles": ["editor"], "permissions": []}]
            kinds = [(f["type"], f.get("id")) for f in client.frames]
            assert kinds.index(("scope_changed", None)) < kinds.index(("event", revoked["id"]))
        else:
            assert not changed
    await close_all([root, *demoted])


async def test_effects_hold_whatever_order_of_events_and_however_fast(server):
    """Grants of power are taken back again and again while administrator events flow."""
    tenant = unique("t")
    users = [f"adm{i}" for i in range(6)]
    clients = await asyncio.gather(*(join(server, u, tenant, roles=["admin"]) for u in users * 4))
    batch = []
    for user in users:
        batch += [event("policy_updated", tenant_id=tenant),
                  event("role_revoked", target_user_id=user, role_name="admin", tenant_id=tenant),
                  event("policy_updated", tenant_id=tenant)]
    made = server.publish(batch)
    await settle(server, tenant, *clients)
    for client in clients:
        place, seen = users.index(client.user), without_probes(client.ids)
        # Effects may run ahead of the news (a fence holds as soon as it is accepted), never behind:
        # beyond one's own demotion nothing that is for administrators comes any more.
        allowed = [made[i]["id"] for i in range(3 * place + 2)]
        assert seen == [i for i in allowed if i in seen] and seen[-1] == allowed[-1]
    await close_all(clients)


async def every_door(server, user, old_token, position):
    """What this token still opens: the roles at sign-in, resume and renewal, and what HTTP says."""
    found = {}
    for name, at in (("sign-in", None), ("resume", position)):
        clients = [await Client.open(server, old_token, session=True, position=at, user=user)
                   for _ in range(6)]
        found[name] = {frozenset((await c.signed_in())["roles"]) for c in clients}
        await close_all(clients)
    service = await Client.open(server, session=True, user=user,
                                headers={"Authorization": f"Bearer {old_token}"})
    found["header"] = {frozenset((await service.signed_in())["roles"])}
    await service.send({"type": "auth", "token": old_token})
    found["renewal"] = {frozenset((await service.frame("auth_ok", 2))["roles"])}
    await service.close()
    found["publish"] = {server.post(event("user_updated", user_id=user), old_token).status
                        for _ in range(8)}
    found["stats"] = {server.request("GET", "/v1/stats", token=old_token).status for _ in range(8)}
    return found


async def test_after_role_revoked_no_door_knows_the_role_until_a_newer_token(server):
    tenant = unique("t")
    live = await crowd(server, "ann", tenant, roles=["admin", "editor"])
    old, position = live[0].token, live[1].position
    editor = {frozenset(["editor"])}
    assert (await every_door(server, "ann", old, position))["publish"] == {202}
    server.publish(event("role_revoked", target_user_id="ann", role_name="admin", tenant_id=tenant))
    assert await every_door(server, "ann", old, position) == {
        "sign-in": editor, "resume": editor, "header": editor, "renewal": editor,
        "publish": {403}, "stats": {403}}
    hidden = server.publish(event("policy_updated", tenant_id=tenant))
    again = await join(server, "ann", tenant, token=old, position=position)
    await settle(server, tenant, again, *live)
    assert all(hidden["id"] not in c.ids for c in [again, *live])

    within_skew = mint("ann", tenant, roles=["admin", "editor"], age=-2)
    client = await join(server, "ann", tenant, token=within_skew)
    assert client.frames[0]["roles"] == ["editor"]
    newer = mint("ann", tenant, roles=["admin", "editor"], age=-12)
    await client.send({"type": "auth", "token": newer})
    assert sorted((await client.frame("auth_ok", 2))["roles"]) == ["admin", "editor"]
    shown = server.publish(event("policy_updated", tenant_id=tenant))
    await client.event(shown["id"])
    assert server.post(event("user_updated", user_id="x"), newer).status == 202
    await close_all([client, again, *live])


async def test_a_token_without_iat_is_older_than_any_fence(server):
    tenant = unique("t")
    token = mint("ann", tenant, roles=["admin"], iat=None)
    client = await join(server, "ann", tenant, token=token)
    assert client.frames[0]["roles"] == ["admin"]
    server.publish(event("role_revoked", user_id="ann", role_name="admin", tenant_id=tenant))
    assert (await client.frame("scope_changed"))["roles"] == []
    assert server.post(event("user_updated"), token).status == 403
    await client.close()


CASES = [({"permission": "docs:read"}, {"docs:read"}),
         ({"resource": "docs", "action": "write"}, {"docs:write"}),
         ({"permission": "a:b:c"}, {"a:b:c"}),
         ({"resource": "a", "action": "b:c"}, {"a:b:c"})]


@pytest.mark.parametrize("named,gone", CASES, ids=range(len(CASES)))
async def test_after_permission_revoked_what_it_covers_is_gone(server, named, gone):
    tenant = unique("t")
    held = ["docs:read", "docs:write", "files:read", "a:b:c"]
    live = await join(server, "ann", tenant, permissions=held)
    server.publish(event("permission_revoked", target_user_id="ann", tenant_id=tenant, **named))
    left = [p for p in held if p not in gone]
    assert await live.frame("scope_changed") == {"type": "scope_changed", "roles": [],
                                                 "permissions": left}
    again = await join(server, "ann", tenant, token=live.token)
    assert again.frames[0]["permissions"] == left
    newer = await join(server, "ann", tenant, permissions=held, age=-12)
    assert newer.frames[0]["permissions"] == held
    await close_all([live, again, newer])


async def test_a_revoked_wildcard_takes_every_permission_under_it(server):
    tenant = unique("t")
    live = await join(server, "ann", tenant, permissions=["docs:read", "docs:*", "docs", "files:*"])
    server.publish(event("permission_revoked", user_id="ann", permission="docs:*",
                         tenant_id=tenant))
    assert (await live.frame("scope_changed"))["permissions"] == ["docs", "files:*"]
    await live.close()


async def test_publishing_ends_with_the_permission_to_publish(server):
    tenant = unique("t")
    token = mint("svc", tenant, permissions=["realtime:publish", "x"])
    assert {server.post(event("user_updated"), token).status for _ in range(8)} == {202}
    answer = server.post([event("permission_revoked", target_user_id="svc",
                                permission="realtime:publish"), event("user_updated")], token)
    assert answer.status == 202  # the batch was checked with the authority it came with
    assert {server.post(event("user_updated"), token).status for _ in range(8)} == {403}


async def test_a_deleted_user_receives_that_event_as_the_last_and_is_closed_4002(server):
    tenant = unique("t")
    live = await crowd(server, "ann", tenant)
    position = live[1].position
    root = await join(server, "root", tenant, roles=["admin"])
    made = server.publish([event("user_deleted", user_id="root", target_user_id="ann",
                                 tenant_id=tenant),
                           event("user_updated", user_id="ann", tenant_id=tenant)])
    for client in live:
        assert await client.closed() == (4002, "Account removed")
        assert client.ids[-1] == made[0]["id"]
        assert (client.frames[-1]["type"] == "closing") is bool(client.ws.subprotocol)
    old = live[0].token
    for session, at in itertools.product((False, True), (None, position)):
        assert await refused(server, old, session=session, position=at) == REVOKED
    answers = [server.post(event("user_updated"), old) for _ in range(6)]
    assert {a.status for a in answers} == {401}
    with pytest.raises(Exception, match="401"):
        await Client.open(server, headers={"Authorization": f"Bearer {old}"})
    new = await join(server, "ann", tenant, age=-12, position=position)
    await settle(server, tenant, new, root)
    assert made[1]["id"] in new.ids and made[1]["id"] in root.ids
    await close_all([new, root])


async def test_a_deleted_user_cannot_stay_by_renewing(server):
    tenant = unique("t")
    waiting = await Client.open(server, session=True, auth=False)
    other = await join(server, "bob", tenant)
    server.publish(event("user_deleted", user_id="ann", tenant_id=tenant))
    await waiting.send({"type": "auth", "token": mint("ann", tenant)})
    assert await waiting.closed() == REVOKED
    namesake = await join(server, "ann", unique("t"))  # fences stay in their tenant
    await settle(server, tenant, other)
    await close_all([other, namesake])


async def test_a_handshake_by_header_counts_as_of_now_and_not_as_of_then(server):
    tenant = unique("t")
    header = {"Authorization": f"Bearer {mint('ann', tenant, roles=['admin'])}"}
    role = await Client.open(server, headers=header, session=True, auth=False)
    server.publish(event("role_revoked", target_user_id="ann", role_name="admin", tenant_id=tenant))
    await role.send({"type": "auth"})
    assert (await role.signed_in())["roles"] == []
    gone = await Client.open(server, headers=header, session=True, auth=False)
    server.publish(event("user_deleted", user_id="ann", tenant_id=tenant))
    await gone.send({"type": "auth"})
    assert await gone.closed() == REVOKED
    assert (await role.closed())[0] == 4002


async def test_the_target_is_fenced_and_not_the_one_who_did_it(server):
    tenant = unique("t")
    boss = await join(server, "boss", tenant, roles=["editor"])
    ann = await join(server, "ann", tenant, roles=["editor"])
    server.publish(event("role_revoked", user_id="boss", target_user_id="ann", role_name="editor",
                         tenant_id=tenant))
    assert (await ann.frame("scope_changed"))["roles"] == []
    await settle(server, tenant, boss, ann)
    assert not boss.of("scope_changed")
    await close_all([boss, ann])


async def test_what_changes_nothing_is_not_told_and_assigning_gives_nothing(server):
    tenant = unique("t")
    ann = await join(server, "ann", tenant, roles=["editor"])
    server.publish([event("role_revoked", target_user_id="ann", role_name="other",
                          tenant_id=tenant),
                    event("role_assigned", target_user_id="ann", role_name="admin",
                          tenant_id=tenant),
                    event("permission_granted", target_user_id="ann", permission="realtime:publish",
                          tenant_id=tenant),
                    event("role_revoked", target_user_id="ann", role_name="editor",
                          tenant_id=tenant + "2")])
    hidden = server.publish(event("policy_updated", tenant_id=tenant))
    await settle(server, tenant, ann)
    assert not ann.of("scope_changed") and hidden["id"] not in ann.ids
    assert server.post(event("user_updated"), ann.token).status == 403
    await ann.close()


@pytest.mark.parametrize("members", [
    {"event_type": "role_revoked", "target_user_id": "u"},
    {"event_type": "role_revoked", "role_name": "r"},
    {"event_type": "permission_revoked", "user_id": "u", "resource": "docs"},
    {"event_type": "user_deleted"}], ids=str)
def test_an_event_that_withdraws_nothing_for_want_of_a_name_is_warned_of(server, members):
    taken = server.publish({**members, "tenant_id": unique("t"), "id": unique("nothing")})
    line = server.wait_log("withdraws nothing.*" + taken["id"])
    assert " WARNING " in line and members["event_type"] in line


async def test_replaying_an_event_runs_no_effect(server):
    tenant = unique("t")
    root = await join(server, "root", tenant, roles=["admin"])
    position = root.position
    server.publish(event("role_revoked", target_user_id="root", role_name="admin",
                         tenant_id=tenant))
    await root.frame("scope_changed")
    newer = mint("root", tenant, roles=["admin"], age=-12)
    again = await join(server, "root", tenant, token=newer, position=position)
    shown = server.publish(event("policy_updated", tenant_id=tenant))
    await again.event(shown["id"])
    assert not again.of("scope_changed") and again.frames[0]["roles"] == ["admin"]
    await close_all([root, again])


async def test_with_no_skew_a_token_of_the_next_second_is_new(launch):
    server = launch({"MCP_AUTH_FENCE_SKEW": 0})
    ann = await join(server, "ann", roles=["admin"], age=0)
    server.publish(event("role_revoked", target_user_id="ann", role_name="admin"))
    await ann.frame("scope_changed")
    await asyncio.sleep(1.1)
    await ann.send({"type": "auth", "token": mint("ann", roles=["admin"], age=0)})
    assert (await ann.frame("auth_ok", 2))["roles"] == ["admin"]
    await ann.close()


@pytest.mark.parametrize("what, status", [("role_revoked", 403), ("user_deleted", 401)])
def test_a_request_whose_body_was_held_back_through_the_withdrawal_is_refused(server, what, status):
    tenant = unique("t")
    body = json.dumps(event("role_assigned", user_id="ann", target_user_id="bob",
                            role_name="x", tenant_id=tenant)).encode()
    s = raw.connect(server)
    s.sendall(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
              b"Authorization: Bearer " + mint("ann", tenant, roles=["admin"]).encode() +
              b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:10])
    server.publish(event("policy_updated", tenant_id=tenant))  # by now the head has been read
    server.publish(event(what, user_id="root", target_user_id="ann", role_name="admin",
                         tenant_id=tenant))
    s.sendall(body[10:])
    ((answer, _, _),) = raw.receive_answers(s)
    assert answer == status
