# SPDX-License-Identifier: Apache-2.0
# test_routes.py: every HTTP route but publishing: who gets what, in which shape (R100, R104, R127).
import asyncio
import json
import re

import pytest

import exposition
from clients import Client, join, refused, settle
from events import event
from serving import API_KEY, ROOT
from tokens import admin, mint, unique


def test_ws_without_upgrade_is_a_426_with_a_hint(server):
    answer = server.request("GET", "/ws")
    assert answer.status == 426 and answer.headers["Upgrade"] == "websocket"
    assert answer.error["code"] == "upgrade_required" and "WebSocket" in answer.error["message"]


def test_unknown_paths_are_404_and_say_so_in_json(server):
    for path in ("/nowhere", "/ws/", "/WS", "/v1", "/v1/events/", "/../etc/passwd", "/index.html/",
                 "//", "/%77s", "/healthz/x", "/dev/tokens", "/.env", "/v2/events"):
        answer = server.request("GET", path)
        assert answer.status == 404 and answer.error["code"] == "not_found", path


def test_a_wrong_method_is_a_405_that_names_the_right_ones(server):
    for method, path, allowed in (("GET", "/v1/revocations", "POST"), ("DELETE", "/v1/events", "POST"),
                                  ("POST", "/healthz", "GET, HEAD"), ("PUT", "/", "GET, HEAD"),
                                  ("POST", "/ws", "GET"), ("PUT", "/v1/stats", "GET, OPTIONS")):
        answer = server.request(method, path, "", API_KEY)
        assert answer.status == 405, (method, path)
        assert set(allowed.split(", ")) <= set(answer.headers["Allow"].split(", "))
    assert server.request("BREW", "/healthz").status in (405, 501)


def test_v1_sends_no_cors_headers(server):
    for method in ("GET", "POST", "OPTIONS"):
        answer = server.request(method, "/v1/events", "", None, {
            "Origin": "https://evil.example", "Access-Control-Request-Method": "POST"})
        assert not [h for h in answer.headers if h.lower().startswith("access-control")]


def test_every_error_has_the_shape_of_the_contract(server):
    codes = {row["code"]: row for row in
             json.loads((ROOT / "protocol" / "errors.json").read_text())["errors"]}
    answers = [server.request("GET", "/x"), server.request("GET", "/ws"),
               server.request("POST", "/healthz"), server.post("{", API_KEY),
               server.post("{}", None),
               server.post("{}", mint("u")), server.post("{}", API_KEY, "text/plain")]
    for answer in answers:
        assert set(answer.json()) == {"error"} and set(answer.error) <= {"code", "message",
                                                                         "details"}
        assert codes[answer.error["code"]]["status"] == answer.status
        assert answer.headers["Content-Type"].startswith("application/json")


async def test_statistics_are_exact_in_a_scripted_session(launch):
    server = launch({"MCP_AUTH_WORKERS": 4})
    plain = [await Client.open(server, mint("u"), user="u") for _ in range(3)]
    await asyncio.to_thread(server.wait_stats, active_connections=3)
    session = await join(server, "u")
    position = session.position
    root = await join(server, "root", roles=["admin"])
    for _ in range(2):
        await refused(server, "wrong")
    server.post(event("user_updated"), "wrong")
    made = server.publish([event("user_updated", user_id="u") for _ in range(10)])
    server.publish(event("policy_updated"))
    server.publish(event("access_denied", user_id="u", id="x"))
    server.publish(event("access_denied", user_id="u", id="x"))
    for client in (*plain, session, root):
        await client.event("x")
    await session.send({"type": "auth", "token": mint("u")})
    await session.frame("auth_ok", 2)
    resumed = await join(server, "u", position=position)
    await resumed.event("x")
    waiting = await Client.open(server)
    await asyncio.to_thread(server.wait_stats, waiting_connections=1)
    stats = server.stats()
    assert made and {k: stats[k] for k in (
        "active_connections", "waiting_connections", "total_messages_sent", "auth_failures",
        "sign_ins", "renewals", "resumes", "resumes_lost", "events_published", "events_duplicate",
        "security_events", "effects", "total_messages_received", "workers", "bus")} == {
        "active_connections": 6, "waiting_connections": 1,
        "total_messages_sent": 10 * 5 + 1 + 5 + 11, "auth_failures": 3, "sign_ins": 6,
        "renewals": 1,
        "resumes": 1, "resumes_lost": 0, "events_published": 12, "events_duplicate": 1,
        "security_events": 1, "effects": 0, "total_messages_received": 9, "workers": 4,
        "bus": "none"}
    assert stats["closes"] == {"4001 Authentication failed": 2}
    for client in (*plain, session, root, resumed, waiting):
        await client.close()
    stats = await asyncio.to_thread(server.wait_stats, active_connections=0, waiting_connections=0)
    assert stats["total_messages_sent"] == 67 and stats["total_connections"] >= 6


def test_statistics_are_for_administrators_and_the_api_key(server):
    assert server.request("GET", "/v1/stats", token=API_KEY).status == 200
    assert server.request("GET", "/v1/stats", token=admin(unique("t"))).status == 200
    assert server.request("GET", "/v1/stats",
                          token=mint("u", permissions="realtime:publish")).status == 403
    assert server.request("GET", "/v1/stats").status == 401
    assert server.request("GET", "/v1/stats", token="x").status == 401


SHORT = {"tenant_id", "active_connections", "max_connections", "bus", "workers", "started",
         "uptime_seconds"}


async def test_an_administrator_is_told_of_the_own_tenant_only(server):
    mine, other = unique("t"), unique("t")
    clients = [await join(server, f"u{i}", mine, session=i % 2 == 0) for i in range(5)]
    clients += [await join(server, "u", other)]
    waiting = await Client.open(server)
    for tenant, count in ((mine, 5), (other, 1), (unique("t"), 0)):
        stats = server.stats(admin(tenant))
        assert stats["tenant_id"] == tenant and stats["active_connections"] == count
        # Nothing that sums up the tenants, nor who has not signed in yet.
        assert set(stats) == SHORT
    nameless = server.stats(admin())
    assert nameless["tenant_id"] == ""
    assert nameless["active_connections"] <= server.stats()["active_connections"] - 6
    for client in (*clients, waiting):
        await client.close()
    while server.stats(admin(mine))["active_connections"] > 0:
        await asyncio.sleep(0.03)


async def test_the_administrator_of_the_only_tenant_has_all_counters_until_there_is_another(launch):
    server = launch()
    client = await join(server, "u", "t")
    server.publish(event("user_updated", user_id="u", tenant_id="t"))
    while not server.stats()["total_messages_sent"]:
        await asyncio.sleep(0.02)
    mine, all_of_it = server.stats(admin("t")), server.stats()
    assert mine.pop("tenant_id") == "t" and set(mine) == set(all_of_it)
    assert mine["total_messages_sent"] == all_of_it["total_messages_sent"]
    assert mine["auth_failures"] == 0 and mine["active_connections"] == 1
    # Who is refused has no tenant; an event of another one is enough, on whichever worker.
    assert server.request("GET", "/v1/stats", token=mint("x", "o", secret="x" * 64)).status == 401
    assert "sign_ins" in server.stats(admin("t"))
    server.publish(event("user_updated", user_id="u", tenant_id="other"))
    for _ in range(8):
        assert "sign_ins" not in server.stats(admin("t"))
    await client.close()


async def test_another_tenant_on_any_worker_ends_the_counters_of_the_first(launch):
    server = launch()
    for _ in range(8):
        assert "sign_ins" in server.stats(admin("t"))
    assert "sign_ins" not in server.stats(admin("other"))
    for _ in range(8):
        assert set(server.stats(admin("t"))) == SHORT


def test_health_is_open_and_readiness_has_reasons_for_loopback_only(server):
    assert server.request("GET", "/healthz").json() == {"status": "ok"}
    near = server.request("GET", "/readyz").json()
    assert near["status"] == "ready" and near["reasons"] == []
    far = server.request("GET", "/readyz", headers={"X-Forwarded-For": "203.0.113.9"})
    assert far.status == 200 and far.json() == {"status": "ready"}
    key = server.request("GET", "/readyz", token=API_KEY, headers={"Forwarded": "for=203.0.113.9"})
    assert "reasons" in key.json()


def samples(text):
    return {key: value for _, family in exposition.parse(text.decode()).values()
            for key, value in family.items()}


async def test_metrics_are_prometheus_text_for_loopback_or_the_api_key(server):
    answer = server.request("GET", "/metrics")
    assert answer.status == 200 and answer.body.endswith(b"\n")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    values = samples(answer.body)
    client = await join(server, "u", unique("t"))
    await settle(server, client.identity[0], client)
    later = samples(server.request("GET", "/metrics").body)
    grown = {name for name in later if later[name] > values.get(name, 0)}
    assert {("mcp_auth_sign_ins_total",), ("mcp_auth_events_published_total",),
            ("mcp_auth_frames_sent_total",)} <= grown
    assert server.request("GET", "/metrics", token=API_KEY).status == 200
    far = {"X-Forwarded-For": "203.0.113.9"}
    assert server.request("GET", "/metrics", headers=far).status == 401
    assert server.request("GET", "/metrics", headers=far, token=admin()).status == 401
    assert server.request("GET", "/metrics", headers=far, token=API_KEY).status == 200
    await client.close()


def test_the_page_has_a_policy_and_a_tag_and_is_asked_for_again_only_when_it_changed(server):
    page = server.request("GET", "/")
    assert page.status == 200 and page.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "unsafe" not in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    names = re.findall(rb'(?:src|href)="(?:\./|/)?([^":#]+)"', page.body)
    assert names, page.body
    assert not re.search(rb"<script>|<style>| on[a-z]+=| style=", page.body)
    for name in ["", *(n.decode() for n in names)]:
        answer = server.request("GET", "/" + name)
        tag = answer.headers["ETag"]
        assert answer.status == 200 and re.fullmatch(r'"[^"]+"', tag)
        for match in (tag, f"W/{tag}", f'"x", {tag}', "*"):
            again = server.request("GET", "/" + name, headers={"If-None-Match": match})
            assert again.status == 304 and again.body == b"" and again.headers["ETag"] == tag
        assert server.request("GET", "/" + name, headers={"If-None-Match": '"x"'}).status == 200


@pytest.mark.parametrize("path", ["/", "/healthz", "/v1/stats", "/nowhere"])
def test_answers_cannot_be_taken_for_another_type(server, path):
    assert server.request("GET", path).headers["X-Content-Type-Options"] == "nosniff"
