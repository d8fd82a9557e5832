# SPDX-License-Identifier: Apache-2.0
# test_connections.py: GET /v1/connections, gathered from every worker; and the limit for one user.
import asyncio
import datetime
import http.client
import threading
import time
from urllib.parse import urlencode

import pytest

from clients import Client, join, settle
from events import event
from test_sse import begin
from tokens import admin, mint, unique


def page(server, token, **query):
    answer = server.request("GET", "/v1/connections?" + urlencode(query), token=token)
    assert answer.status == 200, answer
    content = answer.json()
    assert set(content) == {"connections", "next"}
    return content


def whole(server, token, **query):
    found, after = [], {}
    for _ in range(200):
        content = page(server, token, **query, **after)
        found += content["connections"]
        if content["next"] is None:
            return found
        after = {"after": content["next"]}
    raise AssertionError("pages without end")


def when(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


async def test_every_live_connection_of_the_tenant_is_listed_once(server):
    tenant = unique("t")
    clients = [await join(server, f"u{i}", tenant, roles=["r", "s"]) for i in range(12)]
    plain = await join(server, "plain", tenant, session=False)
    stream = await begin(server, mint("stream", tenant))
    other = await join(server, "u0", unique("t2"))
    waiting = await Client.open(server)
    found = whole(server, admin(tenant))
    by_id = {c["connection_id"]: c for c in found}
    assert len(by_id) == len(found) == 14
    for client in clients:
        auth_ok = await client.signed_in()
        mine = by_id[auth_ok["connection_id"]]
        assert mine["user_id"] == client.user and mine["tenant_id"] == tenant
        assert mine["kind"] == "session" and mine["roles"] == ["r", "s"]
        assert mine["address"].startswith("127.0.0.1:") and mine["backlog_bytes"] == 0
        assert mine["expires_at"] == auth_ok["expires_at"]
        assert abs(when(mine["connected_at"]) - datetime.datetime.now().timestamp()) < 60
    kinds = {c["user_id"]: c["kind"] for c in found}
    assert kinds["plain"] == "plain" and kinds["stream"] == "stream"
    for size in (1, 5):
        assert sorted(by_id) == sorted(c["connection_id"] for c in
                                       whole(server, admin(tenant), limit=size))
    assert [c["user_id"] for c in whole(server, admin(tenant), user_id="u3")] == ["u3"]
    for client in (*clients, plain, stream, other, waiting):
        await client.close()
    for _ in range(100):
        if not whole(server, admin(tenant)):
            break
        await asyncio.sleep(0.05)
    assert whole(server, admin(tenant)) == []


async def test_the_key_sees_all_tenants_and_an_administrator_one(server, api_key):
    mine, other = unique("t"), unique("t")
    a, b = await join(server, "a", mine), await join(server, "b", other)
    assert {c["tenant_id"] for c in whole(server, api_key)} >= {mine, other}
    assert [c["user_id"] for c in whole(server, api_key, tenant_id=other)] == ["b"]
    answer = server.request("GET", f"/v1/connections?tenant_id={other}", token=admin(mine))
    assert answer.status == 403 and answer.error["code"] == "wrong_tenant"
    assert server.request("GET", "/v1/connections", token=mint("u", mine)).status == 403
    assert server.request("GET", "/v1/connections").status == 401
    await a.close()
    await b.close()


@pytest.mark.parametrize("query, member", [
    ("limit=0", "limit"), ("after=x", "after"), ("after=0000000000f", "after"),
    ("after=000000000g", "after"), ("event_type=x", "event_type")])
def test_a_wrong_parameter_is_named(server, query, member):
    answer = server.request("GET", "/v1/connections?" + query, token=admin(unique("t")))
    assert answer.status == 400 and answer.error["details"]["member"] == member


def test_a_cursor_beyond_all_workers_ends(server):
    assert page(server, admin(unique("t")), after="ff00000000") == {"connections": [], "next": None}
    assert page(server, admin(unique("t")), after="00ffffffff") == {"connections": [], "next": None}


async def test_one_connection_too_many_replaces_the_oldest_of_the_user(launch):
    server = launch({"MCP_AUTH_USER_CONNECTIONS": 3, "MCP_AUTH_WORKERS": 4})
    other = await join(server, "u", "another tenant")
    clients = []
    for i in range(10):
        clients.append(await join(server, "u", "t"))
        if i >= 3:
            assert await clients[i - 3].closed() == (4007, "Replaced by a newer connection")
            assert clients[i - 3].of("closing")[0]["code"] == 4007
    await settle(server, "t", *clients[-3:])
    stream = await begin(server, mint("u", "t"))
    assert (await clients[7].closed())[0] == 4007
    assert len(whole(server, admin("t"), user_id="u")) == 3
    # Who left has made room.
    await clients[8].close()
    server.wait_stats(active_connections=3)
    again = await join(server, "u", "t")
    await settle(server, "t", clients[9], again)
    server.publish(event("user_updated", id="last", user_id="u", tenant_id="t"))
    await stream.event("last")
    await settle(server, "another tenant", other)
    for client in (clients[9], stream, again, other):
        await client.close()


async def test_many_at_once_leave_as_many_as_may(launch):
    server = launch({"MCP_AUTH_USER_CONNECTIONS": 5, "MCP_AUTH_WORKERS": 4})
    clients = await asyncio.gather(*[Client.open(server, mint(f"u{i % 4}"), True) for i in range(80)])
    server.wait_stats(active_connections=20)
    assert server.stats()["closes"] == {"4007 Replaced by a newer connection": 60}
    for client in clients:
        await client.close()
    server.wait_stats(active_connections=0)


async def test_a_full_server_replaces_nobody(launch):
    server = launch({"MCP_AUTH_USER_CONNECTIONS": 2, "WEBSOCKET_MAX_CONNECTIONS": 2})
    clients = [await join(server, "u", "t") for _ in range(2)]
    late = await Client.open(server, mint("u", "t"), True)
    assert (await late.closed())[0] == 4204
    await settle(server, "t", *clients)
    assert server.stats()["closes"] == {"4204 Connection limit reached": 1}
    for client in clients:
        await client.close()


async def test_zero_is_no_limit(launch):
    server = launch({"MCP_AUTH_USER_CONNECTIONS": 0})
    clients = [await join(server, "u") for _ in range(20)]
    await settle(server, None, *clients)
    for client in clients:
        await client.close()


@pytest.mark.seconds(90)
def test_a_stop_in_the_middle_of_questions_is_clean(launch):
    for drain in range(3):
        server = launch({"MCP_AUTH_WORKERS": 4, "MCP_AUTH_USER_CONNECTIONS": 2})
        server.publish([event("user_updated", user_id="u") for _ in range(1000)])
        stop = threading.Event()

        def ask(path, method="GET", body=None):
            while not stop.is_set():
                try:
                    server.request(method, path, body, admin(), {"Content-Type": "application/json"})
                except (OSError, http.client.HTTPException):
                    return

        threads = [threading.Thread(target=ask, args=arguments) for arguments in
                   [("/v1/connections",), ("/v1/events?user_id=none",), ("/v1/events?limit=1000",),
                    ("/v1/revocations", "POST", '{"user_id":"u"}'),
                    ("/v1/users/u/disconnect", "POST")] * 2]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        assert server.stop() is None  # judges the end: status, and no report of a sanitizer
        stop.set()
        for thread in threads:
            thread.join(20)
