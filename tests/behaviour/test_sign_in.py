# SPDX-License-Identifier: Apache-2.0
# test_sign_in.py: the first message, renewal, expiry, the Authorization header (R21, R90, R91).
import asyncio
import json
import time

import pytest
import websockets

import raw
from clients import Client, join, refused, settle
from events import event
from tokens import mint, unique

REQUIRED, FAILED = (4001, "Authentication required"), (4001, "Authentication failed")
EXPIRED, FORBIDDEN = (4101, "Token expired"), (4003, "Forbidden")


async def test_auth_ok_says_who_one_is_and_what_one_may(server):
    tenant, user = unique("t"), unique("u")
    client = await join(server, user, tenant, roles=["editor", "viewer"], permissions="docs:*")
    ok = client.frames[0]
    assert list(ok)[0] == "type" and set(ok) == {
        "type", "connection_id", "user_id", "tenant_id", "roles", "permissions", "expires_at",
        "position", "resumed", "heartbeat_interval"}
    assert (ok["user_id"], ok["tenant_id"]) == (user, tenant)
    assert sorted(ok["roles"]) == ["editor", "viewer"] and ok["permissions"] == ["docs:*"]
    assert ok["resumed"] is False and ok["heartbeat_interval"] == 30
    other = await join(server, user, tenant)
    assert other.frames[0]["connection_id"] != ok["connection_id"]
    await client.close()
    await other.close()


NOT_AUTH = ["", "{", "[]", "null", "1", '"auth"', "{}", '{"type":"ping"}', '{"type":"subscribe"}',
            '{"type":"auth"}', '{"type":"auth","token":null}', '{"type":"auth","token":7}',
            '{"type":"auth","token":["x"]}', '{"type":"Auth","token":"x"}', '{"token":"x"}',
            '{"type":"auth","type":"auth","token":"x"}', '{"type":"auth","token":"x","extra":1}',
            '{"type":"auth","token":"x","position":5}',
            '{"type":"auth","token":"x","subscribe":[]}',
            '{"type":["auth"],"token":"x"}', "\ufeff{}", "[" * 5000,
            '{"type":"auth","token":"x"} {}']


@pytest.mark.parametrize("message", NOT_AUTH, ids=range(len(NOT_AUTH)))
@pytest.mark.parametrize("session", [False, True], ids=["plain", "session"])
async def test_anything_but_a_well_formed_auth_first_is_refused(server, message, session):
    client = await Client.open(server, session=session, auth=False)
    await client.send(message)
    assert await client.closed() == REQUIRED
    assert client.frames == ([{"type": "closing", "code": 4001,
                               "reason": "Authentication required"}]
                             if session else [])


async def test_a_binary_auth_is_refused(server):
    client = await Client.open(server)
    await client.send(json.dumps({"type": "auth", "token": mint("u")}).encode())
    assert await client.closed() == REQUIRED
    client = await join(server, "u", unique("t"))
    await client.send(b'{"type":"ping"}')
    assert await client.closed() == (4005, "Bad message")


async def test_the_first_message_has_a_deadline(launch):
    server = launch({"MCP_AUTH_AUTH_TIMEOUT": "0.6"})
    began = time.monotonic()
    plain, session = await Client.open(server), await Client.open(server, session=True)
    assert await plain.closed() == (4205, "Authentication required")
    assert await session.closed() == (4205, "Authentication required")
    assert 0.4 < time.monotonic() - began < 4
    assert session.frames[0]["type"] == "closing" and "retry_after_ms" in session.frames[0]
    client = await join(server, "u")
    await asyncio.sleep(0.9)
    await settle(server, None, client)
    await client.close()


async def test_half_a_first_message_does_not_stop_the_deadline(launch):
    server = launch({"MCP_AUTH_AUTH_TIMEOUT": "0.6"})
    slow = raw.RawClient(server)
    slow.send(raw.frame(raw.TEXT, '{"type":', fin=False))
    for _ in range(4):
        await asyncio.sleep(0.1)
        slow.send(raw.frame(0, " ", fin=False) + raw.frame(raw.PING))
    assert slow.closed(4)[0] == 4205


@pytest.mark.parametrize("size,fits", [(20 * 1024, True), (20 * 1024 + 1, False)])
async def test_before_sign_in_a_message_has_at_most_20_kib(server, size, fits):
    client = await Client.open(server)
    message = json.dumps({"type": "auth", "token": "x"})
    await client.send(message + " " * (size - len(message)))
    assert await client.closed() == FAILED if fits else (await client.closed())[0] == 1009


async def test_a_size_that_is_only_announced_is_refused_before_it_comes(server):
    client = raw.RawClient(server)
    client.send(b"\x81\xff" + (1 << 40).to_bytes(8, "big") + b"\0\0\0\0" + b"xxxx")
    assert client.closed()[0] == 1009


@pytest.mark.parametrize("size,fits", [(64 * 1024, True), (64 * 1024 + 1, False)])
async def test_after_sign_in_a_message_has_at_most_64_kib(server, size, fits):
    client = await join(server, "u", unique("t"))
    message = '{"type":"ping","id":1}'
    await client.send(message + " " * (size - len(message)))
    if fits:
        assert await client.frame("pong") == {"type": "pong", "id": 1}
        await client.close()
    else:
        assert (await client.closed())[0] == 1009


BAD = ["{", "[]", "1", "{}", '{"type":"nonsense"}', '{"type":"ping","extra":1}', '{"type":1}',
       '{"type":"subscribe","event_types":{}}', '{"type":"auth","token":5}', '{"type":"auth"}',
       '{"type":"ping","type":"ping"}', "x" * 1000]


@pytest.mark.parametrize("message", BAD, ids=range(len(BAD)))
async def test_after_sign_in_a_bad_message_is_explained_and_closes(server, message):
    client = await join(server, "u", unique("t"))
    plain = await join(server, "u", client.identity[0], session=False)
    await client.send(message)
    await plain.send(message)
    assert await client.closed() == await plain.closed() == (4005, "Bad message")
    assert [f["type"] for f in client.frames if f["type"] != "event"] == ["auth_ok", "error",
                                                                          "closing"]
    assert {f["type"] for f in plain.frames} == {"event"}


@pytest.mark.parametrize("given", [1, "x", None, [1, {"a": 2}], {"a": "ä"}, 1.5, True])
async def test_a_ping_is_answered_with_its_id(server, given):
    client = await join(server, "u", unique("t"))
    await client.send({"type": "ping", "id": given})
    await client.send({"type": "ping"})
    assert await client.frame("pong", 2) == {"type": "pong"}
    assert client.of("pong")[0].get("id") == given
    await client.close()


async def test_a_token_that_expires_closes_its_connection(launch):
    server = launch({"MCP_AUTH_TOKEN_LEEWAY": 0})
    plain = await Client.open(server, mint("u", lasts=3))
    session = await join(server, "u", lasts=3)
    began = time.monotonic()
    assert await plain.closed() == EXPIRED and await session.closed() == EXPIRED
    assert 1 < time.monotonic() - began < 6
    assert await refused(server, mint("u", lasts=-1)) == EXPIRED
    assert await refused(server, mint("u", lasts=-1), session=True) == EXPIRED
    server.wait_stats(active_connections=0)


async def test_a_renewal_in_time_keeps_the_connection(launch):
    server = launch({"MCP_AUTH_TOKEN_LEEWAY": 0})
    session = await join(server, "u", lasts=2)
    plain = await join(server, "u", session=False, lasts=2)
    for client in (session, plain):
        await client.send({"type": "auth", "token": mint("u", roles=["new"], lasts=60)})
    ok = await session.frame("auth_ok", 2)
    assert ok["resumed"] is True and ok["roles"] == ["new"] and ok["position"] == session.position
    await asyncio.sleep(2.3)
    await settle(server, None, session, plain)
    await session.close()
    await plain.close()


@pytest.mark.parametrize("session", [False, True], ids=["plain", "session"])
async def test_a_renewal_must_be_of_the_same_person_and_good(server, session):
    tenant = unique("t")
    cases = [(mint("u2", tenant), FORBIDDEN), (mint("u", tenant + "2"), FORBIDDEN),
             (mint("u"), FORBIDDEN), (mint("u", tenant, secret="x" * 64), FAILED),
             (mint("u", tenant, lasts=-100), EXPIRED), ("", FAILED), ("x", FAILED)]
    for token, end in cases:
        client = await join(server, "u", tenant, session=session)
        await client.send({"type": "auth", "token": token})
        assert await client.closed() == end, token


async def test_a_renewal_with_a_position_is_a_bad_message(server):
    client = await join(server, "u", unique("t"))
    await client.send({"type": "auth", "token": client.token, "position": client.position})
    assert (await client.closed())[0] == 4005


async def test_a_renewal_takes_the_roles_of_the_new_token_at_once(server):
    tenant = unique("t")
    client = await join(server, "root", tenant, roles=["admin"])
    await client.send({"type": "auth", "token": mint("root", tenant)})
    await client.frame("auth_ok", 2)
    hidden = server.publish(event("policy_updated", tenant_id=tenant))
    await settle(server, tenant, client)
    assert hidden["id"] not in client.ids
    await client.send({"type": "auth", "token": mint("root", tenant, roles=["admin"])})
    await client.frame("auth_ok", 3)
    shown = server.publish(event("policy_updated", tenant_id=tenant))
    await client.event(shown["id"])
    await client.close()


async def test_a_service_signs_in_by_the_authorization_header(server):
    tenant = unique("t")
    header = {"Authorization": f"Bearer {mint('svc', tenant)}"}
    plain = await Client.open(server, headers=header, user="svc")
    await settle(server, tenant, plain)  # in at the 101: nothing was sent
    session = await Client.open(server, headers=header, session=True, user="svc")
    assert (await session.signed_in())["user_id"] == "svc"
    position = session.position
    await settle(server, tenant, plain, session)
    await session.close()
    again = await Client.open(server, headers=header, session=True, user="svc", auth=False)
    await again.send({"type": "auth", "position": position, "subscribe": {}})
    assert (await again.signed_in())["resumed"] is True
    assert {f["type"] for f in plain.frames} == {"event"}
    await plain.close()
    await again.close()


@pytest.mark.parametrize("header",
                         ["Bearer x", "Bearer ", "Bearer", "Basic dTpw", "x", "Bearer a.b.c",
                                    "Bearer {api}", "Bearer {forged}", "Bearer {expired}"])
async def test_a_bad_authorization_header_is_a_401_before_any_websocket(server, api_key, header):
    header = header.format(api=api_key, forged=mint("u", secret="y" * 64),
                           expired=mint("u", lasts=-100))
    for subprotocols in (None, ["mcp-auth.v1"]):
        with pytest.raises(websockets.InvalidStatusCode) as caught:
            await websockets.connect(server.ws, extra_headers={"Authorization": header},
                                     subprotocols=subprotocols)
        assert caught.value.status_code == 401


async def test_a_token_in_the_url_or_a_cookie_signs_nobody_in(launch):
    server = launch({"MCP_AUTH_AUTH_TIMEOUT": "0.5"})
    token = mint("u")
    clients = [await Client.open(server, path=f"/ws?token={token}&access_token={token}"),
               await Client.open(server,
                                 headers={"Cookie": f"token={token}; access_token={token}"})]
    for client in clients:
        assert await client.closed() == (4205, "Authentication required")
    assert token not in server.log


async def test_any_origin_may_connect_when_none_is_configured(server):
    for origin in (None, "null", "https://anywhere.example", "file://"):
        client = await Client.open(server, mint("u"), session=True, origin=origin)
        await client.signed_in()
        await client.close()


async def test_with_origins_configured_others_are_closed_4003(launch):
    server = launch({"MCP_AUTH_ALLOWED_ORIGINS": "https://app.example, http://localhost:3000"})
    for origin in ("https://app.example", "HTTPS://APP.example:443", "http://localhost:3000", None):
        client = await Client.open(server, mint("u"), session=True, origin=origin)
        await client.signed_in()
        await client.close()
    for origin in ("https://evil.example", "http://app.example", "https://app.example.evil.example",
                   "https://app.example:8443", "null", "https://xapp.example", "http://localhost",
                   "https://app.example/"):
        client = await Client.open(server, origin=origin)
        assert await client.closed() == FORBIDDEN, origin
    server.wait_stats(active_connections=0)
