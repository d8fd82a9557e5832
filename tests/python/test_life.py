# SPDX-License-Identifier: Apache-2.0
# test_life.py: sign-in, renewal, heartbeats, limits, ends of connections (R61-R63, R80-R83, R90-R92).
import asyncio
import json
import time

import pytest

import raw
from clients import Client, join, refused, settle
from tokens import b64, claims, mint, unique

REQUIRED, FAILED = (4001, "Authentication required"), (4001, "Authentication failed")

# The kinds of bad token; tests/behaviour/test_tokens.py has each, for the core.
BAD = {
    "another secret": mint("mallory", secret="z" * 64),
    "not signed": f"{b64({'alg': 'none'})}.{b64(claims('mallory'))}.",
    "not yet valid": mint("mallory", nbf=time.time() + 86400),
    "issued in the future": mint("mallory", age=-86400),
    "no expiry": mint("mallory", exp=None),
    "no user": mint(None),
    "roles of another type": mint("mallory", roles={"admin": True}),
    "no token": "nonsense",
    "empty": "",
    "larger than 16 KiB": mint("mallory", x="y" * 13000),
}


async def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.03)


@pytest.mark.parametrize("first", ["", "{", "[]", '{"type":"ping"}', '{"type":"auth"}',
                                   '{"type":"auth","token":7}', "x" * (20 * 1024 + 1)],
                         ids=range(7))
async def test_anything_but_auth_first_is_refused(service, first):
    client = await Client.open(service, auth=False)
    await client.send(first)
    end = await client.closed()
    assert end == REQUIRED if len(first) < 9999 else end[0] == 1009, end
    assert not client.frames


async def test_a_binary_message_is_refused(service):
    client = await Client.open(service)
    await client.send(json.dumps({"type": "auth", "token": mint("u")}).encode())
    assert (await client.closed())[0] == 4001
    client = await join(service, "u", unique("t"))
    await client.send(b"{}")
    assert (await client.closed())[0] == 4005


@pytest.mark.parametrize("name", BAD)
async def test_a_token_that_is_not_to_be_believed_is_refused(service, name):
    before = service.stats()["auth_failures"]
    assert await refused(service, BAD[name]) == FAILED
    await until(lambda: service.stats()["auth_failures"] == before + 1)


async def test_an_expired_token_closes_4101_and_no_message_in_time_4205(serve):
    server = serve({"MCP_AUTH_AUTH_TIMEOUT": 1, "MCP_AUTH_TOKEN_LEEWAY": 0,
                    "WEBSOCKET_HEARTBEAT_INTERVAL": 1})
    silent = await Client.open(server, auth=False)
    short = await join(server, "u", token=mint("u", lasts=2))
    assert await silent.closed() == (4205, "Authentication required")
    assert await short.closed() == (4101, "Token expired")


async def test_renewal_keeps_the_connection_and_another_user_is_refused(service):
    tenant = unique("t")
    client = await join(service, "u", tenant)
    await client.send({"type": "auth", "token": mint("u", tenant, roles=["editor"])})
    assert (await client.frame("auth_ok", 2))["roles"] == ["editor"]
    await client.send({"type": "auth", "token": mint("v", tenant)})
    assert (await client.closed())[0] == 4003


async def test_revoke_and_disconnect_close_at_once_and_say_how_many(service):
    tenant = unique("t")
    first, second, other = [await join(service, user, tenant) for user in ("u", "u", "v")]
    listed = [c for c in service.request("GET", "/connections").json()
              if c["tenant_id"] == tenant]
    assert sorted(c["user_id"] for c in listed) == ["u", "u", "v"]
    assert service.post_json(f"/disconnect?user_id=v&tenant_id={tenant}", None).json() == 1
    assert (await other.closed())[0] == 4004
    assert service.post_json(f"/revoke?user_id=u&tenant_id={tenant}", None).json() == 2
    assert (await first.closed())[0] == (await second.closed())[0] == 4102
    assert (await refused(service, mint("u", tenant)))[0] in (4102, 4001)
    again = await join(service, "v", tenant)  # who was only disconnected may come back
    await again.close()


async def test_a_revoked_token_id_closes_that_one_only(service):
    tenant = unique("t")
    one = await join(service, "u", token=mint("u", tenant, jti=unique("jti")), tenant=tenant)
    jti = unique("jti")
    two = await join(service, "u", token=mint("u", tenant, jti=jti), tenant=tenant)
    assert service.post_json(f"/revoke?token_id={jti}&tenant_id={tenant}", None).json() == 1
    assert (await two.closed())[0] == 4102
    await settle(service, tenant, one)
    await one.close()


async def test_heartbeats_come_at_the_interval_to_sessions_only(serve):
    server = serve({"WEBSOCKET_HEARTBEAT_INTERVAL": "1  # seconds"})
    session = await join(server, "u")
    plain = await Client.open(server, mint("u"))
    assert session.of("auth_ok")[0]["heartbeat_interval"] == 1
    await session.frame("heartbeat", 3, seconds=8)
    assert not plain.frames and not plain.ended
    await session.close()
    await plain.close()


async def test_limits_change_at_once_and_lowering_keeps_who_is_there(serve):
    server = serve({"WEBSOCKET_HEARTBEAT_INTERVAL": 30})
    clients = [await join(server, "u") for _ in range(4)]
    assert server.set(max_connections=2).json()["max_connections"] == 2
    assert await refused(server, mint("u"), session=True) == (4204, "Connection limit reached")
    assert server.stats()["active_connections"] == 4
    server.set(max_connections=10)
    late = await join(server, "u")
    server.set(heartbeat_interval=1)
    for client in [late, *clients]:
        await client.frame("heartbeat", 1, seconds=8)
    server.set(rate_limit_messages=5, rate_limit_window=60)
    for _ in range(8):
        await late.send({"type": "ping"})
    assert await late.closed() == (4203, "Rate limit exceeded")
    for name, wrong in (("max_connections", 0), ("heartbeat_interval", "soon"),
                        ("rate_limit_messages", 1.5), ("rate_limit_window", -1)):
        assert server.set(**{name: wrong}).status == 422, name
    for client in clients:
        await client.close()


async def test_the_101st_message_within_the_window_closes(service):
    client = await join(service, "u", unique("t"))
    for i in range(99):  # with the auth these are 100
        await client.send({"type": "ping", "id": i})
    await client.frame("pong", 99)
    await client.send({"type": "ping"})
    assert await client.closed() == (4203, "Rate limit exceeded")


async def test_a_close_a_reset_and_a_vanished_peer_leave_nothing_behind(serve):
    server = serve(arguments=["--ws-ping-interval", "1", "--ws-ping-timeout", "1"])
    ways = [await join(server, "u") for _ in range(3)]
    silent = raw.RawClient(server, token=mint("u"))
    await until(lambda: server.stats()["active_connections"] == 4)
    await ways[0].close()
    ways[1].ws.transport.abort()
    ways[2].ws.transport.close()
    await until(lambda: server.stats()["active_connections"] == 0, 20)  # it answers no PING
    silent.close()
    for client in ways:
        await client.reader


async def test_a_scripted_session_is_counted_exactly(serve):
    server = serve()
    clients = [await Client.open(server, mint("u"), session=True, user="u") for _ in range(3)]
    for client in clients:
        await client.signed_in()
    await refused(server, mint("u", secret="z" * 64))
    for n in range(5):
        server.publish({"event_type": "user_updated", "user_id": "u", "id": f"n{n}"})
    for client in clients:
        await client.event("n4")
    stats = server.stats()
    assert (stats["active_connections"], stats["total_messages_sent"], stats["auth_failures"]) == (
        3, 15, 1), stats
    for client in clients:
        await client.close()
    await until(lambda: server.stats()["active_connections"] == 0)


async def test_a_session_resumes_where_it_was(service):
    tenant = unique("t")
    client = await join(service, "u", tenant)
    first = service.publish({"event_type": "user_updated", "user_id": "u", "tenant_id": tenant})
    await client.event(first["id"])
    position = client.position
    await client.close()
    missed = service.publish([{"event_type": "user_updated", "user_id": "u", "tenant_id": tenant}
                              for _ in range(300)])
    again = await join(service, "u", tenant, position=position)
    assert again.of("auth_ok")[0]["resumed"] is True
    await again.event(missed[-1]["id"])
    assert again.ids == [made["id"] for made in missed]
    await again.close()
