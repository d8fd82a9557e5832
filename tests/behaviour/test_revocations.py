# SPDX-License-Identifier: Apache-2.0
# test_revocations.py: what an administrator takes away or ends, on every worker before the answer.
import json
from urllib.parse import quote

import jwt
import pytest

from clients import join, refused, settle
from events import event
from tokens import admin, mint, unique

JSON = {"Content-Type": "application/json"}


def ask(server, path, token, **members):
    return server.request("POST", path, json.dumps(members) if members else None, token, JSON)


def revoke(server, token, **members):
    return ask(server, "/v1/revocations", token, **members)


async def test_a_revoked_user_is_closed_4102_on_every_worker_and_stays_out(server):
    tenant, user = unique("t"), unique("u")
    token = mint(user, tenant)
    clients = [await join(server, user, tenant, token=token) for _ in range(8)]
    other = await join(server, unique("other"), tenant)
    answer = revoke(server, admin(tenant), user_id=user, reason="left the company")
    assert answer.status == 200, answer
    assert answer.json() == {"revoked": True, "user_id": user, "disconnected": 8}
    for client in clients:
        assert await client.closed() == (4102, "Token no longer accepted")
        assert not client.events
    assert (await refused(server, token))[0] == 4102
    assert server.request("GET", "/v1/stats", token=mint(user, tenant, ["admin"])).status == 401
    await settle(server, tenant, other)
    newer = await join(server, user, tenant, age=-20)
    await settle(server, tenant, newer, other)
    for client in (newer, other):
        await client.close()


async def test_one_revoked_token_ends_and_the_others_of_its_user_go_on(server):
    tenant, user = unique("t"), unique("u")
    bad, good = (mint(user, tenant, jti=unique("jti")) for _ in range(2))
    jti = jwt.decode(bad, options={"verify_signature": False})["jti"]
    first, second = [await join(server, user, tenant, token=token) for token in (bad, good)]
    answer = revoke(server, admin(tenant), token_id=jti)
    assert answer.status == 200 and answer.json() == {"revoked": True, "token_id": jti,
                                                      "disconnected": 1}
    assert (await first.closed())[0] == 4102
    assert (await refused(server, bad))[0] == 4102
    await settle(server, tenant, second)
    again = await join(server, user, tenant, token=good)
    # The same id in another tenant is another token.
    stranger = await join(server, user, unique("t2"), token=mint(user, unique("t3"), jti=jti))
    for client in (second, again, stranger):
        await client.close()


async def test_a_revoked_token_may_not_be_renewed_with(server):
    tenant, user, jti = unique("t"), unique("u"), unique("jti")
    client = await join(server, user, tenant)
    assert revoke(server, admin(tenant), token_id=jti).json()["disconnected"] == 0
    await client.send({"type": "auth", "token": mint(user, tenant, jti=jti)})
    assert (await client.closed())[0] == 4102


async def test_a_disconnected_user_may_come_back(server):
    tenant, user = unique("t"), unique("a b/ü")
    token = mint(user, tenant)
    clients = [await join(server, user, tenant, token=token) for _ in range(6)]
    answer = ask(server, f"/v1/users/{quote(user, safe='')}/disconnect", admin(tenant))
    assert answer.status == 200 and answer.json() == {"disconnected": 6}, answer
    for client in clients:
        assert await client.closed() == (4004, "Disconnected by an administrator")
    back = await join(server, user, tenant, token=token)
    assert ask(server, f"/v1/users/{quote(user, safe='')}/disconnect", admin(unique("t2"))).json() \
        == {"disconnected": 0}
    await settle(server, tenant, back)
    await back.close()


async def test_positions_go_on_over_entries_that_nobody_is_shown(server):
    tenant, user = unique("t"), unique("u")
    client = await join(server, user, tenant)
    root = await join(server, "root", tenant, roles=["admin"])
    server.publish(event("user_updated", id=unique("one"), user_id=user, tenant_id=tenant))
    assert revoke(server, admin(tenant), user_id="nobody").status == 200
    last = unique("two")
    server.publish(event("user_updated", id=last, user_id=user, tenant_id=tenant))
    position = (await client.event(last))["position"]
    await root.event(last)
    assert len(root.events) == 2
    await client.close()
    again = await join(server, user, tenant, position=position)
    assert (await again.signed_in())["resumed"] is True
    for one in (again, root):
        await one.close()


def test_only_an_administrator_of_the_tenant_or_the_key_may(server, api_key):
    tenant = unique("t")
    publisher = mint("p", tenant, permissions=["realtime:publish"])
    for path in ("/v1/revocations", "/v1/users/u/disconnect"):
        assert ask(server, path, None).status == 401
        assert ask(server, path, publisher, user_id="u").status == 403
    answer = revoke(server, admin(tenant), user_id="u", tenant_id="another")
    assert answer.status == 403 and answer.error["code"] == "wrong_tenant"
    assert revoke(server, api_key, user_id="u", tenant_id=tenant).status == 200
    assert ask(server, "/v1/users/u/disconnect", api_key, tenant_id=tenant).status == 200


@pytest.mark.parametrize("body, code, member", [
    ("{}", "missing_member", "user_id"),
    ('{"user_id":1}', "invalid_member", "user_id"),
    ('{"user_id":""}', "invalid_member", "user_id"),
    ('{"user_id":"' + "u" * 257 + '"}', "invalid_member", "user_id"),
    ('{"user_id":"u","token_id":"t"}', "invalid_member", "token_id"),
    ('{"user_id":"u","why":"x"}', "unknown_member", "why"),
    ('{"user_id":"u","reason":null}', "invalid_member", "reason"),
    ('{"user_id":"u"', "bad_json", None),
    ("[]", "bad_request", None),
    ("", "bad_json", None),
])
def test_a_wrong_revocation_is_refused_with_the_place(server, body, code, member):
    answer = server.request("POST", "/v1/revocations", body, admin(unique("t")), JSON)
    assert answer.status == 400 and answer.error["code"] == code, answer
    assert answer.error.get("details", {}).get("member") == member


def test_other_forms_are_refused(server):
    token = admin(unique("t"))
    assert server.request("POST", "/v1/revocations", "user_id=u", token,
                          {"Content-Type": "application/x-www-form-urlencoded"}).status == 415
    assert server.request("POST", "/v1/users/%ff/disconnect", None, token).status == 400
    assert server.request("POST", "/v1/users//disconnect", None, token).status == 404
    assert server.request("POST", "/v1/users/a/b/disconnect", None, token).status == 404
    answer = server.request("GET", "/v1/users/a/disconnect", None, token)
    assert answer.status == 405 and "POST" in answer.headers["Allow"]
    assert server.request("POST", "/v1/revocations", "x" * 5000, token, JSON).status == 413
